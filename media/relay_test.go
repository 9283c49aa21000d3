package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

func setAnswer(t testing.TB, b *browser, ans []byte) {
	t.Helper()
	if err := b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(ans)}); err != nil {
		t.Fatalf("%v\n%s", err, ans)
	}
}

func TestICETCP(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	s := e.NewSession(SessionConfig{OnEvent: log.add})
	b := newBrowser(t, "audio/PCMU", 8000, 0, 0, true)
	defer b.close()
	b.offer(t, s, pcmu(), false)
	waitFor(t, "connected", func() bool { _, ok := log.find(EventConnected); return ok })
	s.Echo(true)
	talk(t, b, b, 0x5555, 20)
	if st := e.Stats(); st.TCPConnections != 1 {
		t.Errorf("%d TCP connections", st.TCPConnections)
	}
	s.Close()
	waitFor(t, "close", func() bool { return e.Stats().TCPConnections == 0 })
}

func TestICETCPOff(t *testing.T) {
	e := newTestEngine(t, func(c *Config) { c.MuxTCPPort = -1 })
	if e.MuxTCPAddr().IsValid() {
		t.Error("listens")
	}
	local, err := e.NewSession(SessionConfig{}).Offer(KindWebRTC, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := ParseDescription(local)
	if err != nil || len(d.Candidates) != 1 {
		t.Errorf("candidates %v, %v", d.Candidates, err)
	}
}

func TestOpusBothWaysWithDTMF(t *testing.T) {
	e := newTestEngine(t, nil)
	var la, lb eventLog
	codecs := CodecsByName("OPUS")
	a := e.NewSession(SessionConfig{OnEvent: la.add})
	ba := newBrowser(t, "audio/opus", 48000, 2, 111, false)
	defer ba.close()
	ba.offer(t, a, nil, true)
	// The second browser numbers opus differently.
	b := e.NewSession(SessionConfig{OnEvent: lb.add})
	bb := newBrowser(t, "audio/opus", 48000, 2, 96, false)
	defer bb.close()
	bb.offer(t, b, codecs, true)
	for _, l := range []*eventLog{&la, &lb} {
		waitFor(t, "connected", func() bool { _, ok := l.find(EventConnected); return ok })
	}
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	seq := 1
	waitFor(t, "opus", func() bool {
		ba.send(t, audioPacket(111, seq, 7))
		seq++
		return len(bb.heard()) > 10
	})
	for _, p := range bb.heard() {
		if p.PayloadType != 96 {
			t.Fatalf("payload type %d, want 96", p.PayloadType)
		}
	}
	if c, ok := a.Codec(); !ok || c.Name != "opus" || c.ClockRate != 48000 {
		t.Errorf("codec %+v", c)
	}
}

func TestDTMFPasses(t *testing.T) {
	e := newTestEngine(t, nil)
	var la, lb eventLog
	a, pa := connect(t, e, KindRTP, true, &la)
	b, pb := connect(t, e, KindSDES, false, &lb)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	talk(t, pa, pb, 0x1000, 5)
	seq := 0x1000 + 500
	tones := func(pkts []rtp.Packet) (out []rtp.Packet) {
		for _, p := range pkts {
			if p.PayloadType == 101 {
				out = append(out, p)
			}
		}
		return out
	}
	for d := range 3 { // three digits by the peer, each with three end packets
		for i := 1; i <= 8; i++ {
			end := byte(0)
			if i >= 6 {
				end = 0x80
			}
			p := audioPacket(101, seq, 0x1000)
			p.Timestamp = uint32(100000 + d*2000)
			p.Payload = []byte{byte(d + 1), end | 10, 0, 0}
			binary.BigEndian.PutUint16(p.Payload[2:], uint16(min(i, 6)*160))
			pa.send(t, p)
			seq++
		}
	}
	waitFor(t, "digits on the other side", func() bool { return len(tones(pb.heard())) == 24 })
	waitFor(t, "events", func() bool { return la.digits() == "123" })
	if ev, _ := la.find(EventDTMF); ev.Duration != 120 {
		t.Errorf("duration %d ms, want 120", ev.Duration)
	}
}

func TestSendDTMF(t *testing.T) {
	for _, kind := range []Kind{KindRTP, KindSDES} {
		t.Run(kind.String(), func(t *testing.T) {
			e := newTestEngine(t, nil)
			var la, lb eventLog
			a, pa := connect(t, e, kind, true, &la)
			b, pb := connect(t, e, KindRTP, false, &lb)
			if err := Bridge(a, b); err != nil {
				t.Fatal(err)
			}
			talk(t, pb, pa, 0x2000, 5)
			before := pa.heard()
			last := before[len(before)-1]
			if err := a.SendDTMF("1#D", 80); err != nil {
				t.Fatal(err)
			}
			var got []rtp.Packet
			waitFor(t, "tones", func() bool {
				got = nil
				ends := 0
				for _, p := range pa.heard() {
					if p.PayloadType == 101 {
						got = append(got, p)
						ends += int(p.Payload[1] >> 7)
					}
				}
				return ends == 9
			})
			checkTones(t, got, last)
			if n := len(pa.heard()); n == 0 {
				t.Fatal("nothing")
			}
			// Audio goes on after the tones without a gap or a repeat in the numbers.
			waitFor(t, "end of the tones", func() bool {
				sending := true
				a.inLoop(func(l *leg) { sending = l.digits.busy() })
				return !sending
			})
			n := len(pa.heard())
			next := 0
			b.inLoop(func(l *leg) { next = int(l.src.highest) + 1 })
			pb.send(t, audioPacket(0, next, 0x2000))
			waitFor(t, "audio", func() bool { return len(pa.heard()) > n })
			all := pa.heard()
			if next := all[n]; next.SSRC != last.SSRC || next.SequenceNumber != got[len(got)-1].SequenceNumber+1 {
				t.Errorf("after the tones: seq %d ssrc %x, before %d %x", next.SequenceNumber, next.SSRC, got[len(got)-1].SequenceNumber, last.SSRC)
			}
		})
	}
	t.Run("errors", func(t *testing.T) {
		e := newTestEngine(t, nil)
		s := e.NewSession(SessionConfig{})
		if err := s.SendDTMF("1", 100); !errors.Is(err, ErrNoAnswer) {
			t.Error(err)
		}
		if err := s.SendDTMF("1x", 100); !errors.Is(err, ErrBadDigits) {
			t.Error(err)
		}
		p := newPhone(t, KindRTP, []Codec{{Name: "PCMU", ClockRate: 8000, Channels: 1}})
		defer p.close()
		p.offer(t, s, nil)
		if err := s.SendDTMF("1", 100); !errors.Is(err, ErrNoDTMF) {
			t.Error(err)
		}
	})
}

func checkTones(t *testing.T, got []rtp.Packet, last rtp.Packet) {
	t.Helper()
	codes := []byte{1, 11, 15}
	digit, ends := 0, 0
	for i, p := range got {
		if p.SequenceNumber != last.SequenceNumber+1 || p.SSRC != last.SSRC {
			t.Fatalf("tone packet %d: seq %d after %d", i, p.SequenceNumber, last.SequenceNumber)
		}
		if p.Payload[0] != codes[digit] {
			t.Fatalf("tone packet %d: code %d, want %d", i, p.Payload[0], codes[digit])
		}
		if first := ends == 0 && (i == 0 || got[i-1].Timestamp != p.Timestamp); p.Marker != first {
			t.Errorf("tone packet %d: marker %v", i, p.Marker)
		}
		if p.Payload[1]&0x80 != 0 {
			if d := binary.BigEndian.Uint16(p.Payload[2:]); d != 640 {
				t.Errorf("duration %d, want 640", d)
			}
			if ends++; ends == dtmfEnds {
				digit, ends = digit+1, 0
			}
		}
		last = p
	}
}

func TestHold(t *testing.T) {
	e := newTestEngine(t, nil)
	var la, lb eventLog
	a, pa := connect(t, e, KindRTP, true, &la)
	b, pb := connect(t, e, KindRTP, false, &lb)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	talk(t, pb, pa, 0x1100, 5)
	phone := pa.(*phone)
	phone.desc.Direction = SendOnly
	phone.offer(t, a, nil)
	if a.RemoteDirection() != SendOnly {
		t.Errorf("direction %v", a.RemoteDirection())
	}
	d, err := ParseDescription(a.LocalSDP())
	if err != nil || d.Direction != RecvOnly {
		t.Errorf("answered %v, %v", d.Direction, err)
	}
	n, drops := len(pa.heard()), e.Stats().DropUnroutable
	for i := range 10 {
		pb.send(t, audioPacket(0, 0x1100+300+i, 0x1100))
	}
	waitFor(t, "drops", func() bool { return e.Stats().DropUnroutable >= drops+10 })
	if len(pa.heard()) != n {
		t.Error("a held leg heard something")
	}
	talk(t, pa, pb, 0x1200, 5) // music on hold from the holder goes on
	phone.desc.Direction = SendRecv
	phone.offer(t, a, nil)
	talk(t, pb, pa, 0x1100+0x4000000, 5)
}

func TestContinuityAcrossSources(t *testing.T) {
	e := newTestEngine(t, nil)
	var logs [3]eventLog
	a, pa := connect(t, e, KindSDES, true, &logs[0])
	b, pb := connect(t, e, KindRTP, false, &logs[1])
	c, pc := connect(t, e, KindWebRTC, false, &logs[2])
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	talk(t, pb, pa, 0x1001, 5)
	talk(t, pb, pa, 0x3002, 5) // the source itself changes
	if err := Bridge(a, c); err != nil {
		t.Fatal(err)
	}
	talk(t, pc, pa, 0x2003, 5)
	a.Unbridge()
	a.Echo(true)
	talk(t, pa, pa, 0x3004, 5)
	a.Echo(false)
	if err := Bridge(b, a); err != nil {
		t.Fatal(err)
	}
	talk(t, pb, pa, 0x0005, 5)
	got := pa.heard()
	for i := 1; i < len(got); i++ {
		if got[i].SSRC != got[0].SSRC {
			t.Fatalf("packet %d: SSRC changed", i)
		}
		if d := got[i].SequenceNumber - got[i-1].SequenceNumber; d == 0 || d > 10 {
			t.Errorf("packet %d: sequence step %d", i, int16(d))
		}
		if d := int32(got[i].Timestamp - got[i-1].Timestamp); d <= 0 || d > 16000 {
			t.Errorf("packet %d: timestamp step %d", i, d)
		}
	}
	if d, err := ParseDescription(a.LocalSDP()); err != nil || got[0].SSRC != a.ssrc {
		t.Errorf("SSRC %x is not the session's %x (%v %v)", got[0].SSRC, a.ssrc, d, err)
	}
}

func TestS07ForeignRTPIsNotRelayed(t *testing.T) {
	e := newTestEngine(t, nil)
	var la, lb eventLog
	a, pa := connect(t, e, KindRTP, true, &la)
	b, pb := connect(t, e, KindRTP, false, &lb)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	talk(t, pa, pb, 0x1001, 2*latchPackets)
	attacker := udpConn(t)
	defer attacker.Close()
	raw, err := audioPacket(0, 5, 0xbad).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	n := len(pb.heard())
	const flood = 500
	for i := range flood {
		if _, err := attacker.WriteToUDPAddrPort(raw, pa.(*phone).to); err != nil {
			t.Fatal(err)
		}
		if i%50 == 49 { // the socket's buffer is small
			waitFor(t, "drops", func() bool { return e.Stats().DropForeign == uint64(i+1) })
		}
	}
	if len(pb.heard()) != n {
		t.Error("foreign packets were relayed")
	}
	if a.RemoteAddr() != addrPort(pa.(*phone).conn.LocalAddr()) {
		t.Error("the stream was redirected")
	}
	if a.Stats().ForeignDrops != flood {
		t.Errorf("%d counted", a.Stats().ForeignDrops)
	}
}

func TestLatch(t *testing.T) {
	sdp := netip.MustParseAddrPort("192.0.2.1:4000")
	cases := []struct {
		name string
		from []string
		want []bool
	}{
		{"address of the SDP", []string{"192.0.2.1:4000"}, []bool{true}},
		{"other port of that host, at the start", []string{"192.0.2.1:5000", "192.0.2.1:5000"}, []bool{true, true}},
		{"host of the signalling", []string{"198.51.100.7:9", "198.51.100.7:9"}, []bool{true, true}},
		{"a third host", []string{"203.0.113.1:4000"}, []bool{false}},
		{"locked after five", []string{"192.0.2.1:4000", "192.0.2.1:4000", "192.0.2.1:4000", "192.0.2.1:4000", "192.0.2.1:4000", "192.0.2.1:5000"},
			[]bool{true, true, true, true, true, false}},
		{"the SDP address no more once another was learned and locked", []string{"192.0.2.1:5000", "192.0.2.1:5000", "192.0.2.1:5000", "192.0.2.1:5000", "192.0.2.1:5000", "192.0.2.1:4000"},
			[]bool{true, true, true, true, true, false}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := &leg{sh: &shard{now: time.Unix(1000, 0)}, session: &Session{cfg: SessionConfig{PeerIP: netip.MustParseAddr("198.51.100.7")}}}
			l.applyRemote(legUpdate{remote: sdp})
			for i, f := range c.from {
				from := netip.MustParseAddrPort(f)
				if got := l.latch.admits(l, from); got != c.want[i] {
					t.Fatalf("packet %d from %s: %v", i, f, got)
				} else if got {
					l.latch.learn(l, from)
				}
			}
		})
	}
	t.Run("locked after a second", func(t *testing.T) {
		l := &leg{sh: &shard{now: time.Unix(1000, 0)}}
		l.applyRemote(legUpdate{remote: sdp})
		l.latch.learn(l, sdp)
		l.sh.now = l.sh.now.Add(latchTime + 1)
		if l.latch.admits(l, netip.MustParseAddrPort("192.0.2.1:5000")) {
			t.Error("still open")
		}
		l.applyRemote(legUpdate{remote: sdp})
		if !l.latch.admits(l, netip.MustParseAddrPort("192.0.2.1:5000")) {
			t.Error("a re-INVITE must open it again")
		}
	})
}

func TestManyLegsOnOnePort(t *testing.T) {
	const legs = 60
	e := newTestEngine(t, nil)
	var logs [legs]eventLog
	browsers := make([]*browser, legs)
	sessions := make([]*Session, legs)
	for i := range legs {
		sessions[i] = e.NewSession(SessionConfig{Label: fmt.Sprint(i), OnEvent: logs[i].add})
		browsers[i] = newBrowser(t, "audio/PCMU", 8000, 0, 0, false)
		defer browsers[i].close()
		browsers[i].offer(t, sessions[i], pcmu(), true)
	}
	for i := range legs {
		waitFor(t, "connected", func() bool { _, ok := logs[i].find(EventConnected); return ok })
	}
	for i := 0; i < legs; i += 2 {
		if err := Bridge(sessions[i], sessions[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < legs; i += 2 {
		talk(t, browsers[i], browsers[i+1], uint32(0x1000+i), 3)
		talk(t, browsers[i+1], browsers[i], uint32(0x1001+i), 3)
	}
	if st := e.Stats(); st.Legs != legs || st.PortsInUse != 0 {
		t.Errorf("%d legs, %d ports", st.Legs, st.PortsInUse)
	}
	assertNoHandshake(t)
	for _, s := range sessions {
		s.Close()
	}
	if st := e.Stats(); st.Legs != 0 {
		t.Errorf("%d legs left", st.Legs)
	}
	var addrs, frags int
	addrs, frags = e.all.addrs.len(), e.all.ufrags.len()
	if addrs != 0 || frags != 0 {
		t.Errorf("%d addresses, %d fragments left", addrs, frags)
	}
}
