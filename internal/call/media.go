package call

import (
	"errors"
	"time"

	"github.com/talkpath/talkpath/media"
	"github.com/talkpath/talkpath/media/audio"
)

// mediaSession is what a channel uses of *media.Session. Tests give another, without sockets.
type mediaSession interface {
	SetRemoteOffer(sdp []byte) error
	RemoteCodecs() []media.Codec
	Kind() media.Kind
	Answer(codecs []media.Codec) ([]byte, error)
	Offer(kind media.Kind, codecs []media.Codec) ([]byte, error)
	SetRemoteAnswer(sdp []byte) error
	LocalSDP() []byte
	RemoteSDP() []byte
	Codec() (media.Codec, bool)
	Codecs() []media.Codec
	Secure() string
	RemoteDirection() media.Direction
	Reoffer(dir media.Direction) ([]byte, error)
	Straight() ([]byte, error)
	CrossOffer(peer []byte) ([]byte, error)
	CrossAnswer(offer, peer []byte) ([]byte, error)
	StandAside(on bool)
	Echo(on bool)
	Mute(on bool)
	Level(said bool, level int) error
	SendDTMF(digits string, ms int) error
	DetectDTMF(on bool) error
	Stats() media.Stats
	Unbridge()
	Close()
}

// mediaEngine makes sessions and connects them, plays to them and records them.
type mediaEngine interface {
	newSession(cfg media.SessionConfig) mediaSession
	bridge(a, b mediaSession) error
	play(s mediaSession, src audio.Source, done func(error)) (playback, error)
	record(s mediaSession, opt media.RecordOptions, done func(media.RecordResult)) (recorder, error)
	mix(legs ...mediaSession) (mixer, error)
	unicast(s mediaSession, opt media.UnicastOptions, done func(error)) (unicaster, error)
}

// playback, recorder and mixer are what a channel uses of *media.Playback, *media.Recording and *media.Mixer.
type playback interface {
	Stop()
	Position() time.Duration
}

type recorder interface {
	Stop()
	Pause(on bool)
	Mask(on bool)
}

type mixer interface{ Close() }

// engine is the mediaEngine of a *media.Engine.
type engine struct{ *media.Engine }

func (e engine) newSession(cfg media.SessionConfig) mediaSession { return e.NewSession(cfg) }

// errForeign is a session of another engine.
var errForeign = errors.New("call: not sessions of one engine")

func (e engine) bridge(a, b mediaSession) error {
	x, ok1 := a.(*media.Session)
	y, ok2 := b.(*media.Session)
	if !ok1 || !ok2 {
		return errForeign
	}
	return media.Bridge(x, y)
}

func (e engine) play(s mediaSession, src audio.Source, done func(error)) (playback, error) {
	x, ok := s.(*media.Session)
	if !ok {
		return nil, errors.Join(errForeign, audio.Close(src))
	}
	p, err := x.Play(src, done)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (e engine) record(s mediaSession, opt media.RecordOptions, done func(media.RecordResult)) (recorder, error) {
	x, ok := s.(*media.Session)
	if !ok {
		return nil, errForeign
	}
	r, err := x.Record(opt, done)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (e engine) unicast(s mediaSession, opt media.UnicastOptions, done func(error)) (unicaster, error) {
	x, ok := s.(*media.Session)
	if !ok {
		return nil, errForeign
	}
	u, err := x.Unicast(opt, done)
	if err != nil {
		return nil, err
	}
	return u, nil
}

func (e engine) mix(legs ...mediaSession) (mixer, error) {
	list := make([]*media.Session, len(legs))
	for i, s := range legs {
		x, ok := s.(*media.Session)
		if !ok {
			return nil, errForeign
		}
		list[i] = x
	}
	m, err := media.Mix(list...)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// bitRate is what FreeSWITCH shows as a codec's bit rate: 0 for variable ones.
func bitRate(c media.Codec) int {
	switch c.Name {
	case "PCMU", "PCMA", "G722":
		return 64000
	}
	return 0
}

// codecString is the codec as FreeSWITCH names it with its module, ep_codec_string.
func codecString(c media.Codec) string {
	switch c.Name {
	case "PCMU", "PCMA":
		return "CORE_PCM_MODULE." + c.FreeSWITCHName()
	case "G722":
		return "mod_spandsp." + c.FreeSWITCHName()
	}
	return "mod_opus." + c.FreeSWITCHName()
}

// audioOf leaves out what is no audio; eventsOf keeps only telephone-events.
func audioOf(codecs []media.Codec) []media.Codec { return filter(codecs, media.Codec.IsAudio) }
func eventsOf(codecs []media.Codec) []media.Codec {
	return filter(codecs, media.Codec.IsTelephoneEvent)
}

// besides are the formats of a list that go with the audio: telephone-events, and comfort noise unless it is suppressed.
func (ch *Channel) besides(codecs []media.Codec) []media.Codec {
	return filter(ch.allowed(codecs), func(c media.Codec) bool { return c.IsTelephoneEvent() || c.IsComfortNoise() })
}

// allowed leaves out comfort noise if the profile has suppress-cng, or the channel or the globals the variable suppress_cng; both also as FreeSWITCH
// once misspelled them.
func (ch *Channel) allowed(codecs []media.Codec) []media.Codec {
	suppressed := ch.incoming != nil && ch.incoming.SuppressCNG || ch.dest != nil && ch.dest.SuppressCNG
	for _, name := range [...]string{"suppress_cng", "supress_cng"} {
		v, ok := env{ch}.Var(name)
		suppressed = suppressed || ok && isTrue(v.Text)
	}
	if !suppressed {
		return codecs
	}
	return filter(codecs, func(c media.Codec) bool { return !c.IsComfortNoise() })
}

func filter(codecs []media.Codec, keep func(media.Codec) bool) []media.Codec {
	var out []media.Codec
	for _, c := range codecs {
		if keep(c) {
			out = append(out, c)
		}
	}
	return out
}
