package esl

import (
	"strconv"
	"sync"
)

// frames are an event's encodings with their frame heads. The first connection that wants one makes it for all: encoding is most of what
// a delivery costs. They live as long as the event waits in a queue.
type frames struct {
	mu       sync.Mutex
	byFormat [formatXML + 1][]byte
}

// Share lets the event's readers use one encoding together. Whoever publishes an event to several readers calls it before the first of
// them has it.
func (e *Event) Share() {
	if e.shared == nil {
		e.shared = &frames{}
	}
}

// appendFrame appends the event as it is sent.
func (e *Event) appendFrame(dst []byte, f format) []byte {
	if e.shared == nil {
		return e.encode(dst, f)
	}
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	made := &e.shared.byFormat[f]
	if *made == nil {
		*made = e.encode(make([]byte, 0, e.Size()), f)
	}
	return append(dst, *made...)
}

// encode appends a frame. The encoding follows its length, so a gap is left for the frame's head and closed afterwards.
func (e *Event) encode(dst []byte, f format) []byte {
	const gap = 64
	start := len(dst)
	dst = append(dst, make([]byte, gap)...)
	dst = f.append(dst, e)
	var head [gap]byte
	h := append(head[:0], "Content-Length: "...)
	h = strconv.AppendInt(h, int64(len(dst)-start-gap), 10)
	h = append(h, "\nContent-Type: text/event-"...)
	h = append(append(h, f.String()...), "\n\n"...)
	copy(dst[start:], h)
	return append(dst[:start+len(h)], dst[start+gap:]...)
}
