package srtp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// protected is a packet under the test key.
func protected(t testing.TB, c *Context, ssrc uint32, seq uint16) []byte {
	t.Helper()
	buf := withRoom(rtpPacket(t, ssrc, seq, 40))
	n, err := c.ProtectRTP(buf, len(buf))
	if err != nil {
		t.Fatalf("ProtectRTP seq %d: %v", seq, err)
	}
	return buf[:n]
}

func TestReplay(t *testing.T) {
	for _, p := range allProfiles {
		t.Run(p.ours.String(), func(t *testing.T) {
			out, in := newContext(t, p.ours), newContext(t, p.ours)
			packets := map[uint16][]byte{}
			for seq := uint16(65300); seq != 500; seq++ {
				packets[seq] = protected(t, out, 9, seq)
			}
			take := func(seq uint16) error { _, err := in.UnprotectRTP(bytes.Clone(packets[seq])); return err }
			// Around the wrap, in an order that needs the roll-over counter both ways.
			for _, seq := range []uint16{65500, 65534, 1, 65535, 0, 65533, 3, 2, 65400} {
				if err := take(seq); err != nil {
					t.Errorf("seq %d: %v", seq, err)
				}
				if err := take(seq); !errors.Is(err, ErrReplay) {
					t.Errorf("seq %d again: %v", seq, err)
				}
			}
			if err := take(400); err != nil {
				t.Errorf("jump ahead: %v", err)
			}
			if err := take(400 - windowSize); !errors.Is(err, ErrReplay) {
				t.Errorf("behind the window: %v", err)
			}
			if err := take(400 - windowSize + 1); err != nil {
				t.Errorf("last of the window: %v", err)
			}
			if got := in.Counters().Replay; got != 10 {
				t.Errorf("%d replays counted, want 10", got)
			}
		})
	}
}

func TestReplayRTCP(t *testing.T) {
	for _, p := range allProfiles {
		out, in := newContext(t, p.ours), newContext(t, p.ours)
		buf := withRoom(rtcpPacket(5, 20))
		n, err := out.ProtectRTCP(buf, len(buf))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.UnprotectRTCP(bytes.Clone(buf[:n])); err != nil {
			t.Errorf("%v: %v", p.ours, err)
		}
		if _, err := in.UnprotectRTCP(bytes.Clone(buf[:n])); !errors.Is(err, ErrReplay) {
			t.Errorf("%v: again: %v", p.ours, err)
		}
	}
}

// TestSenderRefusesReuse: two packets under one index would reveal both.
func TestSenderRefusesReuse(t *testing.T) {
	c := newContext(t, AEADAES128GCM)
	protected(t, c, 1, 100)
	buf := withRoom(rtpPacket(t, 1, 100, 10))
	if _, err := c.ProtectRTP(buf, len(buf)); !errors.Is(err, ErrReplay) {
		t.Errorf("got %v", err)
	}
	protected(t, c, 1, 99) // late, but not used yet
}

// TestForged flips each bit of a packet.
func TestForged(t *testing.T) {
	for _, p := range allProfiles {
		t.Run(p.ours.String(), func(t *testing.T) {
			out, in := newContext(t, p.ours), newContext(t, p.ours)
			pkt := protected(t, out, 9, 1000)
			for bit := range len(pkt) * 8 {
				bad := bytes.Clone(pkt)
				bad[bit/8] ^= 1 << (bit % 8)
				if _, err := in.UnprotectRTP(bad); err == nil {
					t.Fatalf("bit %d: accepted", bit)
				}
			}
			buf := withRoom(rtcpPacket(9, 20))
			n, err := out.ProtectRTCP(buf, len(buf))
			if err != nil {
				t.Fatal(err)
			}
			for bit := range n * 8 {
				bad := bytes.Clone(buf[:n])
				bad[bit/8] ^= 1 << (bit % 8)
				if _, err := in.UnprotectRTCP(bad); err == nil {
					t.Fatalf("RTCP bit %d: accepted", bit)
				}
			}
			if len(in.sources) != 0 || in.Counters().Auth == 0 {
				t.Errorf("%d sources, %+v", len(in.sources), in.Counters())
			}
			// Forgeries with any sequence number leave the stream as it was.
			if _, err := in.UnprotectRTP(pkt); err != nil {
				t.Errorf("the good packet: %v", err)
			}
		})
	}
}

func TestTooManySources(t *testing.T) {
	out, in := newContext(t, AES128CMHMACSHA1_80), newContext(t, AES128CMHMACSHA1_80)
	for ssrc := range uint32(maxSources) {
		if _, err := in.UnprotectRTP(protected(t, out, ssrc, 1)); err != nil {
			t.Fatal(err)
		}
	}
	pkt := withRoom(rtpPacket(t, maxSources, 1, 10))
	if _, err := out.ProtectRTP(pkt, len(pkt)); !errors.Is(err, ErrSources) {
		t.Errorf("ProtectRTP: %v", err)
	}
	pkt = protected(t, newContext(t, AES128CMHMACSHA1_80), maxSources, 1)
	if _, err := in.UnprotectRTP(pkt); !errors.Is(err, ErrSources) || in.Counters().Sources != 1 {
		t.Errorf("UnprotectRTP: %v %+v", err, in.Counters())
	}
	if _, err := in.UnprotectRTP(protected(t, out, 3, 2)); err != nil {
		t.Errorf("a known source: %v", err)
	}
}

func TestMalformed(t *testing.T) {
	for _, p := range allProfiles {
		c := newContext(t, p.ours)
		pkt := protected(t, newContext(t, p.ours), 1, 1)
		for n := range len(pkt) {
			if _, err := c.UnprotectRTP(bytes.Clone(pkt[:n])); err == nil {
				t.Errorf("%v: %d bytes accepted", p.ours, n)
			}
			if _, err := c.UnprotectRTCP(bytes.Clone(pkt[:n])); err == nil {
				t.Errorf("%v: %d bytes accepted as RTCP", p.ours, n)
			}
		}
		plain := rtpPacket(t, 1, 1, 10)
		full := plain[:len(plain):len(plain)]
		if _, err := c.ProtectRTP(full, len(full)); !errors.Is(err, ErrSpace) {
			t.Errorf("%v: no room: %v", p.ours, err)
		}
		rtcp := rtcpPacket(1, 8)
		if _, err := c.ProtectRTCP(rtcp[:len(rtcp):len(rtcp)], len(rtcp)); !errors.Is(err, ErrSpace) {
			t.Errorf("%v: no room for RTCP: %v", p.ours, err)
		}
		for _, n := range []int{-1, 0, 11, 1 << 20} {
			if _, err := c.ProtectRTP(plain, n); !errors.Is(err, ErrShort) {
				t.Errorf("%v: length %d: %v", p.ours, n, err)
			}
		}
		for _, n := range []int{-1, 0, 7, 1 << 20} {
			if _, err := c.ProtectRTCP(rtcp, n); !errors.Is(err, ErrShort) {
				t.Errorf("%v: RTCP length %d: %v", p.ours, n, err)
			}
		}
	}
}

func TestExpired(t *testing.T) {
	c := newContext(t, AES128CMHMACSHA1_80)
	protected(t, c, 1, 1)
	c.sources[0].rtp.highest = 1<<48 - 1
	buf := withRoom(rtpPacket(t, 1, 0, 10))
	if _, err := c.ProtectRTP(buf, len(buf)); !errors.Is(err, ErrExpired) {
		t.Errorf("after the last roll-over: %v", err)
	}
	c.sources[0].rtcpNext = 1<<31 - 1
	rtcp := withRoom(rtcpPacket(1, 8))
	if _, err := c.ProtectRTCP(rtcp, len(rtcp)); err != nil {
		t.Errorf("last SRTCP index: %v", err)
	}
	rtcp = withRoom(rtcpPacket(1, 8))
	if _, err := c.ProtectRTCP(rtcp, len(rtcp)); !errors.Is(err, ErrExpired) {
		t.Errorf("after the last SRTCP index: %v", err)
	}
}

func TestNewContextErrors(t *testing.T) {
	if _, err := NewContext(0x4242, make([]byte, 16), make([]byte, 14)); !errors.Is(err, ErrProfile) {
		t.Errorf("profile: %v", err)
	}
	if _, err := NewContext(AES128CMHMACSHA1_80, make([]byte, 32), make([]byte, 14)); !errors.Is(err, ErrKey) {
		t.Errorf("key: %v", err)
	}
	if _, err := NewContext(AEADAES128GCM, make([]byte, 16), make([]byte, 14)); !errors.Is(err, ErrKey) {
		t.Errorf("salt: %v", err)
	}
}

// TestEstimate compares with RFC 3711 §3.3.1: the index nearest to the highest one.
func TestEstimate(t *testing.T) {
	tests := []struct {
		name    string
		highest uint64
		seq     uint16
		want    uint64
	}{
		{"next", 5<<16 | 100, 101, 5<<16 | 101},
		{"same", 5<<16 | 100, 100, 5<<16 | 100},
		{"wrap", 5<<16 | 65535, 0, 6 << 16},
		{"before the wrap", 6 << 16, 65535, 5<<16 | 65535},
		{"half ahead", 5<<16 | 100, 100 + 32768, 5<<16 | 100 + 32768},
		{"more than half ahead", 5<<16 | 100, 101 + 32768, 4<<16 | 101 + 32768},
		{"upper half", 5<<16 | 40000, 40000 - 32768, 5<<16 | 40000 - 32768},
		{"upper half, wrapped", 5<<16 | 40000, 40000 - 32769, 6<<16 | 40000 - 32769},
		{"before the beginning", 10, 65535, 65535},
	}
	for _, tt := range tests {
		w := window{highest: tt.highest, started: true}
		if got := w.estimate(tt.seq); got != tt.want {
			t.Errorf("%s: %#x, want %#x", tt.name, got, tt.want)
		}
	}
}

// TestWindow compares the ring of bits with a set.
func TestWindow(t *testing.T) {
	var w window
	used := map[uint64]bool{}
	var highest, state uint64 = 0, 88172645463325252
	for range 200_000 {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		index := highest + state%7
		switch state >> 60 {
		case 0, 1, 2, 3:
			index -= min(index, state>>20%300)
		case 4:
			index += state >> 20 % 500
		}
		want := !used[index] && (len(used) == 0 || index+windowSize > highest)
		if got := w.fresh(index); got != want {
			t.Fatalf("index %d, highest %d: fresh %v, want %v", index, highest, got, want)
		}
		if want {
			w.use(index)
			used[index], highest = true, max(highest, index)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	for _, p := range allProfiles {
		for _, path := range paths() {
			t.Run(p.ours.String()+"/"+path.name, func(t *testing.T) {
				noAllocations(t, contextOf(t, p.ours, path.instructions), contextOf(t, p.ours, path.instructions))
			})
		}
	}
}

func noAllocations(t *testing.T, out, in *Context) {
	plain, report := rtpPacket(t, 1, 0, 160), rtcpPacket(1, 40)
	buf := make([]byte, 2048)
	seq := uint16(0)
	allocs := testing.AllocsPerRun(200, func() {
		seq++
		n := copy(buf, plain)
		binary.BigEndian.PutUint16(buf[2:], seq)
		n, err := out.ProtectRTP(buf, n)
		if err == nil {
			_, err = in.UnprotectRTP(buf[:n])
		}
		if err != nil {
			t.Fatal(err)
		}
		if n, err = out.ProtectRTCP(buf, copy(buf, report)); err == nil {
			_, err = in.UnprotectRTCP(buf[:n])
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err = in.UnprotectRTP(buf[:100]); err == nil { // a refused packet costs nothing either
			t.Fatal("garbage accepted")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations a packet", allocs)
	}
}
