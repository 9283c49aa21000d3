package media

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestCloseFreesEverything(t *testing.T) {
	e := newTestEngine(t, nil)
	var la, lb eventLog
	a, _ := connect(t, e, KindRTP, true, &la)
	b, _ := connect(t, e, KindWebRTC, true, &lb)
	// A handshake that never ends is cut off as well.
	var lc eventLog
	c := e.NewSession(SessionConfig{OnEvent: lc.add})
	br := newBrowser(t, "audio/PCMU", 8000, 0, 0, false)
	defer br.close()
	if err := c.SetRemoteOffer(br.offerSDP(t, true)); err != nil {
		t.Fatal(err)
	}
	ans, err := c.Answer(nil)
	if err != nil {
		t.Fatal(err)
	}
	ic := newICEClient(t, e, ans)
	ic.check(t, ic.user(), ic.integrity(), fingerprintSetter())
	waitFor(t, "check", func() bool { return c.RemoteAddr().IsValid() })
	ic.write(t, clientHelloPacket())
	waitFor(t, "handshake", func() bool { return e.Stats().DTLSHandshakes == 2 })

	plain := a.LocalAddr()
	mux, tcp := e.MuxAddr(), e.MuxTCPAddr()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for _, addr := range []netip.AddrPort{plain, netip.AddrPortFrom(plain.Addr(), plain.Port()+1), mux} {
		conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(addr))
		if err != nil {
			t.Errorf("%v is still bound: %v", addr, err)
			continue
		}
		conn.Close()
	}
	ln, err := net.Listen("tcp4", tcp.String())
	if err != nil {
		t.Errorf("%v is still bound: %v", tcp, err)
	} else {
		ln.Close()
	}
	assertNoGoroutine(t)
	if err := Bridge(a, b); err == nil {
		t.Error("bridged after Close")
	}
	if _, err := a.Answer(nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	s := e.NewSession(SessionConfig{})
	if _, err := s.Offer(KindRTP, nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	s.Echo(true)
	s.Close()
}

func TestPortRange(t *testing.T) {
	base := freePorts(t)
	e := newTestEngine(t, func(c *Config) { c.PortMin, c.PortMax = base, base+3 })
	seen := map[uint16]bool{}
	var open []*Session
	for range 2 {
		s := e.NewSession(SessionConfig{})
		if _, err := s.Offer(KindRTP, nil); err != nil {
			t.Fatal(err)
		}
		p := s.LocalAddr().Port()
		if p%2 != 0 || int(p) < base || int(p) > base+2 || seen[p] {
			t.Errorf("port %d of %d-%d", p, base, base+3)
		}
		seen[p] = true
		open = append(open, s)
	}
	s := e.NewSession(SessionConfig{})
	if _, err := s.Offer(KindSDES, nil); !errors.Is(err, ErrNoPort) {
		t.Errorf("third leg: %v, want ErrNoPort", err)
	}
	if _, err := s.Offer(KindWebRTC, nil); err != nil {
		t.Errorf("an ICE leg needs no port: %v", err)
	}
	open[0].Close()
	again := e.NewSession(SessionConfig{})
	if _, err := again.Offer(KindRTP, nil); err != nil {
		t.Errorf("after a close: %v", err)
	}
	for _, r := range [][2]int{{10, 5}, {70000, 70010}, {7, 7}, {-3, 9}} {
		if e, err := NewEngine(Config{ListenIP: loopback, PortMin: r[0], PortMax: r[1]}); err == nil {
			e.Close()
			t.Errorf("range %v accepted", r)
		}
	}
}

// freePorts finds four free ports in a row, the first even.
func freePorts(t *testing.T) int {
	t.Helper()
	for range 100 {
		c := udpConn(t)
		p := int(addrPort(c.LocalAddr()).Port()) &^ 1
		c.Close()
		ok := p < 65000
		for i := range 4 {
			c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p + i})
			if err != nil {
				ok = false
				break
			}
			c.Close()
		}
		if ok {
			return p
		}
	}
	t.Fatal("no free ports")
	return 0
}

func TestMuxPortTaken(t *testing.T) {
	e := newTestEngine(t, nil)
	if e2, err := NewEngine(Config{ListenIP: loopback, MuxPort: int(e.MuxAddr().Port())}); err == nil {
		e2.Close()
		t.Error("the port was bound twice")
	}
}

func TestAdvertisedAddress(t *testing.T) {
	ext := netip.MustParseAddr("203.0.113.5")
	e := newTestEngine(t, func(c *Config) { c.AdvertisedIPs = []netip.Addr{ext} })
	for _, k := range []Kind{KindRTP, KindSDES, KindWebRTC} {
		s := e.NewSession(SessionConfig{})
		sdp, err := s.Offer(k, nil)
		if err != nil {
			t.Fatal(err)
		}
		d, err := ParseDescription(sdp)
		if err != nil || d.Addr.Addr() != ext || d.Kind != k {
			t.Errorf("%v: %v, %v", k, d, err)
		}
		if k == KindWebRTC {
			all := strings.Join(d.Candidates, "\n")
			for _, want := range []string{"udp", "203.0.113.5 " + itoa(e.MuxAddr().Port()), "tcptype passive", "203.0.113.5 " + itoa(e.MuxTCPAddr().Port())} {
				if !strings.Contains(all, want) {
					t.Errorf("candidates lack %q:\n%s", want, all)
				}
			}
		}
	}
}

func itoa(p uint16) string { return netip.AddrPortFrom(loopback, p).String()[len("127.0.0.1:"):] }

func TestNegotiationErrors(t *testing.T) {
	e := newTestEngine(t, nil)
	s := e.NewSession(SessionConfig{})
	if _, err := s.Answer(nil); !errors.Is(err, ErrNoOffer) {
		t.Errorf("answer without offer: %v", err)
	}
	if _, err := s.Reoffer(SendOnly); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("re-offer first: %v", err)
	}
	if err := s.SetRemoteOffer([]byte("v=0\r\n")); err == nil {
		t.Error("rubbish accepted")
	}
	p := newPhone(t, KindRTP, CodecsByName("G729"))
	defer p.close()
	if err := s.SetRemoteOffer(p.desc.Marshal()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Answer(pcmu()); !errors.Is(err, ErrNoCodec) {
		t.Errorf("codec: %v", err)
	}
	if n := e.Stats().PortsInUse; n != 0 {
		t.Errorf("a refused offer took %d ports", n)
	}
	b := e.NewSession(SessionConfig{})
	if err := Bridge(s, b); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("bridge: %v", err)
	}
	a := e.NewSession(SessionConfig{})
	offer, err := a.Offer(KindSDES, pcmu())
	if err != nil {
		t.Fatal(err)
	}
	q := newPhone(t, KindSDES, pcmu())
	defer q.close()
	d := q.learn(t, offer)
	down := d.NewAnswer()
	down.Addr, down.Codecs, down.Kind, down.Proto, down.Crypto = q.desc.Addr, d.Codecs, KindRTP, "RTP/AVP", nil
	if err := a.SetRemoteAnswer(down.Marshal()); err == nil {
		t.Error("SRTP downgraded to RTP by the answer")
	}
}

func TestNoCommonCodec(t *testing.T) {
	e := newTestEngine(t, nil)
	mk := func(codec string) *Session {
		s := e.NewSession(SessionConfig{})
		p := newPhone(t, KindRTP, CodecsByName(codec))
		t.Cleanup(p.close)
		p.offer(t, s, CodecsByName(codec))
		return s
	}
	if err := Bridge(mk("PCMU"), mk("PCMA")); !errors.Is(err, ErrNoCommonCodec) {
		t.Error(err)
	}
}

func TestRTPTimeout(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	s := e.NewSession(SessionConfig{OnEvent: log.add, RTPTimeout: 10 * time.Millisecond})
	p := newPhone(t, KindRTP, pcmu())
	defer p.close()
	p.offer(t, s, nil)
	waitFor(t, "timeout", func() bool { _, ok := log.find(EventTimeout); return ok })
}

func TestTimeoutRules(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	cases := []struct {
		name  string
		setup func(l *leg)
		after time.Duration
		want  int
	}{
		{"silence", func(l *leg) { l.gives, l.timeout, l.quietSince = true, 30*time.Second, start }, 31 * time.Second, 1},
		{"not yet", func(l *leg) { l.gives, l.timeout, l.quietSince = true, 30*time.Second, start }, 29 * time.Second, 0},
		{"packets came", func(l *leg) {
			l.gives, l.timeout, l.quietSince = true, 30*time.Second, start
			l.src.last = start.Add(10 * time.Second)
		}, 31 * time.Second, 0},
		{"on hold", func(l *leg) { l.timeout, l.quietSince = 30*time.Second, start }, time.Hour, 0},
		{"too long on hold", func(l *leg) { l.timeout, l.holdTimeout, l.quietSince = 30*time.Second, time.Hour, start }, 61 * time.Minute, 1},
		{"off", func(l *leg) { l.gives, l.quietSince = true, start }, time.Hour, 0},
		{"consent lost", func(l *leg) {
			l.kind = KindWebRTC
			l.ice.selected, l.ice.lastCheck = path{addr: netip.MustParseAddrPort("192.0.2.1:9")}, start
		}, 31 * time.Second, 1},
		{"consent kept", func(l *leg) {
			l.kind = KindWebRTC
			l.ice.selected, l.ice.lastCheck = path{addr: netip.MustParseAddrPort("192.0.2.1:9")}, start
		}, 29 * time.Second, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			n := 0
			l := &leg{iceSide: &iceSide{}, sh: &shard{all: &shards{events: func(_ *shard, _ *Session, ev Event) {
				if ev.Type == EventTimeout {
					n++
				}
			}}}}
			c.setup(l)
			l.sh.now = start.Add(c.after)
			l.checkTimeouts()
			l.checkTimeouts() // reported once
			if n != c.want {
				t.Errorf("%d timeouts, want %d", n, c.want)
			}
			if c.want == 1 && l.kind == KindWebRTC && l.ice.active() {
				t.Error("still sends without consent")
			}
		})
	}
}

func TestS05SRTPErrorsDoNotHangUp(t *testing.T) {
	e := newTestEngine(t, nil)
	var la, lb eventLog
	a, pa := connect(t, e, KindSDES, true, &la)
	b, pb := connect(t, e, KindRTP, false, &lb)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	talk(t, pa, pb, 0x1001, 5)
	raw, err := audioPacket(0, 0x1001+200, 0x1001).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	n := len(pb.heard())
	p := pa.(*phone)
	const junk = 300
	for i := range junk {
		if _, err := p.conn.WriteToUDPAddrPort(raw, p.to); err != nil { // in the clear: no valid tag
			t.Fatal(err)
		}
		if i%50 == 49 {
			waitFor(t, "drops", func() bool { return e.Stats().DropSRTP == uint64(i+1) })
		}
	}
	if len(pb.heard()) != n {
		t.Error("relayed")
	}
	if a.Stats().SRTPErrors != junk {
		t.Errorf("counted %d", a.Stats().SRTPErrors)
	}
	talk(t, pa, pb, 0x1001+0x1000000, 5)
}

func TestS06ReplayIsDropped(t *testing.T) {
	for _, kind := range []Kind{KindRTP, KindSDES} {
		t.Run(kind.String(), func(t *testing.T) {
			e := newTestEngine(t, nil)
			var la, lb eventLog
			a, pa := connect(t, e, kind, true, &la)
			b, pb := connect(t, e, KindRTP, false, &lb)
			if err := Bridge(a, b); err != nil {
				t.Fatal(err)
			}
			talk(t, pa, pb, 0x1001, 3)
			p := pa.(*phone)
			raw, err := audioPacket(0, 0x1001+100, 0x1001).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if kind == KindSDES {
				if raw, err = p.out.EncryptRTP(nil, raw, nil); err != nil {
					t.Fatal(err)
				}
			}
			n := len(pb.heard())
			for range 10 {
				if _, err := p.conn.WriteToUDPAddrPort(raw, p.to); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, "drops", func() bool { return e.Stats().DropReplay == 9 })
			waitFor(t, "the one good packet", func() bool { return len(pb.heard()) == n+1 })
		})
	}
}

func TestFrameReader(t *testing.T) {
	var stream []byte
	want := [][]byte{[]byte("one"), bytes.Repeat([]byte("x"), maxDatagram), []byte("three")}
	for _, w := range want {
		stream = append(stream, byte(len(w)>>8), byte(len(w)))
		stream = append(stream, w...)
		stream = append(stream, 0, 0) // an empty frame
	}
	for _, step := range []int{1, 2, 3, 1000, len(stream)} {
		var r frameReader
		var got [][]byte
		for rest := stream; len(rest) > 0; {
			n := copy(r.space(), rest[:min(step, len(rest))])
			r.filled(n)
			rest = rest[n:]
			for {
				f, err := r.next()
				if err != nil {
					t.Fatal(err)
				}
				if f == nil {
					break
				}
				got = append(got, append([]byte(nil), f...))
			}
		}
		if len(got) != 3 || !bytes.Equal(got[0], want[0]) || !bytes.Equal(got[1], want[1]) || !bytes.Equal(got[2], want[2]) {
			t.Errorf("step %d: %d frames", step, len(got))
		}
	}
	var r frameReader
	r.filled(copy(r.space(), []byte{0xff, 0xff}))
	if _, err := r.next(); err == nil {
		t.Error("a frame beyond the bound was taken")
	}
}

func TestS24PanicIsSurvived(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	s, p := connect(t, e, KindRTP, true, &log)
	s.Echo(true)
	e.all.list[0].loop.do(func() { panic("a defect") })
	if n := e.Stats().Panics; n != 1 {
		t.Errorf("%d panics counted", n)
	}
	talk(t, p, p, 0x1001, 5)
}
