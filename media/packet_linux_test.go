//go:build linux && !talkpath_portable

package media

import (
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/stun/v4"

	"github.com/talkpath/talkpath/srtp"
)

// TestRelayDoesNotAllocate drives the loop with packets of each kind of leg: receive, decrypt, encrypt and send.
func TestRelayDoesNotAllocate(t *testing.T) {
	for _, p := range []srtp.Profile{0, srtp.AES128CMHMACSHA1_80, srtp.AEADAES128GCM} {
		name := "rtp"
		if p != 0 {
			name = p.String()
		}
		t.Run(name, func(t *testing.T) {
			e := newTestEngine(t, nil)
			var la, lb eventLog
			a, pa := connect(t, e, KindRTP, true, &la)
			b, _ := connect(t, e, KindRTP, false, &lb)
			if err := Bridge(a, b); err != nil {
				t.Fatal(err)
			}
			deaf := udpConn(t) // a phone that reads allocates
			defer deaf.Close()
			raw, err := audioPacket(0, 1, 0x9999).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			raw = append(raw, make([]byte, 172-len(raw))...)
			e.all.list[0].loop.do(func() { // the loop's own goroutine: nothing else runs there meanwhile
				sh := e.all.list[0]
				la, lb := a.leg, b.leg
				lb.setRemote(addrPort(deaf.LocalAddr()))
				var far *srtp.Context
				if p != 0 {
					k := srtp.GenerateSDES(1, p)
					la.kind, lb.kind = KindSDES, KindSDES
					far = mustContext(t, k)
					la.in, lb.out = mustContext(t, k), mustContext(t, srtp.GenerateSDES(1, p))
				}
				buf := make([]byte, slotSize)
				seq := uint16(1)
				one := func() {
					n := copy(buf, raw)
					binary.BigEndian.PutUint16(buf[2:], seq)
					binary.BigEndian.PutUint32(buf[4:], uint32(seq)*160)
					seq++
					if far != nil {
						if n, err = far.ProtectRTP(buf, n); err != nil {
							t.Error(err)
						}
					}
					if _, err := pa.(*phone).conn.WriteToUDPAddrPort(buf[:n], la.rtp.local); err != nil {
						t.Error(err)
					}
					s := la.rtp
					if la.direct != nil {
						s = la.direct
					}
					if !sh.loop.readOne(s) {
						t.Error("nothing to read")
					}
				}
				for range latchPackets {
					one()
				}
				out := sh.stats.PacketsOut
				la.said, lb.heardBy = newEar(), newEar() // as for a recording of both
				if n := testing.AllocsPerRun(500, one); n != 0 {
					t.Errorf("%v allocations a packet that is listened to", n)
				}
				if la.said.head.Load() != earSlots || lb.heardBy.head.Load() != earSlots {
					t.Errorf("%d and %d heard", la.said.head.Load(), lb.heardBy.head.Load())
				}
				la.said, lb.heardBy = nil, nil
				if n := testing.AllocsPerRun(500, one); n != 0 {
					t.Errorf("%v allocations a packet", n)
				}
				if sh.stats.PacketsOut-out < 1000 {
					t.Errorf("relayed %d", sh.stats.PacketsOut-out)
				}
				if la.direct == nil {
					t.Error("no direct socket")
				}
			})
		})
	}
}

func mustContext(t *testing.T, k srtp.SDES) *srtp.Context {
	t.Helper()
	c, err := srtp.NewContext(k.Profile, k.Key, k.Salt)
	if err != nil {
		t.Error(err)
	}
	return c
}

// fuzzShard is a packet plane without sockets to answer from: two bridged legs on the shared port.
func fuzzShard(t testing.TB) (*shard, *leg, netip.AddrPort) {
	t.Helper()
	sh := &shard{
		all: newShards(slog.New(slog.DiscardHandler), &group{closed: true}, func(*shard, *Session, Event) {}),
		tcp: map[*tcpConn]struct{}{}, now: time.Unix(1_700_000_000, 0),
	}
	var err error
	if sh.loop, err = newLoop(sh); err != nil {
		t.Fatal(err)
	}
	if sh.mux, err = openUDP(netip.AddrPortFrom(loopback, 0), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sh.mux.close(); sh.loop.abandon() })
	from := netip.MustParseAddrPort("127.0.0.1:9")
	legs := [2]*leg{}
	for i := range legs {
		l := newLeg(&Session{}, KindRTP)
		l.sh, l.iceSide = sh, &iceSide{}
		l.home.Store(sh)
		l.takes, l.gives, l.rtp, l.rtcp = true, true, sh.mux, sh.mux
		l.stream.ssrc = uint32(i + 1)
		var formats []format8
		for _, c := range CodecsByName("PCMU,OPUS") {
			formats = append(formats, format8{codec: &c, tx: c.PayloadType})
		}
		l.applyFormats(formats)
		l.remote, l.remoteRTCP = from, from
		legs[i] = l
	}
	legs[0].bridgeTo(legs[1])
	legs[0].setICE("fragment+of+", "password-of-the-leg-1")
	sh.all.addrs.set(keyOf(from), legs[0])
	return sh, legs[0], from
}

func FuzzPacket(f *testing.F) {
	seeds := [][]byte{
		{}, {0}, {128, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7, 1, 2, 3},
		{0x90, 101, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7, 0xbe, 0xde, 0, 1, 1, 2, 3, 4, 5, 0x8a, 1, 0x40},
		{0x8f, 101, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7},
	}
	if m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("fragment+of+:x"), stun.NewShortTermIntegrity("password-of-the-leg-1"), stun.Fingerprint); err == nil {
		seeds = append(seeds, m.Raw)
	}
	reports := []rtcp.Packet{
		&rtcp.SenderReport{SSRC: 7, Reports: []rtcp.ReceptionReport{{SSRC: 1, LastSenderReport: 5}}},
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 7, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "c"}}}}},
		&rtcp.Goodbye{Sources: []uint32{7}},
	}
	if raw, err := rtcp.Marshal(reports); err == nil {
		seeds = append(seeds, raw)
	}
	seeds = append(seeds, clientHelloPacket())
	for _, s := range seeds {
		f.Add(s)
	}
	sh, l, from := fuzzShard(f)
	f.Fuzz(func(t *testing.T, pkt []byte) {
		if len(pkt) > maxDatagram {
			return
		}
		buf := make([]byte, len(pkt), slotSize)
		copy(buf, pkt)
		sh.datagram(sh.mux, buf, from, netip.Addr{})
		if l.sh.loop.outN > 0 {
			n := uint64(l.sh.loop.outIovs[0].Len)
			if n > uint64(len(pkt)) {
				t.Errorf("%d bytes went out of %d", n, len(pkt))
			}
		}
		sh.loop.outN = 0 // the buffer is gone
		if n := sh.all.addrs.len(); n > maxPaths+1 {
			t.Errorf("%d addresses", n)
		}
	})
}

func TestTCPConnectionBounds(t *testing.T) {
	e := newTestEngine(t, nil)
	conn, err := net.Dial("tcp", e.MuxTCPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	waitFor(t, "connection", func() bool { return e.Stats().TCPConnections == 1 })
	one := func(f func(c *tcpConn)) {
		e.all.list[0].loop.do(func() {
			for c := range e.all.list[0].tcp {
				f(c)
			}
		})
	}
	one(func(c *tcpConn) { // a receiver that never reads
		pkt := make([]byte, 1000)
		for range 20_000 {
			e.all.list[0].loop.sendTCP(c, pkt)
		}
		if len(c.out) > maxTCPBacklog {
			t.Errorf("%d bytes wait, bound is %d", len(c.out), maxTCPBacklog)
		}
	})
	if e.Stats().DropSend == 0 {
		t.Error("no frame was dropped")
	}
	// What arrives is whole frames all the same.
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	frame := make([]byte, 1002)
	for i := range 500 {
		if _, err := io.ReadFull(conn, frame); err != nil || binary.BigEndian.Uint16(frame) != 1000 {
			t.Fatalf("frame %d: length %d, %v", i, binary.BigEndian.Uint16(frame), err)
		}
	}
	one(func(c *tcpConn) { // it never showed by an ICE check whose it is
		c.opened = c.opened.Add(-tcpIdentify - time.Second)
		e.all.list[0].nextTick = time.Time{}
	})
	waitFor(t, "close", func() bool { return e.Stats().TCPConnections == 0 })
}

// TestTCPWithoutDescriptors: a connection that there is no descriptor for is ended; waiting, it would keep the loop awake.
func TestTCPWithoutDescriptors(t *testing.T) {
	e := newTestEngine(t, nil)
	for range 3 {
		var conn net.Conn
		e.all.list[0].loop.do(func() { // the loop does not accept meanwhile
			var err error
			if conn, err = net.Dial("tcp", e.MuxTCPAddr().String()); err != nil {
				t.Error(err)
				return
			}
			e.all.list[0].loop.refuseTCP()
			if e.all.list[0].loop.held < 0 {
				t.Error("nothing in reserve for the next one")
			}
		})
		if conn == nil {
			return
		}
		if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("not ended: %v", err)
		}
		conn.Close()
	}
	if st := e.Stats(); st.TCPRefused != 3 || st.TCPConnections != 0 {
		t.Errorf("%+v", st)
	}
}
