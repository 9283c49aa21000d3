package call

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/media"
)

// Where the phones of these calls have their media.
const placeA, placeB = "127.0.0.1:42266 sendrecv", "127.0.0.1:44978 sendrecv"

// bypassed is a call of two phones that can be re-INVITEd.
type bypassed struct {
	*rig
	a, b *fakeLeg
}

func newBypassed(t *testing.T) *bypassed {
	t.Helper()
	r := flowRig(t)
	c := &bypassed{rig: r}
	c.a, c.b = talking(r)
	c.a.reoffer, c.b.reoffer = answers(sdpA), answers(sdpB)
	return c
}

// answers gives one answer after the other, the last one again and again; "" refuses.
func answers(list ...string) func([]byte) []byte {
	return func([]byte) []byte {
		one := list[0]
		if len(list) > 1 {
			list = list[1:]
		}
		if one == "" {
			return nil
		}
		return []byte(one)
	}
}

// told are the places that the caller and the callee were told of, in order.
func (c *bypassed) told() [2]string {
	var out [2]string
	for i := range out {
		s := c.media.all[i]
		s.mu.Lock()
		out[i] = strings.Join(s.crossed, ", ")
		s.mu.Unlock()
	}
	return out
}

// aside says whether the media of both legs goes elsewhere, or that of none.
func (c *bypassed) aside(want bool) bool {
	for _, s := range c.media.all[:2] {
		s.mu.Lock()
		aside := s.aside
		s.mu.Unlock()
		if aside != want {
			return false
		}
	}
	return true
}

// count is how often a leg was told something.
func (l *fakeLeg) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(l.calls), func(s string) bool { return s != what }))
}

func (c *bypassed) bridges() int {
	c.media.mu.Lock()
	defer c.media.mu.Unlock()
	return c.media.bridges
}

// goesStraight has the media leave.
func (c *bypassed) goesStraight(t *testing.T) {
	t.Helper()
	if err := channelOf(t, c.a).Bypass(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return c.aside(true) })
}

// ends hangs up and waits for the end of both legs.
func (c *bypassed) ends() {
	c.a.h.LegEnded(bye)
	c.until(2)
	if c.b.count("hangup NORMAL_CLEARING") != 1 {
		c.t.Error("the callee is not hung up")
	}
}

func TestBypass(t *testing.T) {
	moved, movedB := strings.ReplaceAll(sdpA, "42266", "50000"), strings.ReplaceAll(sdpB, "44978", "50002")
	for _, tc := range []struct {
		name   string
		a, b   []string // answers
		ok     bool
		told   [2]string
		offers [2]int // re-INVITEs, those that take a peer back too
	}{
		{"both agree", []string{sdpA}, []string{sdpB}, true, [2]string{placeB, placeA}, [2]int{1, 1}},
		{"the callee refuses", []string{sdpA}, []string{""}, false, [2]string{"", placeA}, [2]int{0, 1}},
		{"the caller refuses", []string{"", sdpA}, []string{sdpB}, false, [2]string{placeB, placeA}, [2]int{1, 2}},
		{"the caller moves", []string{moved}, []string{sdpB}, true, [2]string{placeB, placeA + ", 127.0.0.1:50000 sendrecv"}, [2]int{1, 2}},
		{"both move each time", []string{moved, sdpA}, []string{sdpB, movedB, sdpB}, false, [2]string{placeB, placeA + ", 127.0.0.1:50000 sendrecv"}, [2]int{2, 3}},
		{"no SDP in the answer", []string{sdpA}, []string{"v=0", sdpB}, false, [2]string{"", placeA}, [2]int{0, 2}},
	} {
		for _, by := range []string{"caller", "callee"} {
			t.Run(tc.name+", asked of the "+by, func(t *testing.T) {
				c := newBypassed(t)
				c.a.reoffer, c.b.reoffer = answers(tc.a...), answers(tc.b...)
				asked := c.a
				if by == "callee" {
					asked = c.b
				}
				if err := channelOf(t, asked).Bypass(t.Context(), true); (err == nil) != tc.ok {
					t.Fatalf("got %v", err)
				}
				eventually(t, func() bool {
					return [2]int{c.a.count("reoffer"), c.b.count("reoffer")} == tc.offers && c.aside(tc.ok)
				})
				if got := c.told(); got != tc.told {
					t.Errorf("told %q, want %q", got, tc.told)
				}
				c.ends()
			})
		}
	}
}

// TestBypassRefused: what can go no other way, and what is no bridge.
func TestBypassRefused(t *testing.T) {
	for name, change := range map[string]func(c *bypassed) (want error){
		"a browser": func(c *bypassed) error {
			c.media.all[1].kind = media.KindWebRTC
			return media.ErrSecured
		},
		"on hold": func(c *bypassed) error {
			if err := channelOf(c.t, c.a).Hold(c.t.Context(), true); err != nil {
				c.t.Fatal(err)
			}
			return errUsed
		},
		"back, though it is here": func(c *bypassed) error {
			if err := channelOf(c.t, c.b).Bypass(c.t.Context(), false); !errors.Is(err, errRelayed) {
				c.t.Errorf("got %v", err)
			}
			c.b.reoffer = nil
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newBypassed(t)
			want := change(c)
			if err := channelOf(t, c.a).Bypass(t.Context(), true); err == nil || want != nil && !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			if !c.aside(false) {
				t.Error("it went straight")
			}
			c.ends()
		})
	}
	t.Run("alone", func(t *testing.T) {
		r := flowRig(t)
		a := r.call("lim")
		r.untilEvent("CHANNEL_PARK", inbound)
		if err := channelOf(t, a).Bypass(t.Context(), true); !errors.Is(err, errNoBridge) {
			t.Errorf("got %v", err)
		}
	})
}

// TestBypassWaits: for another offer that is under way, but not for ever for an answer; then the call is as it was.
func TestBypassWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newBypassed(t)
		c.b.pending.Store(3)
		c.goesStraight(t)
		if err := channelOf(t, c.a).Bypass(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		c.a.silent.Store(true)
		began := time.Now()
		if err := channelOf(t, c.b).Bypass(t.Context(), true); !errors.Is(err, errNoAnswer) || time.Since(began) != bypassTime {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
		synctest.Wait()
		if n := c.b.count("reoffer"); n != 4 || !c.aside(false) { // out, back, out and back
			t.Errorf("%d offers to the callee", n)
		}
		if err := channelOf(t, c.a).Bypass(t.Context(), false); !errors.Is(err, errRelayed) {
			t.Errorf("got %v", err)
		}
		c.ends()
	})
}

// TestBypassComesBack: by command, and for what needs the media here; the bridge is the same.
func TestBypassComesBack(t *testing.T) {
	for name, what := range map[string]func(ctx context.Context, a, b *Channel) error{
		"uuid_media": func(ctx context.Context, _, b *Channel) error { return b.Bypass(ctx, false) },
		"hold":       func(ctx context.Context, a, _ *Channel) error { return a.Hold(ctx, true) },
		"mute":       func(ctx context.Context, _, b *Channel) error { return b.Mute(ctx, true, false) },
		"displace": func(ctx context.Context, a, _ *Channel) error {
			return a.Displace(ctx, "tone_stream://%(100,0,400)", 0)
		},
		"renegotiation": func(ctx context.Context, a, _ *Channel) error { return a.Reinvite(ctx) },
		"loudness":      func(ctx context.Context, _, b *Channel) error { return b.Level(ctx, true, 1) },
		"an application": func(_ context.Context, _, b *Channel) error {
			b.Execute("playback", "tone_stream://%(100,0,400)")
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newBypassed(t)
			c.goesStraight(t)
			before := c.bridges()
			if err := what(t.Context(), channelOf(t, c.a), channelOf(t, c.b)); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() bool { return c.aside(false) && c.bridges() == before+1 })
			if got := c.told(); got != [2]string{placeB, placeA} {
				t.Errorf("told %q", got)
			}
			c.ends()
		})
	}
}

// TestBypassEnds: a leg that goes elsewhere takes its peer back first.
func TestBypassEnds(t *testing.T) {
	c := newBypassed(t)
	c.goesStraight(t)
	channelOf(t, c.b).Transfer("sched", "", "", TransferSelf)
	eventually(t, func() bool { return c.b.count("reoffer") == 2 })
	c.read(func(e *esl.Event) bool { return e.Name() == "CHANNEL_PARK" })
	if s := c.media.all[1]; s.aside {
		t.Error("the media of a parked leg goes elsewhere")
	}
	if c.a.count("reoffer") != 1 {
		t.Error("a leg that is hung up was re-INVITEd")
	}
	c.b.h.LegEnded(bye)
	c.until(2)
}

// TestBypassPassesOffers: what a peer offers meanwhile is for the far one, and its answer is the far one's.
func TestBypassPassesOffers(t *testing.T) {
	c := newBypassed(t)
	type answer struct {
		sdp string
		err error
	}
	offer := func(sdp string) answer {
		t.Helper()
		got := make(chan answer, 1)
		c.a.h.LegReoffer([]byte(sdp), func(sdp []byte, err error) { got <- answer{string(sdp), err} })
		return <-got
	}
	c.goesStraight(t)
	held := strings.Replace(sdpB, "sendrecv", "recvonly", 1)
	c.b.reoffer = answers(held, sdpB)
	if got := offer(strings.Replace(sdpA, "sendrecv", "sendonly", 1)); got.err != nil || got.sdp != held {
		t.Errorf("hold is answered %q, %v", got.sdp, got.err)
	}
	c.untilEvent("CHANNEL_HOLD", inbound)
	if got := offer(sdpA); got.err != nil || got.sdp != sdpB {
		t.Errorf("resume is answered %q, %v", got.sdp, got.err)
	}
	c.untilEvent("CHANNEL_UNHOLD", inbound)
	if got := offer(""); got.err != nil || got.sdp != sdpB {
		t.Errorf("a wish for an offer is answered %q, %v", got.sdp, got.err)
	}
	c.a.h.LegReofferAnswer([]byte(sdpA)) // nothing new
	c.b.pending.Store(1)
	if got := offer(sdpA); !errors.Is(got.err, ErrOfferPending) {
		t.Errorf("while the far one offers: %v", got.err)
	}
	c.b.reoffer = answers("")
	if got := offer(sdpA); got.err == nil {
		t.Error("a refusal is not passed")
	}
	c.a.h.LegReofferAnswer([]byte(strings.ReplaceAll(sdpA, "42266", "50000")))
	want := placeA + ", 127.0.0.1:42266 sendonly, " + placeA + ", " + placeA + ", " + placeA + ", 127.0.0.1:50000 sendrecv"
	eventually(t, func() bool { return c.told()[1] == want })
	if !c.aside(true) {
		t.Error("the media is here again")
	}
	c.ends()
}

// TestBypassAfterBridge: the variable has it begin with the bridge, also one that begins with early media.
func TestBypassAfterBridge(t *testing.T) {
	for _, early := range []bool{false, true} {
		r := soundRig(t, "set bypass_media_after_bridge=true", "bridge user/1016@127.0.0.1")
		r.dialer.add("1016")
		c := &bypassed{rig: r, a: r.call("1")}
		c.b = r.dialer.next()
		c.a.reoffer, c.b.reoffer = answers(sdpA), answers(sdpB)
		if early {
			c.b.h.LegProgress(183, []byte(sdpB), nil)
			r.untilEvent("CHANNEL_BRIDGE", inbound)
		}
		c.b.h.LegAnswered([]byte(sdpB), nil)
		eventually(t, func() bool { return c.a.count("answer") == 1 && c.aside(true) })
		if got := c.told(); got != [2]string{placeB, placeA} {
			t.Errorf("told %q", got)
		}
		c.ends()
	}
}
