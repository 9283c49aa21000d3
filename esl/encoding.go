package esl

import (
	"strconv"
	"sync"
	"weak"
)

// keptBytes is how much of the encodings made last is kept for further readers. Who is further behind encodes for itself.
const keptBytes = 32 << 20

// Encodings are those of events with several readers: the first one that wants an encoding makes it for all, as encoding is most of what a
// delivery costs. How much is kept is bounded. The zero value is ready; it is safe for concurrent use.
type Encodings struct {
	mu sync.Mutex // guards what follows
	// kept are the encodings made last, the oldest first; those of events that nobody has any more are gone by themselves.
	kept  []kept
	bytes int
}

type kept struct {
	frames weak.Pointer[frames]
	size   int
}

// frames are an event's encodings with their frame heads.
type frames struct {
	owner    *Encodings
	mu       sync.Mutex
	byFormat [formatXML + 1][]byte
}

// Share lets the event's readers use one encoding together. Whoever publishes an event to several readers calls it before the first of
// them has it.
func (x *Encodings) Share(e *Event) {
	if e.shared == nil {
		e.shared = &frames{owner: x}
	}
}

// keep notes an encoding and forgets the oldest ones beyond the bound.
func (x *Encodings) keep(f *frames, size int) {
	x.mu.Lock()
	x.kept = append(x.kept, kept{weak.Make(f), size})
	x.bytes += size
	n := 0
	for x.bytes > keptBytes {
		x.bytes -= x.kept[n].size
		n++
	}
	old := x.kept[:n]
	x.kept = x.kept[n:]
	x.mu.Unlock()
	for _, k := range old {
		k.drop()
	}
}

// drop forgets an event's encodings.
func (k kept) drop() {
	if f := k.frames.Value(); f != nil {
		f.mu.Lock()
		f.byFormat = [formatXML + 1][]byte{}
		f.mu.Unlock()
	}
}

// frame is the event as it is sent; made says that it was made just now.
func (f *frames) frame(e *Event, in format) (text []byte, made bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text = f.byFormat[in]
	if made = text == nil; made {
		text = e.encode(make([]byte, 0, e.encodedSize(in)), in)
		f.byFormat[in] = text
	}
	return text, made
}

// appendFrame appends the event as it is sent.
func (e *Event) appendFrame(dst []byte, f format) []byte {
	if e.shared == nil {
		return e.encode(dst, f)
	}
	text, made := e.shared.frame(e, f)
	if made {
		e.shared.owner.keep(e.shared, cap(text))
	}
	return append(dst, text...)
}

// encodedSize is about how long a frame is. What has to be escaped is longer in it.
func (e *Event) encodedSize(f format) int {
	each := [...]int{formatPlain: 3, formatJSON: 6, formatXML: 12}[f]
	n := len(e.Body)
	for i := range e.Headers {
		h := &e.Headers[i]
		n += len(h.Name) + len(h.Value) + each
		if f == formatXML {
			n += len(h.Name)
		}
	}
	if f == formatPlain {
		n += n / 4
	}
	return n + n/16 + 256
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
