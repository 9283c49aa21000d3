package bench

import (
	"context"
	"fmt"
	"time"
)

// memoryKind is a row of figure 4.
type memoryKind struct {
	what        string
	kind        legKind
	per         float64 // what a call has of it
	calls       int
	floor, goal string
}

// memoryKinds have so many calls that what a server keeps for all of them weighs little.
func memoryKinds() []memoryKind {
	return []memoryKind{
		{"a plain call", plainRTP, 1, 1000, "10 kB", "2.5 kB"},
		{"an SDES leg", sdesSRTP, 2, 1000, "20 kB", "8 kB"},
		{"a browser's leg", browser, 2, 200, "60 kB", "22 kB"},
	}
}

// Calls of the memory figure. Their packets are few: they are not what is measured. A few calls go ahead: what the first call brings into memory
// for all (code, tables) is no call's own.
const (
	memoryPtime = 100 * time.Millisecond
	memoryFirst = 10
)

// measureMemory is figure 4: the media engine alone against rtpengine, and the whole exchange, which no floor is set for.
func measureMemory(ctx context.Context, c *comparison) error {
	for _, k := range memoryKinds() {
		legs := [2]legKind{k.kind, k.kind}
		relay := func() *options { return c.relayOptions(k.calls, legs) }
		exchange := func() *options {
			o := c.callOptions(k.calls, legs)
			c.browserOptions(k.kind)(o)
			return o
		}
		alone := Figure{Name: "4", Measure: "memory of " + k.what + ", media alone", Unit: "kB", Floor: k.floor, Goal: k.goal, Note: fmt.Sprintf("of %d calls at once", k.calls)}
		whole := Figure{Name: "4", Measure: "memory of " + k.what + ", whole exchange", Unit: "kB", Note: "signalling, channels, variables, and what the collector has not taken back yet"}
		for range min(c.o.pairs, 2) {
			if err := k.measure(ctx, c, &alone.Talkpath, startEngine, relay); err != nil {
				return fmt.Errorf("engine: %w", err)
			}
			if err := k.measure(ctx, c, &whole.Talkpath, startTalkpath, exchange); err != nil {
				return fmt.Errorf("talkpath: %w", err)
			}
			if k.kind == browser {
				continue
			}
			if err := k.measure(ctx, c, &alone.Peer, startRTPEngine, relay); err != nil {
				return fmt.Errorf("rtpengine: %w", err)
			}
			alone.PeerName = "rtpengine"
		}
		c.say("memory of %s: %.1f kB, whole exchange %.1f kB", k.what, spreadOf(alone.Talkpath).median, spreadOf(whole.Talkpath).median)
		c.out.Figures = append(c.out.Figures, alone, whole)
	}
	return nil
}

// measure adds what a call or leg takes of a fresh server.
func (k memoryKind) measure(ctx context.Context, c *comparison, values *[]float64, start func(context.Context) (*server, error), options func() *options) error {
	s, err := start(ctx)
	if err != nil {
		return err
	}
	defer s.stop()
	for _, calls := range []int{memoryFirst, k.calls} {
		o := options()
		o.calls, o.ptime = calls, memoryPtime
		r, err := c.run(ctx, s, o, runCalls)
		if err != nil {
			return err
		}
		if calls == k.calls {
			*values = append(*values, r.Process.PerCallKB/k.per)
		}
	}
	return nil
}
