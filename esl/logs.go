package esl

import (
	"context"
	"strconv"
	"strings"
	"sync"
)

// LogLine is one line of the log as FreeSWITCH's event socket sends it.
type LogLine struct {
	// Level is FreeSWITCH's: 0 console, 1 alert, 2 crit, 3 err, 4 warning, 5 notice, 6 info, 7 debug.
	Level int
	// File, Func and Line are where in the program it was logged.
	File, Func string
	Line       int
	// UserData is the uuid of the channel that it is about, "" for none.
	UserData string
	Text     string // with its line end
}

// LogSource hands out log lines.
type LogSource interface {
	// SubscribeLog returns the lines up to a level from now on.
	SubscribeLog(level int) LogSubscription
}

// LogSubscription is a bounded queue of log lines. The log never waits for its reader.
type LogSubscription interface {
	SetLevel(level int)
	// Next waits for a line and says how many were lost before it because the queue was full.
	Next(ctx context.Context) (line LogLine, lost int, err error)
	Close()
}

// lowestLevel is the highest number of a level, SWITCH_LOG_INVALID less one.
const lowestLevel = 63

// logLevels are the names of levels, by number.
var logLevels = []string{"console", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// logState is a connection's subscription to the log.
type logState struct {
	mu     sync.Mutex
	sub    LogSubscription
	cancel context.CancelFunc
	on     bool
}

// startLog is the verb log: up to which level, debug when none is given.
func (c *conn) startLog(rest string) string {
	if c.may.noLog {
		return replyDenied
	}
	word, _, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	level := len(logLevels) - 1
	if word != "" {
		var ok bool
		if level, ok = logLevel(word); !ok {
			return "-ERR invalid log level"
		}
	}
	l := &c.logs
	l.mu.Lock()
	defer l.mu.Unlock()
	l.on = true
	switch {
	case l.sub != nil:
		l.sub.SetLevel(level)
	case c.server.Logs != nil:
		ctx, cancel := context.WithCancel(c.ctx)
		l.sub, l.cancel = c.server.Logs.SubscribeLog(level), cancel
		sub := l.sub
		c.children.Go(func() { c.pumpLog(ctx, sub) })
	}
	return "+OK log level " + word + " [" + strconv.Itoa(level) + "]"
}

// logLevel reads a level by name or number.
func logLevel(word string) (int, bool) {
	for i, name := range logLevels {
		if strings.EqualFold(name, word) {
			return i, true
		}
	}
	n, err := strconv.Atoi(word)
	return min(n, lowestLevel), err == nil && n >= 0
}

// stopLog is the verb nolog.
func (c *conn) stopLog() string {
	l := &c.logs
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.on {
		return "-ERR not loging" // sic
	}
	l.on = false
	if l.sub != nil {
		l.cancel()
		l.sub = nil
	}
	return "+OK no longer logging"
}

// pumpLog writes log lines until the verb nolog or the end of the connection.
func (c *conn) pumpLog(ctx context.Context, sub LogSubscription) {
	defer sub.Close()
	for {
		line, lost, err := sub.Next(ctx)
		if err != nil {
			return
		}
		if lost > 0 {
			c.server.counters.lostLines.Add(int64(lost))
			if !c.writeLog(ctx, LogLine{Level: 2, Text: "Lost [" + strconv.Itoa(lost) + "] log lines!\n"}) {
				return
			}
		}
		if !c.writeLog(ctx, line) {
			return
		}
	}
}

// writeLog sends one line, unless the log was given up meanwhile: no line follows the answer to nolog.
func (c *conn) writeLog(ctx context.Context, l LogLine) bool {
	frame := "Content-Type: log/data\nContent-Length: " + strconv.Itoa(len(l.Text)) + "\nLog-Level: " + strconv.Itoa(l.Level) +
		"\nText-Channel: 0\nLog-File: " + oneLine(l.File) + "\nLog-Func: " + oneLine(l.Func) + "\nLog-Line: " + strconv.Itoa(l.Line) +
		"\nUser-Data: " + oneLine(l.UserData) + "\n\n" + l.Text
	c.writing.Lock()
	defer c.writing.Unlock()
	return ctx.Err() == nil && c.send([]byte(frame))
}
