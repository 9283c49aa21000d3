package media

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
)

// TestReportsOverTransfer: over hold, transfer and new descriptions our reports to a peer are those of one stream, and count what that peer sent and was
// sent, not what happens at the far side.
func TestReportsOverTransfer(t *testing.T) {
	for _, kind := range []Kind{KindRTP, KindSDES} {
		t.Run(kind.String(), func(t *testing.T) {
			e := newTestEngine(t, nil)
			var la, lb, lc eventLog
			a, ra := connect(t, e, kind, true, &la)
			b, pb := connect(t, e, KindRTP, false, &lb)
			c, pc := connect(t, e, KindSDES, false, &lc)
			pa := ra.(*phone)
			n := 0
			report := func() rtcp.Packet {
				t.Helper()
				n++
				reportNow(t, a)
				return lastReport(t, pa, n)[0]
			}
			if err := Bridge(a, b); err != nil {
				t.Fatal(err)
			}
			talk(t, pa, pb, 0x1001, 5)
			talk(t, pb, pa, 0x1002, 5)
			before := report().(*rtcp.SenderReport)
			checkSenderReport(t, "at first", a, pa, before)

			pa.desc.Direction = SendOnly // it puts us on hold
			pa.offer(t, a, nil)
			for i := range 5 {
				pb.send(t, audioPacket(0, 0x2000+i, 0x1002))
			}
			waitFor(t, "what the holder must not get", func() bool { return uint16(lastIn(b)) == 0x2004 })
			held, ok := report().(*rtcp.ReceiverReport)
			if !ok || held.SSRC != before.SSRC || held.Reports[0].TotalLost != 0 || held.Reports[0].SSRC != 0x1001 {
				t.Errorf("on hold: %+v", held)
			}
			pa.desc.Direction = SendRecv
			pa.offer(t, a, nil)
			if err := Bridge(a, c); err != nil { // and is transferred
				t.Fatal(err)
			}
			talk(t, pc, pa, 0x1003, 5)
			after := report().(*rtcp.SenderReport)
			checkSenderReport(t, "after the transfer", a, pa, after)
			if after.SSRC != before.SSRC || after.PacketCount <= before.PacketCount || after.OctetCount <= before.OctetCount || int32(after.RTPTime-before.RTPTime) <= 0 ||
				after.NTPTime <= before.NTPTime {
				t.Errorf("%+v does not follow %+v", after, before)
			}
			if was, is := before.Reports[0], after.Reports[0]; is.SSRC != was.SSRC || is.LastSequenceNumber != was.LastSequenceNumber || is.TotalLost != 0 {
				t.Errorf("what comes from the peer is told as %+v after %+v", is, was)
			}
		})
	}
}

// checkSenderReport compares a report with what the peer got.
func checkSenderReport(t *testing.T, what string, s *Session, p *phone, sr *rtcp.SenderReport) {
	t.Helper()
	heard := p.heard()
	last := heard[len(heard)-1]
	bytes := 0
	for _, h := range heard {
		bytes += len(h.Payload)
	}
	if sr.SSRC != last.SSRC || sr.PacketCount != uint32(len(heard)) || sr.OctetCount != uint32(bytes) || sr.RTPTime-last.Timestamp > 20*8000 {
		t.Errorf("%s: %+v; heard %d packets of %d bytes, the last one %+v", what, sr, len(heard), bytes, last.Header)
	}
	if at := time.Unix(int64(sr.NTPTime>>32)-ntpEpoch, 0); time.Since(at).Abs() > time.Minute {
		t.Errorf("%s: time %v", what, at)
	}
}

// TestNACKOverTransfer: a request for a packet goes to who sent it, in its numbers; a request for one of who was heard before, or of ours, goes nowhere.
func TestNACKOverTransfer(t *testing.T) {
	e := newTestEngine(t, nil)
	var la, lb, lc eventLog
	a, ra := connect(t, e, KindSDES, true, &la)
	b, rb := connect(t, e, KindRTP, false, &lb)
	c, rc := connect(t, e, KindRTP, false, &lc)
	pa, pb, pc := ra.(*phone), rb.(*phone), rc.(*phone)
	sent, passed := 0, uint64(0)
	ask := func(name string, want []rtcp.NackPair, numbers ...uint16) {
		t.Helper()
		nack := &rtcp.TransportLayerNack{SenderSSRC: 0x77, MediaSSRC: a.ssrc}
		for _, n := range numbers {
			nack.Nacks = append(nack.Nacks, rtcp.NackPair{PacketID: n, LostPackets: 1})
		}
		raw, err := rtcp.Marshal([]rtcp.Packet{nack})
		if err != nil {
			t.Fatal(err)
		}
		pa.sendRTCP(t, raw)
		sent++
		waitFor(t, "the request", func() bool { return a.Stats().ReportsIn == uint64(sent) })
		if len(want) > 0 {
			passed++
			got := lastReport(t, pc, int(passed))
			n, ok := got[len(got)-1].(*rtcp.TransportLayerNack)
			if !ok || n.MediaSSRC != 0x1003 || n.SenderSSRC != c.ssrc || len(n.Nacks) != len(want) {
				t.Fatalf("%s: %v", name, got)
			}
			for i := range want {
				if n.Nacks[i] != want[i] {
					t.Errorf("%s: asks for %+v, want %+v", name, n.Nacks, want)
				}
			}
		}
		if e.Stats().FeedbackPassed != passed || len(pb.reports()) != 0 {
			t.Errorf("%s: %d passed, want %d; %d reached who was heard before", name, e.Stats().FeedbackPassed, passed, len(pb.reports()))
		}
	}
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	talk(t, pb, pa, 0x1002, 5)
	old := pa.heard()[2].SequenceNumber
	if err := Bridge(a, c); err != nil {
		t.Fatal(err)
	}
	talk(t, pc, pa, 0x1003, 5)
	heard := pa.heard()
	last, in := heard[len(heard)-1].SequenceNumber, uint16(lastIn(c))
	ask("of the new peer", []rtcp.NackPair{{PacketID: in - 1, LostPackets: 1}}, last-1)
	ask("of the former peer", nil, old)
	ask("of both", []rtcp.NackPair{{PacketID: in, LostPackets: 1}}, old, last)

	if err := a.SendDTMF("5", 60); err != nil { // our own packets change the numbers
		t.Fatal(err)
	}
	waitFor(t, "the digit", func() bool { busy := true; a.inLoop(func(l *leg) { busy = l.digits.busy() }); return !busy })
	allHeard(t, a, pa)
	talk(t, pc, pa, 0x1003, 5)
	heard = pa.heard()
	tone := uint16(0)
	for _, p := range heard {
		if p.PayloadType != 0 {
			tone = p.SequenceNumber
		}
	}
	in = uint16(lastIn(c))
	ask("of ours", nil, tone)
	ask("from before ours", nil, last)
	ask("after ours", []rtcp.NackPair{{PacketID: in, LostPackets: 1}}, heard[len(heard)-1].SequenceNumber)
}

// TestFeedbackOfBrowser: requests of a browser reach a phone, and those of a phone a browser, encrypted with the keys of either.
func TestFeedbackOfBrowser(t *testing.T) {
	e := newTestEngine(t, nil)
	var la, lb eventLog
	a, ra := connect(t, e, KindWebRTC, true, &la)
	b, rb := connect(t, e, KindSDES, false, &lb)
	w, p := ra.(*browser), rb.(*phone)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	talk(t, w, p, 0x1001, 5)
	talk(t, p, w, 0x1002, 5)
	got := w.heard()
	heard, in := got[len(got)-1], uint16(lastIn(b))
	nack := func(ssrc uint32, n uint16) rtcp.Packet {
		return &rtcp.TransportLayerNack{SenderSSRC: 0x77, MediaSSRC: ssrc, Nacks: []rtcp.NackPair{{PacketID: n}}}
	}
	if err := w.pc.WriteRTCP([]rtcp.Packet{nack(heard.SSRC, heard.SequenceNumber), &rtcp.PictureLossIndication{SenderSSRC: 0x77, MediaSSRC: heard.SSRC}}); err != nil {
		t.Fatal(err)
	}
	first, second := lastReport(t, p, 1), lastReport(t, p, 2)
	if n, ok := first[len(first)-1].(*rtcp.TransportLayerNack); !ok || n.MediaSSRC != 0x1002 || n.SenderSSRC != b.ssrc || n.Nacks[0].PacketID != in {
		t.Errorf("NACK arrives as %v", first)
	}
	if n, ok := second[len(second)-1].(*rtcp.PictureLossIndication); !ok || n.MediaSSRC != 0x1002 {
		t.Errorf("PLI arrives as %v", second)
	}
	phoneHeard := p.heard()
	lastHeard := phoneHeard[len(phoneHeard)-1]
	raw, err := rtcp.Marshal([]rtcp.Packet{nack(lastHeard.SSRC, lastHeard.SequenceNumber)})
	if err != nil {
		t.Fatal(err)
	}
	p.sendRTCP(t, raw)
	if err := w.sender.SetReadDeadline(time.Now().Add(15 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for {
		packets, _, err := w.sender.ReadRTCP()
		if err != nil {
			t.Fatal(err)
		}
		for _, packet := range packets {
			if n, ok := packet.(*rtcp.TransportLayerNack); ok {
				if n.Nacks[0].PacketID != uint16(lastIn(a)) || n.SenderSSRC != a.ssrc {
					t.Errorf("NACK arrives as %v, want number %d", n, uint16(lastIn(a)))
				}
				return
			}
		}
	}
}
