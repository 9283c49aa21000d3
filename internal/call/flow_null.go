package call

import (
	"fmt"

	"github.com/talkpath/talkpath/media"
)

// nullLeg is the leg of null/NAME, mod_loopback's endpoint without anybody: it answers at once, says nothing and hears into the void. Programs
// use it to try an application, or to have a channel that commands can act on.
type nullLeg struct{}

// nowhere is the destination null/NAME.
func nowhere(name string) Destination {
	name = headerText(name)
	return Destination{ChannelName: "null/" + name, CalleeNum: name, CodecPrefs: "PCMU", Dial: func(o Outbound, h LegHandler) (Leg, error) {
		d, err := media.ParseDescription(o.SDP)
		if err != nil || len(d.Codecs) == 0 {
			return nil, errNoCodec
		}
		h.LegAnswered(void(d.Codecs[0]), nil)
		return nullLeg{}, nil
	}}
}

// void is the answer of a peer at the discard port (RFC 863), which sends nothing.
func void(c media.Codec) []byte {
	return fmt.Appendf(nil, "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP %d\r\na=rtpmap:%d %s/%d\r\na=recvonly\r\n",
		c.PayloadType, c.PayloadType, c.Name, c.ClockRate)
}

// What follows implements Leg.

func (nullLeg) SetHeaders([]Variable)         {}
func (nullLeg) Ring([]byte) error             { return nil }
func (nullLeg) Answer([]byte) error           { return nil }
func (nullLeg) Hangup(HangupReason)           {}
func (nullLeg) SendInfo(string, []byte) error { return nil }
func (nullLeg) Request(Request) error         { return nil }
func (nullLeg) Redirect([]string) error       { return nil }
func (nullLeg) Refer(string) error            { return nil }
func (nullLeg) Reoffer(sdp []byte, done func([]byte, error)) error {
	d, err := media.ParseDescription(sdp)
	if err != nil || len(d.Codecs) == 0 {
		return errNoCodec
	}
	done(void(d.Codecs[0]), nil)
	return nil
}
