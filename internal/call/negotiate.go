package call

import (
	"strconv"

	"github.com/talkpath/talkpath/media"
)

// newMedia makes the leg's media session.
func (ch *Channel) newMedia(cfg media.SessionConfig) {
	cfg.Label, cfg.OnEvent = ch.uuid, ch.mediaEvent
	ch.media = ch.core.media.newSession(cfg)
}

// negotiated takes over what the session agreed on with the peer, as variables and as the channel's codec. remote is the peer's
// description if it is new.
func (ch *Channel) negotiated(remote []byte) bool {
	c, ok := ch.media.Codec()
	if !ok {
		return false
	}
	if ch.codec.Same(c) {
		if len(remote) > 0 {
			ch.renegotiated(remote)
		}
		return true
	}
	if len(remote) > 0 {
		ch.vars.set(Variable{Name: "switch_r_sdp", Value: string(remote), Wire: true})
		ch.set("ep_codec_string", codecString(c))
	}
	if ch.direction == inbound && ch.ringing != nil { // answered for a called leg
		ch.set("video_media_flow", "inactive")
		ch.set("text_media_flow", "inactive")
	}
	ch.set("rtp_use_codec_string", ch.codecNames())
	ch.codec = c
	ch.setRemoteFlow()
	if ch.direction == inbound {
		ch.setFlow()
	}
	ch.set("rtp_audio_recv_pt", strconv.Itoa(int(c.PayloadType)))
	ch.setCodec(c)
	ch.setDTMFType()
	local := ch.localDescription()
	ch.setLocalMedia(local)
	ch.set("rtp_use_pt", strconv.Itoa(int(c.PayloadType)))
	ch.setEventPayloads(local)
	ch.setRemoteMedia()
	return true
}

// setDTMFType says how digits are sent to the peer.
func (ch *Channel) setDTMFType() {
	way := dtmfNone
	switch {
	case ch.takesEvents():
		way = "rfc2833"
	case ch.dtmfType() == dtmfInfo:
		way = dtmfInfo
	}
	ch.set("dtmf_type", way)
}

// setCodec sets the variables that name the codec.
func (ch *Channel) setCodec(c media.Codec) {
	rate, channels, ptime := strconv.Itoa(c.SampleRate()), strconv.Itoa(max(c.Channels, 1)), 20
	if c.Ptime > 0 {
		ptime = c.Ptime
	}
	ch.set("rtp_use_codec_name", c.Name)
	ch.set("rtp_use_codec_rate", strconv.Itoa(c.ClockRate))
	ch.set("rtp_use_codec_ptime", strconv.Itoa(ptime))
	ch.set("rtp_use_codec_channels", channels)
	ch.set("rtp_last_audio_codec_string", c.Name+"@"+strconv.Itoa(c.ClockRate)+"h@"+strconv.Itoa(ptime)+"i@"+channels+"c")
	ch.set("read_codec", c.Name)
	ch.set("original_read_codec", c.Name)
	ch.set("read_rate", rate)
	ch.set("original_read_rate", rate)
	ch.set("write_codec", c.Name)
	ch.set("write_rate", rate)
}

// renegotiated takes over a description that changed nothing but addresses and directions.
func (ch *Channel) renegotiated(remote []byte) {
	ch.vars.set(Variable{Name: "switch_r_sdp", Value: string(remote), Wire: true})
	ch.set("ep_codec_string", codecString(ch.codec))
	ch.set("rtp_use_codec_string", ch.codecNames())
	ch.setRemoteFlow()
	ch.setFlow()
}

// setRemoteFlow says in which directions the peer wants media; there is no video and no text.
func (ch *Channel) setRemoteFlow() {
	ch.set("remote_video_media_flow", "inactive")
	ch.set("remote_text_media_flow", "inactive")
	ch.set("remote_audio_media_flow", ch.media.RemoteDirection().String())
}

// setFlow says in which directions media flows, seen from here.
func (ch *Channel) setFlow() {
	ch.set("audio_media_flow", ch.media.RemoteDirection().Answer(media.SendRecv).String())
}

// localDescription is what the peer was told last; an empty one before.
func (ch *Channel) localDescription() *media.Description {
	d, err := media.ParseDescription(ch.media.LocalSDP())
	if err != nil {
		return &media.Description{}
	}
	return d
}

// setLocalMedia sets the address the peer was told.
func (ch *Channel) setLocalMedia(d *media.Description) {
	if !d.Addr.IsValid() {
		return
	}
	ip := d.Addr.Addr().String()
	ch.set("local_media_ip", ip)
	ch.set("local_media_port", strconv.Itoa(int(d.Addr.Port())))
	ch.set("advertised_media_ip", ip)
}

func (ch *Channel) setRemoteMedia() {
	d, err := media.ParseDescription(ch.media.RemoteSDP())
	if err != nil || !d.Addr.IsValid() {
		return
	}
	ch.set("remote_media_ip", d.Addr.Addr().String())
	ch.set("remote_media_port", strconv.Itoa(int(d.Addr.Port())))
}

// setEventPayloads sets the payload types of telephone-event in both directions.
func (ch *Channel) setEventPayloads(local *media.Description) {
	if send := eventsOf(ch.media.Codecs()); len(send) > 0 {
		ch.set("rtp_2833_send_payload", strconv.Itoa(int(send[0].PayloadType)))
		if recv := eventsOf(local.Codecs); len(recv) > 0 {
			ch.set("rtp_2833_recv_payload", strconv.Itoa(int(recv[0].PayloadType)))
		}
	}
}

// codecNames is the codec list that the leg works with, rtp_use_codec_string.
func (ch *Channel) codecNames() string {
	if v := ch.vars.value("rtp_use_codec_string"); v != "" {
		return v
	}
	if ch.incoming != nil {
		return ch.incoming.CodecPrefs
	}
	return codecStrings(ch.offered)
}

func codecStrings(codecs []media.Codec) string {
	s := ""
	for _, c := range audioOf(codecs) {
		if s != "" {
			s += ","
		}
		s += codecString(c)
	}
	return s
}
