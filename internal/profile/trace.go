package profile

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/talkpath/talkpath/sip"
)

// Bounds of a trace: messages that wait to be written, and bytes shown of one.
const (
	traceQueue = 512
	traceBytes = 8 << 10
)

// tracer writes SIP messages to the log, without what would let a reader take part in the calls: digest responses, keys, passwords and the
// digits of INFO. The stack never waits for the log: beyond the queue messages are left out, and how many is told.
type tracer struct {
	on      atomic.Bool
	started atomic.Bool
	queue   chan traced
	lost    atomic.Uint64 // since it was last told
	all     atomic.Uint64 // and since the start
}

// traced is one message on its way to the log.
type traced struct {
	at        time.Time
	sent      bool
	transport string
	peer      netip.AddrPort
	size      int
	data      []byte
}

// Trace begins or ends to write the profile's SIP messages to the log, as "sofia profile NAME siptrace" does.
func (p *Profile) Trace(on bool) {
	p.trace.on.Store(on)
	if on && p.trace.started.CompareAndSwap(false, true) && !p.spawn(p.writeTrace) {
		p.trace.on.Store(false)
	}
}

// Trace does so for the profile of that name, "" for all, and says whether there was one.
func (s Set) Trace(name string, on bool) bool {
	found := false
	for _, p := range s {
		if name == "" || p.Name() == name {
			p.Trace(on)
			found = true
		}
	}
	return found
}

// see is the stack's Trace.
func (t *tracer) see(f *sip.Flow, sent bool, data []byte) {
	if !t.on.Load() {
		return
	}
	m := traced{at: time.Now(), sent: sent, transport: f.Transport(), peer: f.RemoteAddr(), size: len(data),
		data: bytes.Clone(data[:min(len(data), traceBytes)])}
	select {
	case t.queue <- m:
	default:
		t.lost.Add(1)
		t.all.Add(1)
	}
}

// writeTrace runs until the profile closes.
func (p *Profile) writeTrace() {
	for {
		select {
		case <-p.ctx.Done():
			return
		case m := <-p.trace.queue:
			if n := p.trace.lost.Swap(0); n > 0 {
				p.log.Warn("SIP trace is not complete", "lost", n)
			}
			p.log.LogAttrs(context.Background(), slog.LevelInfo, m.text())
		}
	}
}

// text is a message as FreeSWITCH traces it.
func (m traced) text() string {
	const rule = "   ------------------------------------------------------------------------\n"
	verb := "recv %d bytes from %s/[%s]:%d at %s:\n"
	if m.sent {
		verb = "send %d bytes to %s/[%s]:%d at %s:\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, verb, m.size, m.transport, m.peer.Addr().Unmap(), m.peer.Port(), m.at.Format("15:04:05.000000"))
	b.WriteString(rule)
	for line := range strings.Lines(redact(strings.ToValidUTF8(string(m.data), "\uFFFD"))) {
		b.WriteString("   " + strings.TrimRight(line, "\r\n") + "\n")
	}
	if m.size > len(m.data) {
		fmt.Fprintf(&b, "   ... %d bytes more\n", m.size-len(m.data))
	}
	b.WriteString(rule)
	return b.String()
}

const hidden = "***"

// What is secret in a message. A credential may be folded over lines, RFC 3261 §7.3.1; a challenge has no response.
var (
	authorization  = regexp.MustCompile(`(?im)^((?:proxy-)?authorization\s*:\s*)([a-z]+)((?:[^\r\n]|\r?\n[ \t])*)`)
	digestResponse = regexp.MustCompile(`(?i)(response\s*=\s*)("[^"]*"?|[^\s,]+)`)
	uriPassword    = regexp.MustCompile(`(?i)(sips?:[^:@;<>\s]+):[^@<>\s]+@`)
	bodySecret     = regexp.MustCompile(`(?im)^(a=crypto:[^\r\n]*?inline:|a=ice-pwd:|\s*Signal\s*=)[^\r\n]*`)
)

// redact hides secrets of a message.
func redact(text string) string {
	text = authorization.ReplaceAllStringFunc(text, func(header string) string {
		m := authorization.FindStringSubmatch(header)
		if !strings.EqualFold(m[2], "digest") {
			return m[1] + m[2] + " " + hidden
		}
		return m[1] + m[2] + digestResponse.ReplaceAllString(m[3], "${1}"+hidden)
	})
	text = uriPassword.ReplaceAllString(text, "${1}:"+hidden+"@")
	return bodySecret.ReplaceAllString(text, "${1}"+hidden)
}
