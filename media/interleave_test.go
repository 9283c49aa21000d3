package media

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/stun/v4"

	"github.com/talkpath/talkpath/srtp"
)

// TestControlDuringTraffic opens, bridges, holds, echoes and closes legs from several goroutines while packets of all kinds rain on every
// port, until the ports of the range have been used several times over. Nothing may be left, no packet may reach a leg that got the
// descriptor or the port of an earlier one, and nothing may race. With several shards legs lie on all of them, and every bridge moves one.
func TestControlDuringTraffic(t *testing.T) {
	for _, c := range []struct {
		name           string
		shards, packed int
	}{{"one shard", 1, packedLegs}, {"three shards", 3, 1}} {
		t.Run(c.name, func(t *testing.T) { controlDuringTraffic(t, c.shards, c.packed) })
	}
}

func controlDuringTraffic(t *testing.T, shards, packed int) {
	const pairs, workers, rounds = 12, 4, 25
	first := freeRange(t, 2*pairs)
	e := newTestEngine(t, func(c *Config) { c.PortMin, c.PortMax, c.Shards = first, first+2*pairs-1, shards })
	e.all.packed = int32(packed)
	stop := make(chan struct{})
	var rain, work sync.WaitGroup
	rain.Go(func() { rainOn(t, e, first, 2*pairs, stop) })
	for w := range workers {
		work.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(w), 7))
			for range rounds {
				churn(t, e, rnd)
			}
		})
	}
	work.Wait()
	close(stop)
	rain.Wait()
	st := e.Stats()
	if st.Legs != 0 || st.PortsInUse != 0 || st.TCPConnections != 0 || st.Panics != 0 {
		t.Errorf("left: %+v", st)
	}
	if st.PacketsIn == 0 || st.STUNRequests+st.DropSTUN == 0 {
		t.Errorf("no traffic: the test proves nothing: %+v", st)
	}
	assertNothingLeft(t, e)
	// Each port was given back exactly once: all pairs can be had again, and not one more.
	var all []*Session
	for range pairs {
		s := e.NewSession(SessionConfig{})
		if _, err := s.Offer(KindRTP, nil); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if _, err := e.NewSession(SessionConfig{}).Offer(KindRTP, nil); !errors.Is(err, ErrNoPort) {
		t.Errorf("one pair too many: %v", err)
	}
	for _, s := range all {
		s.Close()
	}
}

// freeRange finds n ports in a row that are free now.
func freeRange(t *testing.T, n int) int {
	t.Helper()
	for range 50 {
		c := udpConn(t)
		first := (int(addrPort(c.LocalAddr()).Port()) + 1) &^ 1
		c.Close()
		ok := first+n < 65536
		for i := 0; i < n && ok; i++ {
			c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, uint16(first+i))))
			if ok = err == nil; ok {
				c.Close()
			}
		}
		if ok {
			return first
		}
	}
	t.Fatal("no free range of ports")
	return 0
}

// rainOn sends packets of every class to every port.
func rainOn(t *testing.T, e *Engine, first, n int, stop chan struct{}) {
	conn := udpConn(t)
	defer conn.Close()
	raw, err := audioPacket(0, 1, 0xabc).Marshal()
	if err != nil {
		t.Error(err)
		return
	}
	check, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("nobody:peer"), stun.NewShortTermIntegrity("x"), stun.Fingerprint)
	if err != nil {
		t.Error(err)
		return
	}
	packets := [][]byte{raw, check.Raw, clientHelloPacket(), {0x80, 201, 0, 1, 0, 0, 0, 9}, {0xff}}
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		to := e.MuxAddr()
		if i%3 > 0 {
			to = netip.AddrPortFrom(loopback, uint16(first+i%n))
		}
		_, _ = conn.WriteToUDPAddrPort(packets[i%len(packets)], to) // nobody may be there
	}
}

// churn lives through one call of two legs with something happening at random, and ends it in the middle of traffic.
func churn(t *testing.T, e *Engine, rnd *rand.Rand) {
	var legs [2]*Session
	phones := [2]*net.UDPConn{udpConn(t), udpConn(t)}
	defer phones[0].Close()
	defer phones[1].Close()
	kinds := []Kind{KindRTP, KindSDES, KindWebRTC}
	for i := range legs {
		legs[i] = e.NewSession(SessionConfig{OnEvent: func(Event) {}})
		d := bareOffer(kinds[rnd.IntN(len(kinds))], addrPort(phones[i].LocalAddr()))
		if err := legs[i].SetRemoteOffer(d.Marshal()); err != nil {
			t.Error(err)
			return
		}
		ans, err := legs[i].Answer(nil)
		if err != nil {
			t.Error(err)
			return
		}
		if d.Kind == KindWebRTC { // a validated path and a handshake that never ends
			a, _ := ParseDescription(ans)
			m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(a.ICEUfrag+":p"), stun.NewShortTermIntegrity(a.ICEPwd), stun.Fingerprint)
			if err == nil {
				_, _ = phones[i].WriteToUDPAddrPort(m.Raw, e.MuxAddr())
			}
		}
	}
	if err := Bridge(legs[0], legs[1]); err != nil {
		t.Error(err)
	}
	var parallel sync.WaitGroup
	for i, s := range legs {
		to := s.LocalAddr()
		parallel.Go(func() {
			for seq := range 30 {
				p := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(seq), SSRC: uint32(i + 1)}, Payload: make([]byte, 160)}
				if raw, err := p.Marshal(); err == nil {
					_, _ = phones[i].WriteToUDPAddrPort(raw, to)
				}
			}
		})
	}
	for range 6 {
		s, o := legs[rnd.IntN(2)], legs[rnd.IntN(2)]
		switch rnd.IntN(6) {
		case 0:
			s.Echo(rnd.IntN(2) == 0)
		case 1:
			_ = Bridge(s, o)
		case 2:
			s.Unbridge()
		case 3:
			_ = s.SendDTMF("12#", 40)
		case 4:
			_, _ = s.Reoffer(SendOnly)
		case 5:
			s.Stats()
		}
	}
	for _, s := range legs { // twice, at once: the ports come back once
		parallel.Go(s.Close)
		parallel.Go(s.Close)
	}
	parallel.Wait()
}

// bareOffer is an offer without anything behind it.
func bareOffer(kind Kind, addr netip.AddrPort) *Description {
	d := NewOffer(kind)
	d.Codecs, d.Addr, d.RTCPAddr = pcmu(), addr, netip.AddrPortFrom(addr.Addr(), addr.Port()+1)
	switch kind {
	case KindSDES:
		d.Crypto = []srtp.SDES{srtp.GenerateSDES(1, srtp.AEADAES128GCM)}
	case KindWebRTC:
		d.ICEUfrag, d.ICEPwd = "abcd", "abcdefghijklmnopqrstuvwx"
		d.Fingerprint = CertificateFingerprint([]byte("no certificate"))
	}
	return d
}
