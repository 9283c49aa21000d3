package media

import (
	"encoding/binary"
	"testing"
	"time"
)

// TestToneMapping: which payload type and duration a digit gets on the other side.
func TestToneMapping(t *testing.T) {
	opus := CodecsByName("OPUS")[0]
	at := func(rate int, pt uint8) Codec { c := telephoneEventAt(rate); c.PayloadType = pt; return c }
	cases := []struct {
		name     string
		from, to []Codec
		pt       uint8 // unmapped = not passed on
		duration uint16
	}{
		{"same rate, other number", []Codec{opus, at(48000, 110)}, []Codec{opus, at(48000, 126)}, 126, 4800},
		{"48000 to 8000", []Codec{opus, at(48000, 110)}, []Codec{opus, at(8000, 101)}, 101, 800},
		{"8000 to 48000", []Codec{opus, at(8000, 110)}, []Codec{opus, at(48000, 101)}, 101, 28800},
		{"8000 to a peer with both", []Codec{opus, at(8000, 110)}, []Codec{opus, at(48000, 126), at(8000, 101)}, 101, 4800},
		{"the other side has none", []Codec{opus, at(48000, 110)}, []Codec{opus}, unmapped, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, b := &leg{sh: &shard{}}, &leg{sh: &shard{}}
			for l, codecs := range map[*leg][]Codec{a: c.from, b: c.to} {
				var formats []format8
				for _, f := range codecs {
					formats = append(formats, format8{codec: &f, tx: f.PayloadType})
				}
				l.applyFormats(formats)
			}
			a.bridgeTo(b)
			pt := a.formatOf(110).to
			if pt != c.pt {
				t.Fatalf("payload type %d, want %d", pt, c.pt)
			}
			if pt == unmapped {
				return
			}
			buf := make([]byte, rtpHeader+4)
			buf[0] = 0x80
			binary.BigEndian.PutUint16(buf[14:], 4800)
			rescaleTone(buf, uint32(c.from[1].ClockRate), b.clockOf(pt))
			if got := binary.BigEndian.Uint16(buf[14:]); got != c.duration {
				t.Errorf("duration %d, want %d", got, c.duration)
			}
		})
	}
}

// TestAudioTimestampsAfterATone: a tone repeats its first timestamp, also on another clock; audio goes on where the time is.
func TestAudioTimestampsAfterATone(t *testing.T) {
	a, b := &leg{}, &leg{}
	st := stream{ssrc: 1}
	now := time.Unix(1000, 0)
	a.src.take(7, 1)
	_, first, _, _ := st.place(a, 1, 48000, 48000, false, now)
	for seq := uint16(2); seq < 52; seq++ { // a second
		now = now.Add(20 * time.Millisecond)
		a.src.take(7, seq)
		st.place(a, seq, 123, 48000, true, now)
	}
	b.src.take(8, 1)
	_, next, _, _ := st.place(b, 1, 99, 48000, false, now)
	if d := int32(next - first); d != 48000 {
		t.Errorf("a second later the timestamp is %d further", d)
	}
}

func TestHeardDigits(t *testing.T) {
	var got []Event
	sh := &shard{now: time.Unix(1000, 0), all: &shards{events: func(_ *shard, _ *Session, ev Event) { got = append(got, ev) }}}
	l := &leg{sh: sh, kind: KindRTP}
	hear := func(code byte, end byte, ts uint32, duration uint16) {
		buf := make([]byte, rtpHeader+4)
		buf[0], buf[12], buf[13] = 0x80, code, end
		binary.BigEndian.PutUint16(buf[14:], duration)
		l.hear(buf, ts, 8000)
	}
	hear(1, 0, 1000, 160)
	hear(1, 0x80, 1000, 800)
	hear(1, 0x80, 1000, 800)
	hear(2, 0, 5000, 160)
	hear(1, 0x80, 1000, 800) // late
	hear(2, 0x80, 5000, 640)
	hear(3, 0, 9000, 320) // its end is lost, and no other digit follows
	l.checkTimeouts()
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	sh.now = sh.now.Add(toneSilence + time.Millisecond)
	l.checkTimeouts()
	l.checkTimeouts()
	want := []Event{{Type: EventDTMF, Digit: '1', Duration: 100}, {Type: EventDTMF, Digit: '2', Duration: 80}, {Type: EventDTMF, Digit: '3', Duration: 40}}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("event %d: %+v, want %+v", i, got[i], want[i])
		}
	}
}
