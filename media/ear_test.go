package media

import (
	"encoding/binary"
	"testing"

	"github.com/talkpath/talkpath/media/audio"
)

// level is a packet of one value: 20 ms, or another number of samples.
func level(seq uint16, ts uint32, v int16, n int) []byte {
	buf := make([]byte, rtpHeader, rtpHeader+n)
	buf[0] = 0x80
	binary.BigEndian.PutUint16(buf[2:], seq)
	binary.BigEndian.PutUint32(buf[4:], ts)
	for range n {
		buf = append(buf, audio.ALawEncode(v))
	}
	return buf
}

// TestEar: packets as they come from a network become frames in step with our clock.
func TestEar(t *testing.T) {
	pcma := formatOf("PCMA")
	type put struct {
		gen   uint32
		ts    uint32
		v     int16
		n     int
		codec *Codec
	}
	opus := formatOf("OPUS")
	say := func(ts uint32, v int16) put { return put{ts: ts, v: v, n: 160} }
	cases := []struct {
		name  string
		steps [][]put // what comes before each pull
		want  []int16 // the level of each frame, 0 = silence
	}{
		{"in step", [][]put{{say(0, 1000)}, {say(160, 2000)}, {say(320, 3000)}, {}, {}, {}}, []int16{0, 0, 1000, 2000, 3000, 0}},
		{"nothing comes", [][]put{{}, {}}, []int16{0, 0}},
		{"in another order", [][]put{{say(0, 1000)}, {say(320, 3000)}, {say(160, 2000)}, {}, {}}, []int16{0, 0, 1000, 2000, 3000}},
		{"one is lost", [][]put{{say(0, 1000)}, {}, {say(320, 3000)}, {}, {}}, []int16{0, 0, 1000, 0, 3000}},
		{"all at once", [][]put{{say(0, 1000), say(160, 2000), say(320, 3000)}, {}, {}, {}, {}}, []int16{0, 0, 1000, 2000, 3000}},
		{"too late", [][]put{{say(0, 1000)}, {}, {}, {}, {say(160, 2000)}, {say(480, 4000)}, {}}, []int16{0, 0, 1000, 0, 0, 4000, 0}},
		{"always too late: it waits longer", [][]put{{say(0, 1000)}, {}, {}, {}, {say(160, 2000)}, {say(320, 3000)}, {say(480, 4000)}, {say(640, 5000)}, {}, {}, {}},
			[]int16{0, 0, 1000, 0, 0, 0, 0, 0, 0, 4000, 5000}},
		{"far ahead", [][]put{{say(0, 1000)}, {say(80_000, 2000)}, {say(80_160, 3000)}, {}, {}}, []int16{0, 0, 1000, 2000, 3000}},
		{"the sender starts anew", [][]put{{say(0, 1000)}, {{gen: 1, ts: 4_000_000_000, v: 2000, n: 160}}, {}, {}, {}}, []int16{0, 0, 1000, 2000, 0}},
		{"the timestamp wraps", [][]put{{say(0xffffff60, 1000)}, {say(0, 2000)}, {}, {}}, []int16{0, 0, 1000, 2000}},
		{"30 ms packets", [][]put{{{ts: 0, v: 1000, n: 240}}, {{ts: 240, v: 1000, n: 240}}, {}, {}, {}}, []int16{0, 0, 1000, 1000, 1000}},
		{"not understood", [][]put{{{codec: &opus, ts: 0, v: 1000, n: 160}}, {}, {}, {}}, []int16{0, 0, 0, 0}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := newEar()
			for i, step := range c.steps {
				for _, p := range step {
					codec := p.codec
					if codec == nil {
						codec = &pcma
					}
					e.put(codec, p.gen, p.ts, level(0, p.ts, p.v, p.n))
				}
				e.pull()
				for _, v := range e.frame {
					if got := audio.ALawDecode(audio.ALawEncode(c.want[i])); c.want[i] == 0 && v != 0 || c.want[i] != 0 && v != got {
						t.Fatalf("frame %d: %v, want %d", i, e.frame[:4], c.want[i])
					}
				}
			}
		})
	}
}

func TestEarBounds(t *testing.T) {
	pcma := formatOf("PCMA")
	e := newEar()
	for i := range uint32(earSlots + 5) {
		e.put(&pcma, 0, i*160, level(0, i*160, 1000, 160))
	}
	e.put(&pcma, 0, 0, level(0, 0, 1000, earPayload+1))
	e.put(&pcma, 0, 0, level(0, 0, 1000, 0))
	if n := e.lost.Load(); n != 6 {
		t.Errorf("%d lost", n)
	}
	e.pull()
	padded := level(0, 0, 1000, 160)
	padded[0] |= 0x20
	padded[len(padded)-1] = 100
	e.put(&pcma, 0, earSlots*160, padded)
	if s := e.slots[e.tail.Load()%earSlots]; s.n != 60 {
		t.Errorf("%d bytes without the padding", s.n)
	}
	frame, other := level(0, 0, 1000, 160), level(0, 0, 500, 160)
	ts := uint32(0)
	if n := testing.AllocsPerRun(200, func() {
		ts += 160
		e.put(&pcma, 0, ts, frame)
		e.put(&pcma, 0, ts+80, other)
		e.pull()
	}); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

// FuzzEar: whatever an RTP packet claims, it is decoded to something or left out.
func FuzzEar(f *testing.F) {
	for _, s := range [][]byte{level(1, 160, 1000, 160), append([]byte{0xbf}, level(1, 160, 1000, 40)[1:]...), level(1, 0, 0, 0)} {
		f.Add(s, uint32(160))
	}
	codecs := []Codec{formatOf("PCMA"), formatOf("G722"), formatOf("L16"), formatOf("OPUS")}
	f.Fuzz(func(t *testing.T, pkt []byte, ts uint32) {
		if classify(pkt) != classRTP || len(pkt) > maxDatagram {
			return
		}
		e := newEar()
		for i := range uint32(8) {
			c := &codecs[(ts>>i)%uint32(len(codecs))]
			e.put(c, ts>>30, ts*i, pkt)
			e.pull()
			if len(e.frame) != e.rate/ticksPerSecond {
				t.Fatalf("frame of %d at %d", len(e.frame), e.rate)
			}
		}
	})
}

// TestEarForgets: what was heard is not heard again when the ring comes round.
func TestEarForgets(t *testing.T) {
	pcma := formatOf("PCMA")
	e := newEar()
	e.put(&pcma, 0, 0, level(0, 0, 1000, 160))
	loud := 0
	for range 3 * int(earSpan/packetTime) {
		e.pull()
		if e.frame[0] != 0 {
			loud++
		}
	}
	if loud != 1 {
		t.Errorf("heard %d times", loud)
	}
}
