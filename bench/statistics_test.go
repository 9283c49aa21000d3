package bench

import (
	"math"
	"testing"
	"time"
)

func TestMOS(t *testing.T) {
	for _, c := range []struct {
		name  string
		delay time.Duration
		loss  float64
		want  float64
	}{
		// By hand from G.107: R = 93.2 - 0.024 d - 0.11 max(0, d-177.3) - 95 Ppl/(Ppl+25.1), d with 60 ms of playout.
		{"perfect network", 0, 0, 4.380},
		{"a usual one", 20 * time.Millisecond, 0, 4.369},
		{"1 % loss", 0, 0.01, 4.290},
		{"5 % loss", 0, 0.05, 3.863},
		{"20 % loss", 0, 0.2, 2.556},
		{"300 ms", 300 * time.Millisecond, 0, 3.328},
		{"nothing comes", 0, 1, 1.142},
		{"nothing comes, late", 2 * time.Second, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := mos(c.delay, c.loss); math.Abs(got-c.want) > 0.002 {
				t.Errorf("got %.4f, want %.3f", got, c.want)
			}
		})
	}
}

func TestHistogram(t *testing.T) {
	var linear Histogram
	for i := 1; i <= 10_000; i++ {
		linear.Add(time.Duration(i) * 10 * time.Microsecond)
	}
	var one Histogram
	one.Add(1234567 * time.Nanosecond)
	var merged Histogram
	merged.Merge(&linear)
	merged.Merge(&Histogram{})
	merged.Merge(&linear)
	for _, c := range []struct {
		name string
		h    *Histogram
		p    float64
		want time.Duration
	}{
		{"nothing", &Histogram{}, 50, 0},
		{"one value is exact", &one, 99, 1234567 * time.Nanosecond},
		{"median", &linear, 50, 50 * time.Millisecond},
		{"p99", &linear, 99, 99 * time.Millisecond},
		{"p0 is the least", &linear, 0, 10 * time.Microsecond},
		{"p100 is the most", &linear, 100, 100 * time.Millisecond},
		{"merged", &merged, 95, 95 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.h.Percentile(c.p)
			if math.Abs(float64(got-c.want)) > float64(c.want)/50 {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	if merged.Count() != 20_000 || merged.Max() != 100*time.Millisecond || merged.Mean() != linear.Mean() {
		t.Errorf("merged: %d, %v, %v", merged.Count(), merged.Max(), merged.Mean())
	}
}

func TestHistogramBuckets(t *testing.T) {
	for _, d := range []time.Duration{-1, 0, 1, time.Microsecond, 31 * time.Microsecond, 32 * time.Microsecond, 33 * time.Microsecond, 63 * time.Microsecond,
		64 * time.Microsecond, 65 * time.Microsecond, time.Millisecond, time.Second, time.Minute, time.Hour} {
		b := bucketOf(d)
		if b < 0 || b >= histogramBuckets {
			t.Fatalf("%v: bucket %d", d, b)
		}
		if d < time.Hour && math.Abs(float64(bucketMiddle(b)-d)) > max(float64(d)/50, float64(time.Microsecond)) {
			t.Errorf("%v: its bucket %d stands for %v", d, b, bucketMiddle(b))
		}
	}
}

// TestStream sends numbers in an order and looks at what is counted of the window, numbers 2 to 9.
func TestStream(t *testing.T) {
	for _, c := range []struct {
		name  string
		heard []uint32
		want  Counts
	}{
		{"all", []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, Counts{Sent: 8, Received: 8}},
		{"nothing", nil, Counts{Sent: 8, Lost: 8}},
		{"a loss", []uint32{0, 1, 2, 3, 5, 6, 7, 8, 9}, Counts{Sent: 8, Received: 7, Lost: 1}},
		{"losses outside of the window", []uint32{2, 3, 4, 5, 6, 7, 8, 9}, Counts{Sent: 8, Received: 8}},
		{"a duplicate", []uint32{2, 3, 4, 4, 5, 6, 7, 8, 9}, Counts{Sent: 8, Received: 8, Duplicates: 1}},
		{"the first twice", []uint32{2, 2, 3, 4, 5, 6, 7, 8, 9}, Counts{Sent: 8, Received: 8, Duplicates: 1}},
		{"two changed places", []uint32{2, 4, 3, 5, 6, 7, 8, 9}, Counts{Sent: 8, Received: 8, Reordered: 1}},
		{"late and twice", []uint32{2, 3, 5, 6, 4, 4, 7, 8, 9}, Counts{Sent: 8, Received: 8, Reordered: 1, Duplicates: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &stream{}
			for n := range uint32(12) {
				switch n {
				case 2:
					s.begin()
				case 10:
					s.end()
				}
				s.number()
			}
			for _, n := range c.heard {
				s.hear(stamp{number: n}, uint16(n)+1000, time.Now())
			}
			got := s.counted()
			got.jitter = 0
			if got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestStreamRenumbered(t *testing.T) {
	s := &stream{}
	s.begin()
	for n := range uint32(70_000) { // over the roll-over, one step aside in the middle
		s.number()
		s.hear(stamp{number: n}, uint16(n+n/40_000), time.Now())
	}
	if got := s.counted(); got.Renumbered != 1 || got.Received != 70_000 {
		t.Errorf("%+v", got)
	}
}

func TestStamp(t *testing.T) {
	payload := make([]byte, 160)
	want := stamp{stream: 7, number: 1 << 20, sent: 1234567890123}
	want.write(payload)
	if got, v := readStamp(payload); v != genuine || got != want {
		t.Fatalf("%+v, %v", got, v)
	}
	for i := range payload {
		payload[i] ^= 0x40
		_, v := readStamp(payload)
		if i < 4 && v != foreign || i >= 4 && v != damaged {
			t.Errorf("byte %d changed: %v", i, v)
		}
		payload[i] ^= 0x40
	}
	if _, v := readStamp(payload[:20]); v != foreign {
		t.Errorf("short: %v", v)
	}
}

// TestEar: a packet of another call is misrouted, one without a stamp is the server's own.
func TestEar(t *testing.T) {
	var all streams
	a, b := all.add(), all.add()
	a.begin()
	b.begin()
	e := ear{streams: &all}
	packet := func(s *stream) []byte {
		var sent []byte
		v := newVoice(s, 20*time.Millisecond, func(_ *driver, pkt []byte) { sent = append(sent, pkt...) })
		v.say(nil)
		return sent
	}
	e.hear(packet(a), time.Now())
	e.hear(packet(b), time.Now())
	broken := packet(a)
	broken[50] ^= 1
	e.hear(broken, time.Now())
	e.hear(make([]byte, 40), time.Now())
	silence := packet(a)
	silence[20] ^= 0xff // no stamp
	clear(silence[rtpHeader:])
	e.hear(silence, time.Now())
	if got := a.counted(); got.Received != 1 || got.Damaged != 1 {
		t.Errorf("a: %+v", got)
	}
	if got := b.counted(); got.Misrouted != 1 || got.Received != 0 {
		t.Errorf("b: %+v", got)
	}
	if e.foreign != 1 {
		t.Errorf("foreign: %d", e.foreign)
	}
}

func TestRTPPayload(t *testing.T) {
	header := func(first byte, rest ...byte) []byte {
		return append(append([]byte{first, 0}, make([]byte, 10)...), rest...)
	}
	for _, c := range []struct {
		name string
		pkt  []byte
		want string
		ok   bool
	}{
		{"plain", header(0x80, 'a', 'b'), "ab", true},
		{"empty", header(0x80), "", true},
		{"a CSRC", header(0x81, 1, 2, 3, 4, 'a'), "a", true},
		{"an extension", header(0x90, 0xbe, 0xde, 0, 1, 1, 2, 3, 4, 'a'), "a", true},
		{"padding", header(0xa0, 'a', 0, 0, 3), "a", true},
		{"too short", header(0x80)[:11], "", false},
		{"version 1", header(0x40, 'a'), "", false},
		{"CSRCs beyond the end", header(0x8f, 1), "", false},
		{"an extension beyond the end", header(0x90, 0, 0, 0xff, 0xff), "", false},
		{"half an extension", header(0x90, 0, 0), "", false},
		{"padding beyond the start", header(0xa0, 200), "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := rtpPayload(c.pkt)
			if ok != c.ok || string(got) != c.want {
				t.Errorf("got %q, %v", got, ok)
			}
		})
	}
}
