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

// frame returns the event as it is sent. buf is for an event that is not shared, and is returned for the next one.
func (e *Event) frame(f format, buf []byte) (frame, rest []byte) {
	if e.shared == nil {
		return e.encode(f, buf)
	}
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	made := &e.shared.byFormat[f]
	if *made == nil {
		*made, _ = e.encode(f, make([]byte, 0, e.Size()))
	}
	return *made, buf
}

// encode writes a frame into buf, which may grow. The encoding follows its length, so it is written behind a gap for the frame's head.
func (e *Event) encode(f format, buf []byte) (frame, grown []byte) {
	const gap = 64
	buf = f.append(append(buf[:0], make([]byte, gap)...), e)
	head := "Content-Length: " + strconv.Itoa(len(buf)-gap) + "\nContent-Type: text/event-" + f.String() + "\n\n"
	start := gap - len(head)
	copy(buf[start:], head)
	return buf[start:], buf
}
