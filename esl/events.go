package esl

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"time"
)

// format is an event encoding a connection chose; it stays chosen when a later event command names none.
type format int

const (
	formatPlain format = iota
	formatJSON
	formatXML
)

func (f format) String() string { return [...]string{"plain", "json", "xml"}[f] }

func parseFormat(word string) (format, bool) {
	switch strings.ToLower(word) {
	case "plain":
		return formatPlain, true
	case "json":
		return formatJSON, true
	case "xml":
		return formatXML, true
	}
	return 0, false
}

func (f format) append(dst []byte, e *Event) []byte {
	switch f {
	case formatJSON:
		return e.AppendJSON(dst)
	case formatXML:
		return e.AppendXML(dst)
	default:
		return e.AppendPlain(dst)
	}
}

// eventState is what a connection wants to hear, shared by its serve and pump goroutines. Where both are taken, conn.writing comes
// before mu.
type eventState struct {
	mu        sync.Mutex
	sub       Subscription // nil until the first event or myevents
	selection Selection
	listening bool
	pumped    chan struct{} // closed when the pump has ended; nil without sub
	format    format
	filters   []eventFilter
	controlState
}

func (s *eventState) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sub != nil {
		s.sub.Close()
	}
	if s.timer != nil {
		s.timer.Stop()
	}
}

// event is the verb: an optional format, then names; words after CUSTOM are subclasses. Unknown names are ignored as long as one is
// known.
func (c *conn) event(rest string) string {
	s := &c.events
	s.mu.Lock()
	defer s.mu.Unlock()
	chosen, known, isCustom := s.format, 0, false
	var added Selection
	for i, word := range strings.Fields(rest) {
		if f, ok := parseFormat(word); ok && i == 0 {
			chosen = f
			continue
		}
		if isCustom {
			added.addSubclass(word)
			continue
		}
		switch name, ok := eventName(word); {
		case !ok:
		case name == all:
			known++
			added.All = true
		default:
			known++
			isCustom = name == custom
			added.addName(name)
		}
	}
	if known == 0 {
		return replyNoKeywords
	}
	if !c.may.mayHear(added) {
		return replyDenied
	}
	s.format, s.listening = chosen, true
	s.selection.Merge(added)
	c.subscribe()
	return "+OK event listener enabled " + chosen.String()
}

// nixevent is the verb that takes names, or subclasses of CUSTOM, out again.
func (c *conn) nixevent(rest string) string {
	s := &c.events
	s.mu.Lock()
	defer s.mu.Unlock()
	words, known := strings.Fields(rest), 0
	for i, word := range words {
		name, ok := eventName(word)
		switch {
		case !ok:
			continue
		case name == all:
			s.selection = Selection{}
		case name == custom && i+1 < len(words):
			for _, sub := range words[i+1:] {
				delete(s.selection.Subclasses, sub)
			}
			known++
		default:
			s.selection.remove(name)
		}
		known++
		if name == custom {
			break // the rest are subclasses
		}
	}
	if known == 0 {
		return replyNoKeywords
	}
	c.reselect()
	return "+OK events nixed"
}

// none is the verb noevents.
func (c *conn) none() string {
	s := &c.events
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.listening {
		return "-ERR not listening for events"
	}
	s.listening, s.selection = false, Selection{}
	c.reselect()
	return "+OK no longer listening for events"
}

// subscribe makes the selection effective and starts the pump when it is not running. events.mu is held.
func (c *conn) subscribe() {
	s := &c.events
	start := s.sub == nil
	if start {
		s.sub, s.pumped = c.server.Backend.Subscribe(), make(chan struct{})
	}
	c.reselect()
	if start {
		c.children.Go(func() {
			defer close(s.pumped)
			c.pump()
		})
	}
}

// finish ends the subscription behind what is queued. It returns what is closed when that was sent, nil when there is nothing to wait for.
func (s *eventState) finish() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.sub.(Finisher); ok {
		f.Finish()
		return s.pumped
	}
	return nil
}

// reselect tells the subscription what to deliver: the selection, and of a controlled channel also what ends it. events.mu is held.
func (c *conn) reselect() {
	s := &c.events
	if s.sub == nil {
		return
	}
	sel := s.selection
	if s.uuid != "" {
		sel = sel.Clone()
		sel.Prompt = true // a program waits for what its channel says
		if s.mine || sel.Empty() {
			sel.Channel = s.uuid
		}
		sel.All = sel.All || s.diverted
		sel.addName(hangup)
		sel.addName(hangupComplete)
	}
	s.sub.Select(sel)
}

// batchBytes is about how much is written at once when many events wait.
const batchBytes = writeChunk

// goodbyeLost is FreeSWITCH's text for who read too slowly.
const goodbyeLost = "killed listener because of lost events\n"

// pump writes events until the connection ends.
func (c *conn) pump() {
	var buf []byte
	o := &others{settled: time.Now().Add(settleTime)}
	for {
		e, err := o.next(c.ctx, c)
		if err != nil {
			c.pumpEnds(err)
			return
		}
		var last bool
		if buf, last = c.deliver(o, buf[:0], e); last {
			return
		}
		if cap(buf) > 1<<20 {
			buf = nil
		}
	}
}

// pumpEnds ends the connection when there are no more events, and says why as far as the peer still listens.
func (c *conn) pumpEnds(err error) {
	switch {
	case errors.Is(err, ErrOverflow):
		c.server.counters.overflows.Add(1)
		c.log.Warn("esl: dropped a peer that reads events too slowly")
		c.farewell(goodbyeLost)
	case errors.Is(err, ErrClosed) && c.server.isClosed():
		c.farewell(goodbye)
	}
	c.abort()
}

// nothingMore is a context that has ended: what waits for nothing.
var nothingMore = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// deliver writes an event, if it is still wanted, and those that wait behind it, in one go; last means that one of them ended the
// controlled channel and the connection with it. The decisions are taken under the writing lock so that no event follows the answer to the
// command that stopped it.
func (c *conn) deliver(o *others, buf []byte, e *Event) (_ []byte, last bool) {
	c.writing.Lock()
	defer c.writing.Unlock()
	for {
		ends := false
		if buf, ends = c.appendEvent(buf, e); ends || len(buf) >= batchBytes {
			break
		}
		next, err := o.next(nothingMore, c)
		if err != nil {
			e = nil // what is wrong, if anything, is found by who waits
			break
		}
		e = next
	}
	if len(buf) > 0 && !c.send(buf) {
		return buf, true
	}
	if e == nil || !c.events.endedBy(e) {
		return buf, false
	}
	return buf, c.ends(e.Name() == hangupComplete)
}

// appendEvent appends the frame of an event that is wanted; ends says whether it ends the controlled channel.
func (c *conn) appendEvent(buf []byte, e *Event) (_ []byte, ends bool) {
	s := &c.events
	s.mu.Lock()
	wanted, f := s.wants(e), s.format
	s.mu.Unlock()
	if wanted {
		buf = e.appendFrame(buf, f)
	}
	return buf, s.endedBy(e)
}

// endedBy says whether an event is the end, or the beginning of it, of the controlled channel.
func (s *eventState) endedBy(e *Event) bool {
	s.mu.Lock()
	uuid := s.uuid
	s.mu.Unlock()
	if uuid == "" {
		return false
	}
	name := e.Name()
	return (name == hangup || name == hangupComplete) && e.Value("Unique-ID") == uuid
}

// wants decides by selection, channel and filters. mu is held.
func (s *eventState) wants(e *Event) bool {
	if !s.listening {
		return false
	}
	if e.diverted != "" {
		return s.diverted && s.uuid == e.diverted
	}
	if !s.selection.Match(e) || s.mine && !e.concerns(s.uuid) {
		return false
	}
	return passes(s.filters, e)
}

// eventFilter lets events through whose header has a value, or with a leading '-' keeps them back.
type eventFilter struct {
	header, value string
	negative      bool
	text          string         // what to compare with
	pattern       *regexp.Regexp // instead of text, for a value like /…/
}

// filter is the verb: "Header value", "delete Header [value]", "delete all".
func (s *eventState) filter(rest string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, value, _ := strings.Cut(rest, " ")
	if strings.EqualFold(name, "delete") {
		header, text, _ := strings.Cut(value, " ")
		if header == "" {
			return "-ERR invalid syntax"
		}
		s.deleteFilters(header, text)
		return "+OK filter deleted. [" + header + "][" + text + "]"
	}
	name, value, _ = strings.Cut(strings.TrimPrefix(rest, "add "), " ")
	if name == "" || value == "" {
		return "-ERR invalid syntax"
	}
	f := eventFilter{header: name, value: value}
	f.text = strings.TrimLeft(value, "+- ")
	if mark := strings.TrimLeft(value[:len(value)-len(f.text)], " "); mark != "" {
		f.negative = strings.HasSuffix(strings.TrimRight(mark, " "), "-")
	}
	if len(f.text) > 1 && f.text[0] == '/' {
		pattern, err := regexp.Compile(strings.TrimSuffix(f.text[1:], "/"))
		if err != nil {
			return "-ERR invalid syntax"
		}
		f.pattern = pattern
	}
	if len(s.filters) >= maxFilters {
		return "-ERR too many filters"
	}
	s.filters = append(s.filters, f)
	return "+OK filter added. [" + name + "]=[" + value + "]"
}

// maxFilters bounds what each event of a connection is compared with.
const maxFilters = 1000

func (s *eventState) deleteFilters(header, value string) {
	kept := s.filters[:0]
	for _, f := range s.filters {
		gone := header == "all" || strings.EqualFold(f.header, header) && (value == "" || value == f.value)
		if !gone {
			kept = append(kept, f)
		}
	}
	clear(s.filters[len(kept):])
	s.filters = kept
}

// passes reports whether an event passes: without filters always; otherwise when a filter matches and no negative one does.
func passes(filters []eventFilter, e *Event) bool {
	if len(filters) == 0 {
		return true
	}
	pass := false
	for i := range filters {
		f := &filters[i]
		value, ok := e.Lookup(f.header)
		if !ok || pass && !f.negative {
			continue
		}
		matches := strings.EqualFold(value, f.text)
		if f.pattern != nil {
			matches = f.pattern.MatchString(value)
		}
		switch {
		case matches && f.negative:
			return false
		case matches:
			pass = true
		}
	}
	return pass
}
