package media

import (
	"errors"
	"testing"
	"time"
)

// mixed is a leg of a mixer with a phone that says its own tone.
type mixed struct {
	s     *Session
	p     *phone
	codec Codec
	hz    float64
	k     *talker
}

func newMixed(t *testing.T, e *Engine, codec string, hz float64, log *eventLog) *mixed {
	t.Helper()
	x := &mixed{codec: formatOf(codec), hz: hz}
	x.s, x.p = phoneOn(t, e, KindRTP, x.codec, log)
	x.k = newTalker(t, x.p, x.codec, newSine(hz, x.codec.SampleRate(), -1), uint32(hz))
	return x
}

// hears checks which tones the leg hears from now on.
func hears(t *testing.T, all []*mixed, want map[*mixed][]*mixed) {
	t.Helper()
	var talkers []*talker
	for _, x := range all {
		talkers = append(talkers, x.k)
	}
	began := time.Now()
	converse(t, "the change", func() bool { return time.Since(began) > 250*time.Millisecond }, talkers...)
	from := map[*mixed]int{}
	for _, x := range all {
		from[x] = len(x.p.heard())
	}
	began = time.Now()
	converse(t, "sound", func() bool { return time.Since(began) > 400*time.Millisecond }, talkers...)
	for i, x := range all {
		if want[x] == nil {
			continue
		}
		got := x.p.heard()
		assertContinuous(t, got)
		pcm := decode(t, x.codec, got[from[x]:])
		for _, y := range all {
			expected := false
			for _, z := range want[x] {
				expected = expected || z == y
			}
			assertTone(t, string(rune('a'+i)), pcm, y.hz, x.codec.SampleRate(), expected)
		}
	}
}

// TestMixerOfThree: each hears the two others and not itself, whatever the codecs.
func TestMixerOfThree(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	a, b, c := newMixed(t, e, "PCMU", 500, &log), newMixed(t, e, "G722", 1100, &log), newMixed(t, e, "PCMA", 1900, &log)
	all := []*mixed{a, b, c}
	m, err := Mix(a.s, b.s, c.s)
	if err != nil {
		t.Fatal(err)
	}
	if st := e.Stats(); st.Mixed != 3 {
		t.Errorf("%d mixed", st.Mixed)
	}
	hears(t, all, map[*mixed][]*mixed{a: {b, c}, b: {a, c}, c: {a, b}})
	m.SetMute(c.s, true)
	hears(t, all, map[*mixed][]*mixed{a: {b}, b: {a}, c: {a, b}})
	m.SetMute(c.s, false)
	m.Remove(a.s)
	n := len(a.p.heard())
	hears(t, all, map[*mixed][]*mixed{b: {c}, c: {b}})
	if got := len(a.p.heard()); got > n+1 {
		t.Errorf("who left hears %d packets", got-n)
	}
	b.s.Close()
	if st := e.Stats(); st.Mixed != 1 {
		t.Errorf("%d mixed", st.Mixed)
	}
	m.Close()
	m.Close()
	if err := m.Add(a.s); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// TestMixerOverABridge: a third joins a bridged call and leaves it; a playback to one of them does not disturb the others.
func TestMixerOverABridge(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	a, b, c := newMixed(t, e, "PCMU", 500, &log), newMixed(t, e, "PCMU", 1100, &log), newMixed(t, e, "PCMA", 1900, &log)
	all := []*mixed{a, b, c}
	if err := Bridge(a.s, b.s); err != nil {
		t.Fatal(err)
	}
	hears(t, all, map[*mixed][]*mixed{a: {b}, b: {a}})
	m, err := Mix(a.s, b.s, c.s)
	if err != nil {
		t.Fatal(err)
	}
	hears(t, all, map[*mixed][]*mixed{a: {b, c}, b: {a, c}, c: {a, b}})
	play, err := a.s.Play(newSine(2600, 8000, -1), nil)
	if err != nil {
		t.Fatal(err)
	}
	hears(t, all, map[*mixed][]*mixed{a: {}, b: {a, c}, c: {a, b}})
	play.Stop()
	hears(t, all, map[*mixed][]*mixed{a: {b, c}})
	m.Close()
	hears(t, all, map[*mixed][]*mixed{a: {b}, b: {a}})
}

func TestMixRefused(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	a := newMixed(t, e, "PCMU", 500, &log)
	opus, _ := phoneOn(t, e, KindRTP, formatOf("OPUS"), &log)
	if _, err := Mix(a.s, opus); !errors.Is(err, ErrCannotEncode) {
		t.Error(err)
	}
	if _, err := Mix(); err == nil {
		t.Error("no legs")
	}
	if _, err := Mix(a.s, e.NewSession(SessionConfig{})); !errors.Is(err, ErrNoAnswer) {
		t.Error(err)
	}
	other, err := NewEngine(Config{ListenIP: loopback})
	if err != nil {
		t.Fatal(err)
	}
	x := newMixed(t, other, "PCMU", 500, &log)
	if _, err := Mix(a.s, x.s); err == nil {
		t.Error("legs of two engines")
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if st := e.Stats(); st.Mixed != 0 {
		t.Errorf("%d mixed", st.Mixed)
	}
	m, err := Mix(a.s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Mix(a.s); err != nil { // leaves the other
		t.Fatal(err)
	}
	e.pacer.mu.Lock()
	n := len(m.members)
	e.pacer.mu.Unlock()
	if n != 0 {
		t.Errorf("%d members left", n)
	}
}
