package esl

import (
	"fmt"
	"strings"
	"testing"
)

// TestKeptEncodings: readers share an encoding, and what is kept for those who are behind is bounded.
func TestKeptEncodings(t *testing.T) {
	var x Encodings
	var events []*Event
	const size = 1 << 20
	for i := range 2 * keptBytes / size {
		e := NewEvent("CUSTOM")
		e.SetBody(fmt.Sprint(i, strings.Repeat(" ", size)))
		x.Share(e)
		events = append(events, e)
		first, again := e.appendFrame(nil, formatPlain), e.appendFrame(nil, formatPlain)
		if string(first) != string(again) || string(first) != string(e.encode(nil, formatPlain)) {
			t.Fatalf("event %d differs", i)
		}
	}
	total := 0
	for _, e := range events {
		for _, text := range e.shared.byFormat {
			total += cap(text)
		}
	}
	if total > keptBytes || total < keptBytes/2 {
		t.Errorf("%d bytes are kept", total)
	}
	if text := string(events[0].appendFrame(nil, formatJSON)); !strings.Contains(text, `"Event-Name":"CUSTOM"`) {
		t.Errorf("%.100q", text)
	}
}
