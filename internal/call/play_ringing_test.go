package call

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/media"
)

func TestRingback(t *testing.T) {
	for _, c := range []struct {
		name  string
		apps  []string
		told  string // what the caller is told when the called leg rings
		plays int
	}{
		{"tone as early media", []string{"set ringback=%(2000,4000,440,480)"}, "early", 1},
		{"a stream", []string{"set ringback=local_stream://moh"}, "early", 1},
		{"nothing set", nil, "ring", 0},
		{"silence", []string{"set ringback=silence"}, "ring", 0},
		{"a file that is missing", []string{"set ringback=nosuch.wav"}, "early", 0},
		{"at once", []string{"set instant_ringback=true", "set ringback=%(2000,4000,440,480)"}, "early", 1},
		{"after the answer", []string{"answer", "set transfer_ringback=%(2000,4000,440,480)"}, "", 1},
		{"the other after the answer", []string{"answer", "set ringback=%(2000,4000,440,480)"}, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := soundRig(t, append(c.apps, "bridge user/1016@127.0.0.1")...)
				r.dialer.add("1016")
				a := r.call("1")
				if c.told == "" {
					a.want("answer")
				}
				b := r.dialer.next()
				if c.name != "at once" {
					b.h.LegProgress(180, nil, nil)
				}
				if c.told != "" {
					a.want(c.told)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				plays := r.media.all[0].plays()
				if len(plays) != c.plays {
					t.Errorf("%d sounds", len(plays))
				}
				b.h.LegAnswered([]byte(sdpB), nil)
				if c.told != "" {
					a.want("answer")
				}
				r.untilEvent("CHANNEL_BRIDGE", inbound)
				for _, took := range r.media.all[0].plays() {
					if took != "1s" {
						t.Errorf("the tone lasted %q", took)
					}
				}
				a.h.LegEnded(bye)
				b.want("hangup NORMAL_CLEARING")
				r.until(2)
			})
		})
	}
}

func TestRingbackEndsWithTheRinging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := soundRig(t, "set ringback=%(2000,4000,440,480)", "set call_timeout=14", "bridge user/1016@127.0.0.1")
		r.dialer.add("1016")
		a := r.call("1")
		b := r.dialer.next()
		b.h.LegProgress(180, nil, nil)
		a.want("early")
		b.want("hangup NO_ANSWER")
		a.want("hangup NORMAL_CLEARING")
		r.until(2)
		got := strings.Join(r.media.all[0].plays(), " ")
		if got != "6s 6s 2s" { // the tone goes round
			t.Errorf("tones lasted %s", got)
		}
	})
}

// movingLeg is a caller that takes another codec.
type movingLeg struct {
	*fakeLeg
	answer []byte
}

func (l movingLeg) Reoffer(sdp []byte, done func([]byte, error)) error {
	l.note("reoffer")
	go done(l.answer, nil)
	return nil
}

// A caller that heard the tone in one codec changes to the one that the called leg chose.
func TestCallerChangesItsCodecAfterTheTone(t *testing.T) {
	const both = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 9 0\r\n"
	r := soundRig(t, "set ringback=%(2000,4000,440,480)", "bridge user/1016@127.0.0.1")
	r.dialer.add("1016")
	a := movingLeg{newFakeLeg(t), []byte(sdpB)}
	h, err := r.core.NewInbound(Inbound{Leg: a, ChannelName: "sofia/internal/1015@x", CallerNum: "1015", Destination: "1", Context: "plain", SDP: []byte(both)})
	if err != nil {
		t.Fatal(err)
	}
	b := r.dialer.next()
	b.h.LegProgress(180, nil, nil)
	a.want("early")
	if c, _ := r.media.all[0].Codec(); c.Name != "G722" {
		t.Fatalf("the tone is in %s", c.Name)
	}
	b.h.LegProgress(183, []byte(sdpB), nil) // not in the codec of the tone: not passed on
	b.h.LegAnswered([]byte(sdpB), nil)
	a.want("answer")
	h.LegConfirmed(nil)
	a.want("reoffer")
	r.untilEvent("CHANNEL_BRIDGE", inbound)
	if c, _ := r.media.all[0].Codec(); !c.Same(media.CodecsByName("PCMU")[0]) {
		t.Errorf("the call is in %s", c.Name)
	}
	h.LegEnded(bye)
	b.want("hangup NORMAL_CLEARING")
	r.until(2)
}
