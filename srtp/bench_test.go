package srtp

import (
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/pion/rtp"
)

// The benchmarks protect and unprotect voice packets of 160 bytes; "pion" is pion/srtp v3 in its cheapest form: buffer and header
// given, no allocation of its own.

func BenchmarkProtectRTP(b *testing.B) {
	for _, p := range allProfiles {
		plain := rtpPacket(b, 1, 0, 160)
		b.Run(p.ours.String()+"/talkpath", func(b *testing.B) {
			c, buf := newContext(b, p.ours), make([]byte, 256)
			b.ReportAllocs()
			for seq := uint16(0); b.Loop(); seq++ {
				n := copy(buf, plain)
				binary.BigEndian.PutUint16(buf[2:], seq)
				if _, err := c.ProtectRTP(buf, n); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(p.ours.String()+"/pion", func(b *testing.B) {
			c, buf := newPion(b, p.ours, p.theirs), make([]byte, 256)
			var h rtp.Header
			b.ReportAllocs()
			for seq := uint16(0); b.Loop(); seq++ {
				binary.BigEndian.PutUint16(plain[2:], seq)
				if _, err := h.Unmarshal(plain); err != nil {
					b.Fatal(err)
				}
				if _, err := c.EncryptRTP(buf, plain, &h); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBothRTP protects and unprotects in place, as a relay does: what one packet left in the processor's store buffers is there for the next.
func BenchmarkBothRTP(b *testing.B) {
	for _, p := range allProfiles {
		b.Run(p.ours.String(), func(b *testing.B) {
			out, in, buf := newContext(b, p.ours), newContext(b, p.ours), make([]byte, 256)
			n := copy(buf, rtpPacket(b, 1, 0, 160))
			for seq := uint16(0); b.Loop(); seq++ {
				binary.BigEndian.PutUint16(buf[2:], seq)
				sealed, err := out.ProtectRTP(buf, n)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := in.UnprotectRTP(buf[:sealed]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkParts shows what a voice packet costs in each transform, by path.
func BenchmarkParts(b *testing.B) {
	data := make([]byte, 256)
	for _, p := range paths() {
		b.Run("AES-CTR/"+p.name, func(b *testing.B) {
			c, err := newCounterMode(make([]byte, 16), p.instructions)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				c.xor(data[:160], counter{})
			}
		})
		b.Run("HMAC-SHA1/"+p.name, func(b *testing.B) {
			m, err := newHMACSHA1(make([]byte, 20), p.instructions)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				m.sum(data[:176])
			}
		})
		b.Run("AES-GCM/"+p.name, func(b *testing.B) {
			k := &gcmKeys{}
			if err := k.setKey(make([]byte, 16), p.instructions); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				k.seal(data[12:172], data[:12])
			}
		})
	}
}

// benchPackets is a whole cycle of sequence numbers; each round over it advances the roll-over counter, so the packets are protected
// once more outside of the measured time.
const benchPackets = 4096

func BenchmarkUnprotectRTP(b *testing.B) {
	for _, p := range allProfiles {
		run := func(name string, unprotect func() func(pkt []byte) error) {
			b.Run(p.ours.String()+"/"+name, func(b *testing.B) {
				out := newContext(b, p.ours)
				packets := make([][]byte, benchPackets)
				for i := range packets {
					packets[i] = protected(b, out, 1, uint16(i))
				}
				buf := make([]byte, 256)
				b.ReportAllocs()
				take := unprotect()
				for i := 0; b.Loop(); i++ {
					if i%benchPackets == 0 {
						b.StopTimer()
						take = unprotect() // a new context: the packets are new to it
						b.StartTimer()
					}
					if err := take(buf[:copy(buf, packets[i%benchPackets])]); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("talkpath", func() func([]byte) error {
			c := newContext(b, p.ours)
			return func(pkt []byte) error { _, err := c.UnprotectRTP(pkt); return err }
		})
		run("pion", func() func([]byte) error {
			c, dst := newPion(b, p.ours, p.theirs), make([]byte, 256)
			var h rtp.Header
			return func(pkt []byte) error {
				if _, err := h.Unmarshal(pkt); err != nil {
					return err
				}
				_, err := c.DecryptRTP(dst, pkt, &h)
				return err
			}
		})
	}
}

// BenchmarkNewContext also tells how much memory a context keeps that has seen one SSRC.
func BenchmarkNewContext(b *testing.B) {
	for _, p := range allProfiles {
		key, salt := keyOf(p.ours, 1)
		for _, path := range []path{paths()[0], {"this processor", processor()}} {
			b.Run(p.ours.String()+"/"+path.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := newContextWith(p.ours, key, salt, path.instructions); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(keptBytes(b, p.ours, path.instructions), "B-kept")
			})
		}
	}
}

func keptBytes(b *testing.B, p Profile, in instructions) float64 {
	contexts := make([]*Context, 1000)
	used := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := used()
	for i := range contexts {
		contexts[i] = contextOf(b, p, in)
		protected(b, contexts[i], 1, 1)
	}
	kept := used() - before
	runtime.KeepAlive(contexts)
	return float64(kept) / float64(len(contexts))
}
