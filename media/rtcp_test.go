package media

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

// reportNow makes a leg send the report that it would send some time later.
func reportNow(t *testing.T, s *Session) {
	t.Helper()
	if !s.inLoop(func(l *leg) {
		l.reports.next = l.sh.now.Add(-time.Second)
		l.reportTick()
	}) {
		t.Fatal("no leg")
	}
}

// lastReport is the n-th compound that a phone got.
func lastReport(t *testing.T, p *phone, n int) []rtcp.Packet {
	t.Helper()
	waitFor(t, "report", func() bool { return len(p.reports()) >= n })
	got, err := rtcp.Unmarshal(p.reports()[n-1])
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestReports: what we tell a peer is what we know of our own hop with it, and what it tells us stays there.
func TestReports(t *testing.T) {
	for _, kind := range []Kind{KindRTP, KindSDES} {
		t.Run(kind.String(), func(t *testing.T) { testReports(t, kind) })
	}
}

func testReports(t *testing.T, kind Kind) {
	e := newTestEngine(t, nil)
	var la, lb eventLog
	a, ra := connect(t, e, kind, true, &la)
	b, rb := connect(t, e, KindRTP, false, &lb)
	pa, pb := ra.(*phone), rb.(*phone)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	talk(t, pa, pb, 0x1001, 5)
	talk(t, pb, pa, 0x1002, 5)
	var first uint16
	a.inLoop(func(l *leg) { first = l.src.highest })
	for i := 1; i <= 20; i++ {
		if i%4 != 0 { // every fourth is lost
			pa.send(t, audioPacket(0, int(first)+i, 0x1001))
		}
	}
	waitFor(t, "the packets", func() bool { return a.Stats().LastPacket.IsZero() == false && uint16(lastIn(a)) == first+19 })
	sent := a.Stats()

	// The peer's own report, with a goodbye that is not the call's end, comes before ours.
	theirs, err := rtcp.Marshal([]rtcp.Packet{
		&rtcp.SenderReport{SSRC: 0x1001, NTPTime: 0x0123456789abcdef, RTPTime: 1, PacketCount: 5, OctetCount: 100},
		&rtcp.Goodbye{Sources: []uint32{0x1001}},
	})
	if err != nil {
		t.Fatal(err)
	}
	pa.sendRTCP(t, theirs)
	waitFor(t, "their report", func() bool { return a.Stats().ReportsIn == 1 })
	reportNow(t, a)
	got := lastReport(t, pa, 1)
	sr, ok := got[0].(*rtcp.SenderReport)
	if !ok || len(got) != 2 {
		t.Fatalf("%v, want a sender report and a description", got)
	}
	heard := pa.heard()
	last := heard[len(heard)-1]
	if at := time.Unix(int64(sr.NTPTime>>32)-ntpEpoch, 0); sr.SSRC != a.ssrc || time.Since(at).Abs() > time.Minute {
		t.Errorf("SSRC %x, want %x; time %v", sr.SSRC, a.ssrc, at)
	}
	if sr.PacketCount != uint32(sent.PacketsOut) || sr.OctetCount != uint32(sent.PayloadOut) || sr.PacketCount == 0 {
		t.Errorf("%d packets of %d bytes, sent %d of %d", sr.PacketCount, sr.OctetCount, sent.PacketsOut, sent.PayloadOut)
	}
	if d := sr.RTPTime - last.Timestamp; d > 20*8000 {
		t.Errorf("RTP time %d, the last packet had %d", sr.RTPTime, last.Timestamp)
	}
	if c := got[1].(*rtcp.SourceDescription).Chunks[0]; c.Source != a.ssrc || c.Items[0].Text != a.cname() || c.Items[0].Type != rtcp.SDESCNAME {
		t.Errorf("description %+v", c)
	}
	r := sr.Reports[0]
	if r.SSRC != 0x1001 || r.TotalLost != 4 || r.FractionLost == 0 || uint16(r.LastSequenceNumber) != first+19 || r.LastSenderReport != 0x456789ab {
		t.Errorf("block %+v", r)
	}
	if st := a.Stats(); st.Lost != 4 || st.ReportsOut != 1 {
		t.Errorf("%+v", st)
	}

	// The peer answers it: round-trip time, and how it hears us.
	rr, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 0x1001, Reports: []rtcp.ReceptionReport{
		{SSRC: 0xdead, FractionLost: 255},
		{SSRC: a.ssrc, FractionLost: 64, Jitter: 80, LastSenderReport: uint32(sr.NTPTime >> 16)},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	pa.sendRTCP(t, rr)
	waitFor(t, "round-trip time", func() bool { return a.Stats().RTT > 0 })
	if st := a.Stats(); st.FarLossPercent != 25 || st.FarJitter != 10 || st.RTT > 30*time.Second {
		t.Errorf("%+v", st)
	}
	if n := len(pb.reports()); n != 0 {
		t.Errorf("%d reports of one side reached the other", n)
	}
	reportNow(t, a) // nothing lost, nothing sent since
	again := lastReport(t, pa, 2)[0].(*rtcp.ReceiverReport)
	if r := again.Reports[0]; r.FractionLost != 0 || r.TotalLost != 4 {
		t.Errorf("block %+v", r)
	}
}

func lastIn(s *Session) (seq uint32) {
	s.inLoop(func(l *leg) { seq = l.src.cycles + uint32(l.src.highest) })
	return seq
}

// TestFeedback: what a receiver asks the sender for reaches it in the sender's numbers; what concerns the hop, or another stream, does not.
func TestFeedback(t *testing.T) {
	e := newTestEngine(t, nil)
	var la, lb eventLog
	a, ra := connect(t, e, KindRTP, true, &la)
	b, rb := connect(t, e, KindSDES, false, &lb)
	pa, pb := ra.(*phone), rb.(*phone)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	talk(t, pa, pb, 0x1001, 5)
	heard := pb.heard()
	missed := heard[len(heard)-1].SequenceNumber
	want := uint16(lastIn(a))
	for i, c := range []struct {
		name string
		in   rtcp.Packet
		ok   func(rtcp.Packet) bool // nil: not passed
	}{
		{"NACK", &rtcp.TransportLayerNack{SenderSSRC: 0x77, MediaSSRC: b.ssrc, Nacks: []rtcp.NackPair{{PacketID: missed, LostPackets: 5}}}, func(p rtcp.Packet) bool {
			n, ok := p.(*rtcp.TransportLayerNack)
			return ok && n.SenderSSRC == a.ssrc && n.MediaSSRC == 0x1001 && n.Nacks[0] == rtcp.NackPair{PacketID: want, LostPackets: 5}
		}},
		{"PLI", &rtcp.PictureLossIndication{SenderSSRC: 0x77, MediaSSRC: b.ssrc}, func(p rtcp.Packet) bool {
			n, ok := p.(*rtcp.PictureLossIndication)
			return ok && n.SenderSSRC == a.ssrc && n.MediaSSRC == 0x1001
		}},
		{"FIR", &rtcp.FullIntraRequest{SenderSSRC: 0x77, FIR: []rtcp.FIREntry{{SSRC: b.ssrc, SequenceNumber: 3}}}, func(p rtcp.Packet) bool {
			n, ok := p.(*rtcp.FullIntraRequest)
			return ok && n.SenderSSRC == a.ssrc && n.FIR[0].SSRC == 0x1001
		}},
		{"bandwidth estimate", &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 0x77, Bitrate: 1e5, SSRCs: []uint32{b.ssrc}}, nil},
		{"NACK of another stream", &rtcp.TransportLayerNack{SenderSSRC: 0x77, MediaSSRC: 0xdead, Nacks: []rtcp.NackPair{{PacketID: 1}}}, nil},
		{"goodbye", &rtcp.Goodbye{Sources: []uint32{0x77}}, nil},
		{"PLI again", &rtcp.PictureLossIndication{SenderSSRC: 0x77, MediaSSRC: b.ssrc}, func(p rtcp.Packet) bool {
			_, ok := p.(*rtcp.PictureLossIndication)
			return ok
		}},
	} {
		raw, err := rtcp.Marshal([]rtcp.Packet{c.in})
		if err != nil {
			t.Fatal(err)
		}
		before := len(pa.reports())
		pb.sendRTCP(t, raw)
		waitFor(t, c.name, func() bool { return b.Stats().ReportsIn == uint64(i+1) })
		if c.ok == nil {
			if e.Stats().FeedbackPassed != uint64(before) {
				t.Errorf("%s was passed on", c.name)
			}
			continue
		}
		got := lastReport(t, pa, before+1)
		if !c.ok(got[len(got)-1]) {
			t.Errorf("%s arrives as %v", c.name, got)
		}
		switch got[0].(type) {
		case *rtcp.SenderReport, *rtcp.ReceiverReport:
		default:
			t.Errorf("%s: the compound begins with %T", c.name, got[0])
		}
	}
}

// TestS22LyingRTCP: reports whose lengths and counts do not fit are counted and dropped, all of the compound.
func TestS22LyingRTCP(t *testing.T) {
	rr := func() []byte {
		raw, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 9, Reports: []rtcp.ReceptionReport{{SSRC: 1}}}})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	cut := func(n int) []byte { return rr()[:n] }
	change := func(at int, v byte) []byte { p := rr(); p[at] = v; return p }
	nack := []byte{0x81, rtcpRTPFB, 0, 255, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 0}
	bad := [][]byte{
		cut(8), cut(12), cut(31), change(0, 0x9f), change(0, 0x41), change(3, 0), change(3, 255), change(2, 255),
		append(rr(), 1, 2, 3), append(rr(), nack...), append(rr(), 0x80, rtcpSR, 0, 1, 0, 0, 0, 1), nack,
	}
	for i, p := range bad {
		if wellFormed(p) {
			t.Errorf("compound %d: %x", i, p)
		}
	}
	if !wellFormed(rr()) || !wellFormed(append(rr(), rr()...)) {
		t.Error("a good one")
	}
	e := newTestEngine(t, nil)
	var la, lb eventLog
	a, ra := connect(t, e, KindRTP, true, &la)
	b, rb := connect(t, e, KindRTP, false, &lb)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	talk(t, ra, rb, 0x1001, 5)
	n := uint64(0)
	for _, p := range bad {
		if classify(p) == classRTCP {
			ra.(*phone).sendRTCP(t, p)
			n++
		}
	}
	waitFor(t, "drops", func() bool { return e.Stats().DropRTCP == n })
	if st := a.Stats(); st.ReportsIn != 0 || st.RTT != 0 {
		t.Errorf("%+v", st)
	}
	talk(t, ra, rb, 0x1001, 10)
}

func FuzzRTCP(f *testing.F) {
	f.Add([]byte{0x81, 200, 0, 12})
	f.Add([]byte{0x81, rtcpRTPFB, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 0})
	f.Add([]byte{0x84, rtcpPSFB, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0})
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, pkt []byte) {
		sum := 0
		for rest := pkt; ; {
			p := rtcpPacket(rest)
			if p == nil {
				break
			}
			sum += len(p)
			rest = rest[len(p):]
		}
		if wellFormed(pkt) && sum != len(pkt) {
			t.Fatalf("%d of %d bytes", sum, len(pkt))
		}
	})
}

func TestRTCPSource(t *testing.T) {
	at := netip.MustParseAddrPort
	l := &leg{sh: &shard{now: time.Unix(1000, 0)}}
	l.applyRemote(legUpdate{remote: at("192.0.2.1:4000"), remoteRTCP: at("192.0.2.1:4001")})
	for range latchPackets { // behind NAT: the source of RTP is settled long before the first report
		l.latch.learn(l, at("192.0.2.1:61000"))
	}
	if l.latch.admitsRTCP(l, at("192.0.2.2:4001")) {
		t.Error("another host")
	}
	if !l.latch.admitsRTCP(l, at("192.0.2.1:61007")) {
		t.Fatal("the first report from the peer's host")
	}
	if l.remoteRTCP != at("192.0.2.1:4001") {
		t.Error("learned before it was authenticated")
	}
	l.latch.learnRTCP(l, at("192.0.2.1:61007"))
	if l.remoteRTCP != at("192.0.2.1:61007") || l.latch.admitsRTCP(l, at("192.0.2.1:61008")) {
		t.Errorf("not settled: %v", l.remoteRTCP)
	}
	l.applyRemote(legUpdate{remote: at("192.0.2.1:4000"), remoteRTCP: at("192.0.2.1:4001")})
	if !l.latch.admitsRTCP(l, at("192.0.2.1:61008")) {
		t.Error("a re-INVITE must open it again")
	}
	l.applyRemote(legUpdate{remote: at("192.0.2.9:4000"), remoteRTCP: at("[2001:db8::1]:4001")})
	if l.remoteRTCP != at("192.0.2.9:4001") {
		t.Errorf("an address of another family: %v", l.remoteRTCP)
	}
}
