package media

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/talkpath/talkpath/media/audio"
)

// program is the far end of a unicast: it collects what the phone says and sends a tone.
type program struct {
	mu  sync.Mutex
	got [][]byte
}

func (p *program) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.got)
}

// TestUnicast: the program hears the phone and the phone hears the program, as samples or as the codec has them.
func TestUnicast(t *testing.T) {
	const says, hears = 700.0, 1900.0
	for _, c := range []struct {
		name, codec string
		native      bool
		size        int // of a datagram
	}{
		{"samples", "PCMU", false, 320},
		{"samples of wide sound", "G722", false, 640},
		{"native", "PCMA", true, 160},
		{"native L16", "L16", true, 640},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newTestEngine(t, nil)
			var log eventLog
			codec := formatOf(c.codec)
			s, p := phoneOn(t, e, KindRTP, codec, &log)
			conn := udpConn(t)
			var end ending
			u, err := s.Unicast(UnicastOptions{Local: netip.MustParseAddrPort("127.0.0.1:0"), Remote: addrPort(conn.LocalAddr()), Native: c.native}, end.done)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Play(u.Source(), nil); err != nil {
				t.Fatal(err)
			}
			var prog program
			go func() {
				buf := make([]byte, 2000)
				for {
					n, from, err := conn.ReadFromUDPAddrPort(buf)
					if err != nil {
						return
					}
					if from != u.LocalAddr() {
						t.Errorf("a datagram from %v, not %v", from, u.LocalAddr())
					}
					prog.mu.Lock()
					prog.got = append(prog.got, append([]byte(nil), buf[:n]...))
					prog.mu.Unlock()
				}
			}()
			rate := codec.SampleRate()
			enc, dec := audio.Encoder(hostL16(rate)), audio.Decoder(hostL16(rate))
			if c.native {
				enc, _ = audio.NewEncoder(codec.Name, codec.ClockRate)
				dec, _ = audio.NewDecoder(codec.Name, codec.ClockRate)
			}
			tone, sent, next := newSine(hears, rate, -1), 0, time.Now()
			k := newTalker(t, p, codec, newSine(says, rate, -1), 77)
			converse(t, "half a second of both", func() bool {
				for ; !next.After(time.Now()); next = next.Add(packetTime) {
					frame := make([]int16, rate/ticksPerSecond)
					if _, err := tone.Read(frame); err != nil {
						t.Fatal(err)
					}
					if _, err := conn.WriteToUDPAddrPort(enc.Encode(nil, frame), u.LocalAddr()); err != nil {
						t.Fatal(err)
					}
					sent++
				}
				return prog.count() > 30 && len(p.heard()) > 30
			}, k)
			var pcm []int16
			prog.mu.Lock()
			for _, d := range prog.got[5:] {
				if len(d) != c.size {
					t.Fatalf("a datagram of %d bytes", len(d))
				}
				pcm = dec.Decode(pcm, d)
			}
			prog.mu.Unlock()
			assertTone(t, "the program", pcm, says, rate, true)
			assertTone(t, "the program", pcm, hears, rate, false)
			heard := decode(t, codec, p.heard())
			assertTone(t, "the phone", heard[len(heard)/3:], hears, rate, true)
			u.Close()
			u.Close()
			if err := end.wait(t); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestUnicastBounds: sound from elsewhere is not taken, too much of it is lost and counted, and a session's end is the socket's.
func TestUnicastBounds(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	s, _ := phoneOn(t, e, KindRTP, formatOf("PCMU"), &log)
	conn := udpConn(t)
	var end ending
	u, err := s.Unicast(UnicastOptions{Local: netip.MustParseAddrPort("127.0.0.1:0"), Remote: netip.MustParseAddrPort("127.0.0.2:9")}, end.done)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Unicast(UnicastOptions{Local: u.LocalAddr(), Remote: addrPort(conn.LocalAddr())}, nil); err == nil {
		t.Error("an address was bound twice")
	}
	if _, err := conn.WriteToUDPAddrPort(make([]byte, 320), u.LocalAddr()); err != nil { // of 127.0.0.1
		t.Fatal(err)
	}
	stranger := make([]int16, 160)
	if n, err := u.Source().Read(stranger); n != 160 || err != nil {
		t.Fatal(n, err)
	}
	u.take(make([]int16, 11*8000))
	if u.Lost() != time.Second {
		t.Errorf("%v lost", u.Lost())
	}
	s.Close()
	if err := end.wait(t); err != nil {
		t.Error(err)
	}
	if _, err := s.Unicast(UnicastOptions{Remote: addrPort(conn.LocalAddr())}, nil); err == nil {
		t.Error("a session that is closed")
	}
}

// TestUnicastSource gives silence where nothing waits, and begins when jitter can do no harm.
func TestUnicastSource(t *testing.T) {
	ones := func(n int) []int16 {
		pcm := make([]int16, n)
		for i := range pcm {
			pcm[i] = 1
		}
		return pcm
	}
	for _, c := range []struct {
		name  string
		takes []int // samples that come before each read of 160
		want  []int // samples that are heard in each
	}{
		{"nothing", []int{0, 0}, []int{0, 0}},
		{"a second packet", []int{160, 160, 160}, []int{0, 160, 160}},
		{"a lone packet", []int{160, 0, 0, 0}, []int{0, 0, 160, 0}},
		{"a gap", []int{320, 0, 0, 160, 160}, []int{160, 160, 0, 0, 160}},
		{"odd sizes", []int{330, 0, 0}, []int{160, 160, 10}},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := &Unicast{decoder: hostL16(8000)}
			for i, n := range c.takes {
				u.take(ones(n))
				pcm := ones(160)
				if _, err := u.Source().Read(pcm); err != nil {
					t.Fatal(err)
				}
				heard := 0
				for _, v := range pcm {
					heard += int(v)
				}
				if heard != c.want[i] {
					t.Errorf("read %d: %d samples, want %d", i, heard, c.want[i])
				}
			}
		})
	}
}
