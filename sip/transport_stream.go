package sip

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// netWire writes to a TCP or TLS connection.
type netWire struct {
	conn    net.Conn
	timeout time.Duration
}

func (w *netWire) write(data []byte) error {
	_ = w.conn.SetWriteDeadline(time.Now().Add(w.timeout))
	_, err := w.conn.Write(data)
	return err
}

func (w *netWire) close() {
	// Not the TLS close_notify: it would wait for a peer that does not read.
	if tc, ok := w.conn.(*tls.Conn); ok {
		tc.NetConn().Close()
		return
	}
	w.conn.Close()
}

// acceptStreams is the accept loop of a TCP or TLS listener. It never waits for a peer.
func (s *Stack) acceptStreams(l *listener) {
	for delay := time.Millisecond; ; {
		conn, err := l.tcp.Accept()
		if err == nil {
			delay = time.Millisecond
			s.serveStream(l, conn)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		select { // out of file descriptors: let some go
		case <-time.After(delay):
			delay = min(2*delay, time.Second)
		case <-s.done:
			return
		}
	}
}

// serveStream starts the reader goroutine of an accepted connection, if there is room.
func (s *Stack) serveStream(l *listener, conn net.Conn) {
	local, remote := addrPort(conn.LocalAddr()), addrPort(conn.RemoteAddr())
	if l.transport == "tls" {
		conn = tls.Server(conn, s.tls.Load().streams)
	}
	w := &netWire{conn: conn, timeout: s.cfg.Limits.Write}
	f, err := s.addConn(l.transport, local, remote, "", w, true)
	if err != nil {
		w.close()
		return
	}
	started := s.spawn(func() {
		if tc, ok := conn.(*tls.Conn); ok && !s.handshake(tc) {
			f.Close()
			return
		}
		s.readStream(f, conn, true)
	})
	if !started {
		f.Close()
	}
}

func (s *Stack) handshake(conn *tls.Conn) bool {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Limits.Handshake)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		s.count.failedHandshakes.Add(1)
		return false
	}
	return true
}

// readStream reads messages until the connection ends. With first, something must come within Limits.MessageTime; afterwards a silent
// connection is left to TCP keep-alive, while a message that has begun must end in that time.
func (s *Stack) readStream(f *Flow, conn net.Conn, first bool) {
	defer f.Close()
	fr := framer{limit: s.cfg.Limits.MessageBytes}
	chunk := make([]byte, 4096)
	timed := first
	if first {
		_ = conn.SetReadDeadline(time.Now().Add(s.cfg.Limits.MessageTime))
	}
	for {
		n, err := conn.Read(chunk)
		if err != nil {
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				s.count.slowConnections.Add(1)
			}
			return
		}
		f.lastRead.Store(time.Now().UnixNano())
		fr.write(chunk[:n])
		progress, ok := s.takeMessages(f, &fr)
		if !ok {
			return
		}
		switch partial := len(fr.buf) > 0; {
		case progress && !partial:
			_ = conn.SetReadDeadline(time.Time{})
			timed = false
		case partial && (progress || !timed):
			_ = conn.SetReadDeadline(time.Now().Add(s.cfg.Limits.MessageTime))
			timed = true
		}
	}
}

// takeMessages handles every complete message in the framer; ok is false when the stream cannot be followed any more.
func (s *Stack) takeMessages(f *Flow, fr *framer) (progress, ok bool) {
	for {
		pings := fr.skipLineEnds()
		for range pings {
			s.count.keepAlives.Add(1)
			_ = f.send([]byte("\r\n")) // RFC 5626 §4.4.1
		}
		progress = progress || pings > 0
		data, err := fr.next()
		switch {
		case errors.Is(err, errOversize):
			s.count.oversize.Add(1)
			s.rejectRaw(f, fr.buf, 513, "")
		case err != nil:
			s.count.malformed.Add(1)
			s.rejectRaw(f, fr.buf, 400, "Bad Content-Length")
		case data == nil:
			return progress, true
		default:
			s.receive(f, data)
			progress = true
			continue
		}
		f.finish()
		return progress, false
	}
}

var (
	errOversize      = errors.New("sip: message too large")
	errContentLength = errors.New("sip: Content-Length missing or malformed")
)

// framer cuts a stream into messages by Content-Length (RFC 3261 §18.3). It holds one message at most, as it arrives.
type framer struct {
	limit   int
	buf     []byte
	scanned int // how far the end of the header has been searched
	lineEnd int // line ends seen since the last message, for keep-alives
	whole   int // length of the message that has begun, 0 until its header is complete
	taken   int // length of the message given out last
}

func (fr *framer) write(p []byte) { fr.buf = append(fr.buf, p...) }

// skipLineEnds drops line ends before a message and returns how many keep-alive pings (double CRLF) they make.
func (fr *framer) skipLineEnds() (pings int) {
	fr.release()
	for len(fr.buf) >= 2 && fr.buf[0] == '\r' && fr.buf[1] == '\n' {
		fr.buf = fr.buf[2:]
		if fr.lineEnd++; fr.lineEnd == 2 {
			fr.lineEnd = 0
			pings++
		}
	}
	if len(fr.buf) == 0 {
		fr.buf = nil
	}
	return pings
}

// release drops the message that next gave out.
func (fr *framer) release() {
	fr.buf = fr.buf[fr.taken:]
	fr.taken = 0
}

// next returns the next complete message, valid until the next call; nil when more bytes are needed.
func (fr *framer) next() ([]byte, error) {
	fr.release()
	if fr.whole == 0 {
		if err := fr.findEnd(); err != nil {
			return nil, err
		}
	}
	if fr.whole == 0 || len(fr.buf) < fr.whole {
		return nil, nil
	}
	fr.taken, fr.whole, fr.scanned, fr.lineEnd = fr.whole, 0, 0, 0
	return fr.buf[:fr.taken], nil
}

// findEnd finds how long the message is, once its header is complete.
func (fr *framer) findEnd() error {
	end := bytes.Index(fr.buf[fr.scanned:], []byte("\r\n\r\n"))
	if end < 0 {
		if len(fr.buf) > fr.limit {
			return errOversize
		}
		fr.scanned = max(0, len(fr.buf)-3)
		return nil
	}
	end += fr.scanned + 4
	length, err := contentLength(fr.buf[:end])
	if err != nil {
		return err
	}
	if length > fr.limit || end+length > fr.limit {
		return errOversize
	}
	fr.whole = end + length
	return nil
}

// contentLength finds the one Content-Length of a header section.
func contentLength(head []byte) (int, error) {
	found := -1
	for line := range bytes.Lines(head) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		name = bytes.TrimSpace(name)
		if !bytes.EqualFold(name, []byte("content-length")) && !bytes.EqualFold(name, []byte("l")) {
			continue
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 31)
		if err != nil || (found >= 0 && found != int(n)) {
			return 0, fmt.Errorf("%w: %.40q", errContentLength, value)
		}
		found = int(n)
	}
	if found < 0 {
		return 0, errContentLength
	}
	return found, nil
}
