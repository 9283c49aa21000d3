package bench

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// figureRun measures one or more figures with the same runs.
type figureRun struct {
	names   []string
	measure func(ctx context.Context, c *comparison) error
}

func figureRuns() []figureRun {
	return []figureRun{
		{[]string{"1", "6", "8a"}, measureRelay},
		{[]string{"2"}, measureSRTP},
		{[]string{"3"}, measureTransforms},
		{[]string{"4"}, measureMemory},
		{[]string{"7"}, measureBrowsers},
		{[]string{"8"}, measureRegister},
		{[]string{"9"}, measureSetup},
	}
}

func figureNames() []string {
	var all []string
	for _, r := range figureRuns() {
		all = append(all, r.names...)
	}
	return all
}

// chooseFigures takes "1,2"; "" is all.
func chooseFigures(list string) ([]figureRun, error) {
	if list == "" {
		return figureRuns(), nil
	}
	names := strings.Split(list, ",")
	for _, name := range names {
		if !slices.Contains(figureNames(), name) {
			return nil, fmt.Errorf("-figures: there is no figure %q", name)
		}
	}
	return slices.DeleteFunc(figureRuns(), func(r figureRun) bool {
		return !slices.ContainsFunc(r.names, func(n string) bool { return slices.Contains(names, n) })
	}), nil
}

// talkpathCalls runs calls through a fresh Talkpath. change adapts the options.
func (c *comparison) talkpathCalls(ctx context.Context, calls int, legs [2]legKind, change func(*options)) (*Result, error) {
	return c.calls(ctx, startTalkpath, calls, legs, change)
}

// calls runs calls through a fresh SIP server.
func (c *comparison) calls(ctx context.Context, start func(context.Context) (*server, error), calls int, legs [2]legKind, change func(*options)) (*Result, error) {
	s, err := start(ctx)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	o := c.callOptions(calls, legs)
	if change != nil {
		change(o)
	}
	return c.run(ctx, s, o, runCalls)
}

// callOptions are those of calls through an exchange.
func (c *comparison) callOptions(calls int, legs [2]legKind) *options {
	o := compareOptions("udp:127.0.0.1:5060", 100)
	o.calls, o.kinds, o.legs, o.hold = calls, legs, legNames(legs), c.o.talk
	if legs[1] == sdesSRTP {
		o.accounts = append(o.accounts[:50:50], secureAccounts(50)...)
	}
	return o
}

// secureAccounts are users whose phones want SDES.
func secureAccounts(n int) []account {
	var all []account
	for i := range n {
		all = append(all, account{fmt.Sprint(5000 + i), comparePassword})
	}
	return all
}

// rtpengineCalls runs the same media through a fresh rtpengine.
func (c *comparison) rtpengineCalls(ctx context.Context, calls int, legs [2]legKind) (*Result, error) {
	s, err := startRTPEngine(ctx)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	return c.run(ctx, s, c.relayOptions(calls, legs), runCalls)
}

// relayOptions are those of calls through a relay.
func (c *comparison) relayOptions(calls int, legs [2]legKind) *options {
	o := compareOptions("udp:127.0.0.1:5060", 0)
	o.scenario, o.server, o.ng, o.calls, o.kinds, o.legs, o.hold = "relay", "", compareNG, calls, legs, legNames(legs), c.o.talk
	return o
}

// relayPairs runs both relays in turns.
func (c *comparison) relayPairs(ctx context.Context, calls int, legs [2]legKind) (ours, theirs []*Result, err error) {
	for pair := range c.o.pairs {
		a, err := c.talkpathCalls(ctx, calls, legs, nil)
		if err != nil {
			return nil, nil, fmt.Errorf("talkpath: %w", err)
		}
		b, err := c.rtpengineCalls(ctx, calls, legs)
		if err != nil {
			return nil, nil, fmt.Errorf("rtpengine: %w", err)
		}
		c.say("%d calls, pair %d: talkpath %.1f µs, rtpengine %.1f µs a packet; lost %d and %d, generator lost %d and %d", calls, pair+1,
			a.Process.PerPacketUS, b.Process.PerPacketUS, a.Media.Counts.Lost, b.Media.Counts.Lost, a.Media.Generator.Dropped, b.Media.Generator.Dropped)
		ours, theirs = append(ours, a), append(theirs, b)
	}
	return ours, theirs, nil
}

// values picks one figure of each result.
func values(results []*Result, f func(*Result) float64) []float64 {
	all := make([]float64, len(results))
	for i, r := range results {
		all[i] = f(r)
	}
	return all
}

func perPacket(r *Result) float64 { return r.Process.PerPacketUS }
func perEach(r *Result) float64   { return r.Process.PerEachMS }
func faults(r *Result) float64 {
	return float64(r.Media.Counts.faults() - min(r.Media.Counts.faults(), r.Media.Generator.Dropped))
}
func delayP50(r *Result) float64 { return r.Media.Delay.P50 }

// lossNote tells of a run in which a server lost so much that its CPU time for what came says little.
func lossNote(server string, results []*Result) string {
	for _, r := range results {
		if c := r.Media.Counts; c.faults()*1000 > c.Sent {
			return fmt.Sprintf("**not comparable:** %s lost %d of %d packets in one of its runs; measure again", server, c.faults(), c.Sent)
		}
	}
	return ""
}

// measureRelay is figures 1, 6 and 8a: plain RTP.
func measureRelay(ctx context.Context, c *comparison) error {
	for _, calls := range c.loads {
		ours, theirs, err := c.relayPairs(ctx, calls, [2]legKind{plainRTP, plainRTP})
		if err != nil {
			return err
		}
		add := func(f Figure, value func(*Result) float64) {
			f.PeerName, f.Talkpath, f.Peer = "rtpengine", values(ours, value), values(theirs, value)
			f.Measure = fmt.Sprintf("%s, %d calls", f.Measure, calls)
			if f.Name == "1" {
				f.Note = cmp.Or(lossNote("Talkpath", ours), lossNote("rtpengine", theirs))
				f.Spent = slices.Concat(spent("Talkpath", ours, value), spent("rtpengine", theirs, value))
			}
			c.out.Figures = append(c.out.Figures, f)
		}
		add(Figure{Name: "1", Measure: "CPU per relayed packet, RTP to RTP", Unit: "µs", Floor: "1.5× less", Goal: "2.5× less"}, perPacket)
		add(Figure{Name: "8a", Measure: "one-way delay, median", Unit: "ms", Floor: "2 ms", Goal: "< 1 ms", Recorded: "FreeSWITCH 17–29"}, delayP50)
		add(Figure{Name: "6", Measure: "packets lost, duplicated, reordered or damaged", Unit: "", Floor: "0", Goal: "0 at twice the load"}, faults)
	}
	return nil
}

// measureSRTP is figure 2.
func measureSRTP(ctx context.Context, c *comparison) error {
	ours, theirs, err := c.relayPairs(ctx, 200, [2]legKind{plainRTP, sdesSRTP})
	if err != nil {
		return err
	}
	c.out.Figures = append(c.out.Figures, Figure{
		Name: "2", Measure: "CPU per relayed packet, RTP to SRTP (AES_CM_128_HMAC_SHA1_80), 200 calls", Unit: "µs", PeerName: "rtpengine",
		Talkpath: values(ours, perPacket), Peer: values(theirs, perPacket), Floor: "1.5× less", Goal: "2.5× less",
		Note:  cmp.Or(lossNote("Talkpath", ours), lossNote("rtpengine", theirs)),
		Spent: slices.Concat(spent("Talkpath", ours, perPacket), spent("rtpengine", theirs, perPacket)),
	})
	return nil
}

// browserOptions lets browsers register by WebSocket, where the server offers them ICE.
func (c *comparison) browserOptions(kind legKind) func(*options) {
	return func(o *options) {
		if kind != browser {
			return
		}
		address, _ := parseServer("ws://127.0.0.1:5066/")
		o.server, o.addresses, o.rate = "ws://127.0.0.1:5066/", [2]serverAddress{address, address}, 20
	}
}

// measureBrowsers is figure 7.
func measureBrowsers(ctx context.Context, c *comparison) error {
	r, err := c.talkpathCalls(ctx, c.o.legsAt/2, [2]legKind{browser, browser}, c.browserOptions(browser))
	if err != nil {
		return err
	}
	m := r.Media
	c.say("%d browsers: %.1f µs a packet, %d lost, MOS %.2f", m.Streams, r.Process.PerPacketUS, m.Counts.Lost, m.MOS)
	c.out.Figures = append(c.out.Figures, Figure{
		Name: "7", Measure: "browsers (DTLS-SRTP) that talk through one UDP port", Unit: "", Talkpath: []float64{float64(m.Streams - m.Silent)}, Floor: "100", Goal: "1,000",
		Note: fmt.Sprintf("%d of %d packets lost, MOS %.2f, %.1f µs a packet", m.Counts.Lost, m.Counts.Sent, m.MOS, r.Process.PerPacketUS),
	})
	return nil
}

// measureRegister is figure 8.
func measureRegister(ctx context.Context, c *comparison) error {
	f := Figure{
		Name: "8", Measure: "CPU for a REGISTER with digest (two transactions), 1,000 a second", Unit: "ms", PeerName: "Kamailio", Recorded: "FreeSWITCH 3.1–4.4, sipgo 0.24–0.30",
		Floor: "Kamailio's", Goal: "1.8× less",
	}
	run := func(start func(context.Context) (*server, error)) (*Result, error) {
		s, err := start(ctx)
		if err != nil {
			return nil, err
		}
		defer s.stop()
		o := compareOptions("udp:127.0.0.1:5060", 100)
		o.scenario, o.registers, o.rate, o.concurrency = "register", 5000, 1000, 64
		return c.run(ctx, s, o, runRegister)
	}
	var ours, theirs []*Result
	for pair := range c.o.pairs {
		a, err := run(startTalkpath)
		if err != nil {
			return fmt.Errorf("talkpath: %w", err)
		}
		b, err := run(startKamailio)
		if err != nil {
			return fmt.Errorf("kamailio: %w", err)
		}
		c.say("REGISTER, pair %d: talkpath %.3f ms, kamailio %.3f ms", pair+1, a.Process.PerEachMS, b.Process.PerEachMS)
		ours, theirs = append(ours, a), append(theirs, b)
	}
	f.Talkpath, f.Peer = values(ours, perEach), values(theirs, perEach)
	f.Spent = slices.Concat(spent("Talkpath", ours, perEach), spent("Kamailio", theirs, perEach))
	c.out.Figures = append(c.out.Figures, f)
	return nil
}

// measureSetup is figure 9.
func measureSetup(ctx context.Context, c *comparison) error {
	f := Figure{
		Name: "9", Measure: "CPU to set up and tear down a bridged call", Unit: "ms", PeerName: "Kamailio with rtpengine (a proxy: no call of its own)", Recorded: "FreeSWITCH 30–50",
		Floor: "20× less than FreeSWITCH", Goal: "50× less",
	}
	var ours, theirs []*Result
	for pair := range c.o.pairs {
		a, err := c.calls(ctx, startTalkpath, setupCalls, [2]legKind{}, nil)
		if err != nil {
			return fmt.Errorf("talkpath: %w", err)
		}
		b, err := c.calls(ctx, startKamailioRelay, setupCalls, [2]legKind{}, nil)
		if err != nil {
			return fmt.Errorf("kamailio: %w", err)
		}
		c.say("a call set up and torn down, pair %d: talkpath %.2f ms, kamailio and rtpengine %.2f ms", pair+1, a.Process.PerEachMS, b.Process.PerEachMS)
		ours, theirs = append(ours, a), append(theirs, b)
	}
	f.Talkpath, f.Peer = values(ours, perEach), values(theirs, perEach)
	f.Spent = slices.Concat(spent("Talkpath", ours, perEach), spent("Kamailio and rtpengine", theirs, perEach))
	c.out.Figures = append(c.out.Figures, f)
	return nil
}

const setupCalls = 500 // of figure 9
