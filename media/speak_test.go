package media

import (
	"testing"
	"time"
)

// TestOwnNumbers: where the stream stands when relayed sound and our own take turns.
func TestOwnNumbers(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }
	cases := []struct {
		name   string
		before func(st *stream, from *leg) // the last packet at 0 ms
		at     int
		fresh  bool
		step   uint32
		marker bool
	}{
		{"follows our own", func(st *stream, _ *leg) { st.speak(160, 8000, true, at(0)) }, 20, false, 160, false},
		{"follows our own though late", func(st *stream, _ *leg) { st.speak(160, 8000, true, at(0)) }, 90, false, 160, false},
		{"after a stall", func(st *stream, _ *leg) { st.speak(160, 8000, true, at(0)) }, 500, false, 4000, true},
		{"after a gap", func(st *stream, _ *leg) { st.speak(160, 8000, true, at(0)) }, 60, true, 480, true},
		{"after relayed sound", func(st *stream, from *leg) {
			from.src.take(7, 1)
			st.place(from, 1, 99, 8000, false, at(0))
		}, 30, false, 240, true},
		{"at once after relayed sound", func(st *stream, from *leg) {
			from.src.take(7, 1)
			st.place(from, 1, 99, 8000, false, at(0))
		}, 1, false, 160, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			st, from := &stream{ssrc: 1}, &leg{}
			c.before(st, from)
			seq, ts := st.lastSeq, st.lastTS
			s, n, marker := st.speak(160, 8000, c.fresh, at(c.at))
			if s != seq+1 || n-ts != c.step || marker != c.marker {
				t.Errorf("sequence +%d, timestamp +%d, marker %v", s-seq, n-ts, marker)
			}
			from.src.take(7, 2)
			back, tb, fresh, ok := st.place(from, 2, 259, 8000, false, at(c.at+20))
			if !ok || !fresh || back != s+1 || tb-n != 160 {
				t.Errorf("relayed again: sequence +%d, timestamp +%d, fresh %v, ok %v", back-s, tb-n, fresh, ok)
			}
			if _, _, _, ok := st.place(from, 1, 99, 8000, false, at(c.at+20)); ok {
				t.Error("a late packet took a number again")
			}
		})
	}
}

// TestToneAcrossAPlayback: a digit keeps its one timestamp when a playback begins and ends within it.
func TestToneAcrossAPlayback(t *testing.T) {
	now := time.Unix(1000, 0)
	st, from := &stream{ssrc: 1}, &leg{sh: &shard{}}
	seqs, stamps := []uint16{}, []uint32{}
	for i := range uint16(9) {
		now = now.Add(packetTime)
		from.src.take(7, i+1)
		var seq uint16
		var ts uint32
		if i >= 3 && i < 6 {
			st.speak(160, 8000, false, now)
			seq, ts = st.aside(from, 5000, now)
		} else {
			var ok bool
			seq, ts, _, ok = st.place(from, i+1, 5000, 8000, true, now)
			if !ok {
				t.Fatalf("packet %d is dropped", i)
			}
			ts = st.sameTone(from, 5000, ts)
		}
		seqs, stamps = append(seqs, seq), append(stamps, ts)
	}
	for i := 1; i < len(seqs); i++ {
		if stamps[i] != stamps[0] || int16(seqs[i]-seqs[i-1]) <= 0 {
			t.Errorf("packet %d: sequence %d after %d, timestamp %d after %d", i, seqs[i], seqs[i-1], stamps[i], stamps[i-1])
		}
	}
}
