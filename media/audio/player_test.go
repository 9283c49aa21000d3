package audio

import (
	"errors"
	"io"
	"testing"
	"time"
)

func TestPlayer(t *testing.T) {
	tests := []struct {
		codec         string
		clock, packet int // ms
		len           int
		step          uint32
		packets       int // of 110 ms of sound
	}{
		{"PCMU", 8000, 0, 160, 160, 6},
		{"PCMA", 0, 30, 240, 240, 4},
		{"G722", 8000, 20, 160, 160, 6},
		{"G722", 16000, 20, 160, 320, 6},
		{"L16", 16000, 10, 320, 160, 11},
		{"L16", 44100, 20, 1764, 882, 6},
	}
	for _, tt := range tests {
		closed := 0
		p, err := NewPlayer(&fixed{samples: sine(1000, 10000, 1760, 16000), rate: 16000, closed: &closed}, tt.codec, tt.clock, time.Duration(tt.packet)*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		d, _ := NewDecoder(tt.codec, tt.clock)
		var heard []int16
		packets := 0
		for {
			payload, err := p.Next(nil)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || len(payload) != tt.len {
				t.Fatalf("%s/%d: payload of %d bytes, %v, want %d", tt.codec, tt.clock, len(payload), err, tt.len)
			}
			heard = d.Decode(heard, payload)
			packets++
		}
		if packets != tt.packets || p.Step() != tt.step {
			t.Errorf("%s/%d: %d packets in steps of %d, want %d and %d", tt.codec, tt.clock, packets, p.Step(), tt.packets, tt.step)
		}
		if peak := peakAt(heard[d.Rate()/100:d.Rate()/10], 1000, d.Rate()); peak < 9000 || peak > 11000 {
			t.Errorf("%s/%d: the tone has a peak of %.0f", tt.codec, tt.clock, peak)
		}
		if err := p.Close(); err != nil || closed != 1 {
			t.Errorf("%s: closed %d times, %v", tt.codec, closed, err)
		}
	}
}

func TestPlayerRefuses(t *testing.T) {
	for _, tt := range []struct {
		codec  string
		rate   int
		packet time.Duration
		err    error
	}{{"opus", 8000, 0, ErrCodec}, {"PCMU", 9000, 0, ErrRate}, {"PCMU", 8000, time.Hour, nil}, {"PCMU", 8000, time.Millisecond, nil}} {
		p, err := NewPlayer(&fixed{rate: tt.rate}, tt.codec, 0, tt.packet)
		if err == nil || p != nil || tt.err != nil && !errors.Is(err, tt.err) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

func TestPlayerDoesNotAllocate(t *testing.T) {
	tune, _ := NewTune(8000)
	p, err := NewPlayer(tune, "G722", 8000, 0)
	if err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, 0, 1500)
	if n := testing.AllocsPerRun(100, func() { payload, err = p.Next(payload[:0]) }); n != 0 || err != nil {
		t.Errorf("%v allocations a packet, %v", n, err)
	}
}
