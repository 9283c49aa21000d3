package call

import (
	"errors"

	"github.com/talkpath/talkpath/media"
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
	Echo(on bool)
	SendDTMF(digits string, ms int) error
	Stats() media.Stats
	Unbridge()
	Close()
}

// mediaEngine makes sessions and connects them.
type mediaEngine interface {
	newSession(cfg media.SessionConfig) mediaSession
	bridge(a, b mediaSession) error
}

// engine is the mediaEngine of a *media.Engine.
type engine struct{ *media.Engine }

func (e engine) newSession(cfg media.SessionConfig) mediaSession { return e.NewSession(cfg) }

func (e engine) bridge(a, b mediaSession) error {
	x, ok1 := a.(*media.Session)
	y, ok2 := b.(*media.Session)
	if !ok1 || !ok2 {
		return errors.New("call: not sessions of one engine")
	}
	return media.Bridge(x, y)
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

func filter(codecs []media.Codec, keep func(media.Codec) bool) []media.Codec {
	var out []media.Codec
	for _, c := range codecs {
		if keep(c) {
			out = append(out, c)
		}
	}
	return out
}
