package media

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

// reportingLegs are two bridged legs: what came last from a's peer has sequence number 65535+10 there.
func reportingLegs() (a, b *leg) {
	sh := &shard{now: time.Unix(1000, 0)}
	a, b = &leg{sh: sh}, &leg{sh: sh}
	a.stream.ssrc, b.stream.ssrc = 0xa, 0xb
	a.peer, b.peer, a.sink, b.sink = b, a, b, a
	for seq := uint16(65500); seq != 11; seq++ {
		a.src.take(0x1001, seq)
		b.stream.place(a, seq, uint32(seq)*160, 8000, false, sh.now)
	}
	return a, b
}

func rewritten(t *testing.T, to, from *leg, packets ...rtcp.Packet) []rtcp.Packet {
	t.Helper()
	raw, err := rtcp.Marshal(packets)
	if err != nil {
		t.Fatal(err)
	}
	n := to.rewriteRTCP(from, raw)
	if n == 0 {
		return nil
	}
	out, err := rtcp.Unmarshal(raw[:n])
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestReportOfAnotherStream(t *testing.T) {
	a, b := reportingLegs()
	sr := func(ssrc uint32) *rtcp.SenderReport {
		return &rtcp.SenderReport{SSRC: ssrc, NTPTime: 1 << 40, RTPTime: 1600, Reports: []rtcp.ReceptionReport{{SSRC: 0xdead}}}
	}
	t.Run("the stream that goes there", func(t *testing.T) {
		got := rewritten(t, b, a, sr(0x1001))[0].(*rtcp.SenderReport)
		if got.SSRC != 0xb || got.RTPTime != 1600+b.stream.tsOff || len(got.Reports) != 0 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("another SSRC: no timestamps that mean nothing there", func(t *testing.T) {
		got, ok := rewritten(t, b, a, sr(0x9999))[0].(*rtcp.ReceiverReport)
		if !ok || got.SSRC != 0xb || len(got.Reports) != 0 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("no compound without a report", func(t *testing.T) {
		d := &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 1, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "x"}}}}}
		if got := rewritten(t, b, a, d); got != nil {
			t.Errorf("%+v", got)
		}
	})
}

// TestReportBlocks: B reports on what it hears of A, which A's peer must see with its own numbers, roll-overs included.
func TestReportBlocks(t *testing.T) {
	a, b := reportingLegs()
	rr := func() *rtcp.ReceiverReport {
		return &rtcp.ReceiverReport{SSRC: 0x1002, Reports: []rtcp.ReceptionReport{
			{SSRC: 0xdead, LastSequenceNumber: 5},
			{SSRC: 0xb, LastSequenceNumber: uint32(b.stream.lastSeq), TotalLost: 3, LastSenderReport: 7, Delay: 9},
		}}
	}
	got := rewritten(t, a, b, rr())[0].(*rtcp.ReceiverReport)
	if len(got.Reports) != 1 {
		t.Fatalf("%d blocks, want the one of this call", len(got.Reports))
	}
	if r := got.Reports[0]; r.SSRC != 0x1001 || r.LastSequenceNumber != 1<<16+10 || r.TotalLost != 3 || r.LastSenderReport != 7 || r.Delay != 9 {
		t.Errorf("%+v", r)
	}
	b.stream.from = nil // what B hears comes from elsewhere now
	if got := rewritten(t, a, b, rr())[0].(*rtcp.ReceiverReport); len(got.Reports) != 0 {
		t.Errorf("a report on another source: %+v", got.Reports)
	}
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
