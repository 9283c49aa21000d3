package talkpath

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/control"
)

// Bounds of one subscription to the log. What does not fit is dropped and counted.
const (
	maxLogLines = 1000
	maxLogText  = 16 << 10 // of one line
)

// logs copies the log to those who subscribed to it over the event socket. It implements esl.LogSource and is safe for concurrent use.
type logs struct {
	// wanted is the highest FreeSWITCH level that a subscriber wants, less than 0 for none, plus 1 so that the zero value is none.
	wanted atomic.Int32
	idle   control.IdleCPU

	mu   sync.Mutex // guards what follows
	subs map[*logSubscription]struct{}
}

// logSubscription is one subscriber.
type logSubscription struct {
	logs  *logs
	ready chan struct{} // holds one token when lines wait or the subscription is closed

	// Guarded by logs.mu.
	level  int
	queue  []esl.LogLine
	lost   int
	closed bool
}

// SubscribeLog implements esl.LogSource.
func (l *logs) SubscribeLog(level int) esl.LogSubscription {
	s := &logSubscription{logs: l, level: level, ready: make(chan struct{}, 1)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.subs == nil {
		l.subs = map[*logSubscription]struct{}{}
	}
	l.subs[s] = struct{}{}
	l.update()
	return s
}

// update computes wanted. mu is held.
func (l *logs) update() {
	level := -1
	for s := range l.subs {
		level = max(level, s.level)
	}
	l.wanted.Store(int32(level + 1))
}

// enabled says whether anybody subscribed to a level.
func (l *logs) enabled(level int) bool { return int(l.wanted.Load()) > level }

// put hands a line to those who want it, without waiting for one.
func (l *logs) put(line esl.LogLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range l.subs {
		switch {
		case line.Level > s.level:
		case len(s.queue) >= maxLogLines:
			s.lost++
		default:
			s.queue = append(s.queue, line)
			s.wake()
		}
	}
}

func (s *logSubscription) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// SetLevel implements esl.LogSubscription.
func (s *logSubscription) SetLevel(level int) {
	s.logs.mu.Lock()
	defer s.logs.mu.Unlock()
	s.level = level
	s.logs.update()
}

// Next implements esl.LogSubscription.
func (s *logSubscription) Next(ctx context.Context) (line esl.LogLine, lost int, err error) {
	for {
		s.logs.mu.Lock()
		if s.closed {
			s.logs.mu.Unlock()
			return line, 0, esl.ErrClosed
		}
		if len(s.queue) > 0 {
			line, lost = s.queue[0], s.lost
			s.queue[0] = esl.LogLine{}
			s.queue, s.lost = s.queue[1:], 0
			s.logs.mu.Unlock()
			return line, lost, nil
		}
		s.queue = nil
		s.logs.mu.Unlock()
		select {
		case <-s.ready:
		case <-ctx.Done():
			return line, 0, ctx.Err()
		}
	}
}

// Close implements esl.LogSubscription.
func (s *logSubscription) Close() {
	s.logs.mu.Lock()
	defer s.logs.mu.Unlock()
	s.closed, s.queue = true, nil
	delete(s.logs.subs, s)
	s.logs.update()
	s.wake()
}

// logHandler gives records to the configured handler and to logs.
type logHandler struct {
	next slog.Handler
	logs *logs
	// attrs are the attributes of With while there is no group. They are written with each record and not before: every leg of every call has
	// some, and logs little.
	attrs []slog.Attr
	// text are those from before a group, written out, as next has them; group is in front of the names of further ones; uuid is the channel they
	// name.
	text, group, uuid string
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.logs.enabled(freeswitchLevel(level)) || h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	if level := freeswitchLevel(r.Level); h.logs.enabled(level) {
		h.logs.put(h.line(level, r))
	}
	if !h.next.Enabled(ctx, r.Level) {
		return nil
	}
	if len(h.attrs) > 0 {
		all := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
		all.AddAttrs(h.attrs...)
		r.Attrs(func(a slog.Attr) bool {
			all.AddAttrs(a)
			return true
		})
		r = all
	}
	return h.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	for _, a := range attrs {
		c.noteUUID(a)
	}
	if h.group == "" {
		c.attrs = append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)
		return &c
	}
	c.write(attrs)
	return &c
}

// write gives attributes to next.
func (h *logHandler) write(attrs []slog.Attr) {
	var b strings.Builder
	b.WriteString(h.text)
	for _, a := range attrs {
		writeAttr(&b, h.group, a)
	}
	h.next, h.text = h.next.WithAttrs(attrs), b.String()
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	c := *h
	if len(h.attrs) > 0 {
		c.write(h.attrs)
		c.attrs = nil
	}
	c.next, c.group = c.next.WithGroup(name), h.group+name+"."
	return &c
}

func (h *logHandler) noteUUID(a slog.Attr) {
	if h.group == "" && a.Key == "uuid" {
		h.uuid = a.Value.String()
	}
}

// line writes a record as FreeSWITCH does: time, idle CPU, level, place, text.
func (h *logHandler) line(level int, r slog.Record) esl.LogLine {
	c := *h
	l := esl.LogLine{Level: level, File: "talkpath", Func: "talkpath"}
	if r.PC != 0 {
		frame, _ := runtime.CallersFrames([]uintptr{r.PC}).Next()
		l.File, l.Line, l.Func = filepath.Base(frame.File), frame.Line, frame.Function[strings.LastIndexByte(frame.Function, '.')+1:]
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %.2f%% [%s] %s:%d ", r.Time.Format("2006-01-02 15:04:05.000000"), h.logs.idle.Percent(), strings.ToUpper(freeswitchLevels[min(level, 7)]), l.File, l.Line)
	writeText(&b, r.Message)
	b.WriteString(h.text)
	for _, a := range h.attrs {
		writeAttr(&b, "", a)
	}
	r.Attrs(func(a slog.Attr) bool {
		writeAttr(&b, h.group, a)
		c.noteUUID(a)
		return b.Len() < maxLogText
	})
	l.Text, l.UserData = b.String()[:min(b.Len(), maxLogText)]+"\n", c.uuid
	return l
}

// freeswitchLevels are the names of FreeSWITCH's levels by number (switch_log.c).
var freeswitchLevels = [...]string{"console", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// freeswitchLevel is a level's number.
func freeswitchLevel(level slog.Level) int {
	switch {
	case level > slog.LevelError:
		return 2
	case level >= slog.LevelError:
		return 3
	case level >= slog.LevelWarn:
		return 4
	case level > slog.LevelInfo:
		return 5
	case level == slog.LevelInfo:
		return 6
	}
	return 7
}

// writeAttr writes " name=value". What is named like a secret is not shown, whoever logged it.
func writeAttr(b *strings.Builder, group string, a slog.Attr) {
	if a.Value.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, inner := range a.Value.Group() {
			writeAttr(b, group, inner)
		}
		return
	}
	if a.Key == "" {
		return
	}
	b.WriteByte(' ')
	writeText(b, group+a.Key)
	b.WriteByte('=')
	if isSecret(a.Key) {
		b.WriteString("***")
		return
	}
	writeText(b, a.Value.Resolve().String())
}

func isSecret(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"password", "secret", "passwd", "a1-hash"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// writeText writes text on one line: a stranger's caller name must not look like a line of the log.
func writeText(b *strings.Builder, text string) {
	for _, r := range text {
		if r < ' ' || r == 0x7f {
			r = ' '
		}
		b.WriteRune(r)
	}
}
