package sip

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// subprotocol is the WebSocket sub-protocol of RFC 7118 §4.
const subprotocol = "sip"

// wsWire writes one SIP message a WebSocket message: text, as browsers expect, unless a body is no UTF-8.
type wsWire struct {
	conn    *websocket.Conn
	timeout time.Duration
}

func (w *wsWire) write(data []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), w.timeout)
	defer cancel()
	kind := websocket.MessageText
	if !utf8.Valid(data) {
		kind = websocket.MessageBinary
	}
	err := w.conn.Write(ctx, kind, data)
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // the library may say that the connection it closed is closed
	}
	return err
}

func (w *wsWire) close() { _ = w.conn.CloseNow() }

// serveHTTP starts the HTTP server of a ws or wss listener. net/http does the TLS handshake and reads the header on a goroutine of the
// connection, each within ReadHeaderTimeout, so that a silent connection delays nobody.
func (s *Stack) serveHTTP(l *listener) {
	l.http = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.upgrade(l, w, r) }),
		ReadHeaderTimeout: s.cfg.Limits.Handshake,
		ReadTimeout:       s.cfg.Limits.MessageTime, // neither rules a WebSocket: taking it over resets deadlines
		WriteTimeout:      2 * s.cfg.Limits.MessageTime,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(httpErrors{s}, "", 0),
	}
	var ln net.Listener = &limitedListener{Listener: l.tcp, stack: s, perIP: map[netip.Addr]int{}}
	if l.transport == "wss" {
		ln = tls.NewListener(ln, s.webSocketTLS())
	}
	s.spawn(func() { _ = l.http.Serve(ln) })
}

// httpErrors counts what net/http logs about single connections: failed handshakes and broken requests.
type httpErrors struct{ stack *Stack }

func (h httpErrors) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("TLS handshake")) {
		h.stack.count.failedHandshakes.Add(1)
	}
	return len(p), nil
}

// upgrade takes a WebSocket over or passes the request on. It does not stay to read: the goroutine of net/http, whose stack the TLS
// handshake has grown, and the request end here.
func (s *Stack) upgrade(l *listener, w http.ResponseWriter, r *http.Request) {
	if !wantsSIP(r) {
		if s.cfg.HTTP != nil {
			s.cfg.HTTP.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "a SIP WebSocket is served here", http.StatusUpgradeRequired)
		return
	}
	if !s.enter() {
		http.Error(w, "closing", http.StatusServiceUnavailable)
		return
	}
	defer s.wg.Done()
	// Any Origin: what authenticates is SIP digest, which a foreign page cannot borrow from the browser.
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{subprotocol}, InsecureSkipVerify: true})
	if err != nil {
		s.count.failedHandshakes.Add(1)
		return
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	remote, _ := netip.ParseAddrPort(r.RemoteAddr)
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	f, err := s.addConn(l.transport, addrPort(local), remote, "", &wsWire{conn: conn, timeout: s.cfg.Limits.Write}, true)
	if err != nil {
		_ = conn.CloseNow()
		return
	}
	if !s.spawn(func() { s.readWebSocket(f, conn, true) }) {
		f.Close()
	}
}

// wantsSIP reports whether a request asks for a WebSocket with sub-protocol sip.
func wantsSIP(r *http.Request) bool {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return false
	}
	for _, value := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(p), subprotocol) {
				return true
			}
		}
	}
	return false
}

// readWebSocket reads messages until the WebSocket ends. Pings of the peer are answered by the library while it reads.
func (s *Stack) readWebSocket(f *Flow, conn *websocket.Conn, first bool) {
	defer f.Close()
	limit := int64(s.cfg.Limits.MessageBytes)
	conn.SetReadLimit(-1) // the library would close without an answer
	slow := func() { s.count.slowConnections.Add(1); f.Close() }
	var timer *time.Timer
	if first {
		timer = s.after(s.cfg.Limits.MessageTime, slow)
	}
	for {
		_, r, err := conn.Reader(context.Background()) // ends when f closes
		if timer != nil {
			timer.Stop()
		}
		if err != nil {
			f.left.Store(websocket.CloseStatus(err) == websocket.StatusGoingAway)
			return
		}
		f.lastRead.Store(time.Now().UnixNano())
		timer = s.after(s.cfg.Limits.MessageTime, slow)
		data, err := io.ReadAll(io.LimitReader(r, limit+1))
		timer.Stop()
		switch {
		case int64(len(data)) > limit:
			s.count.oversize.Add(1)
			s.rejectRaw(f, data, 513, "")
			f.finish()
			return
		case err != nil:
			return
		case isKeepAlive(data):
			if bytes.Equal(data, []byte("\r\n\r\n")) {
				s.count.keepAlives.Add(1)
				_ = f.send([]byte("\r\n"))
			}
		default:
			s.receive(f, data)
		}
		timer = nil
	}
}

// DialWebSocket opens a WebSocket with sub-protocol sip to a ws:// or wss:// URL.
func (s *Stack) DialWebSocket(ctx context.Context, url string) (*Flow, error) {
	return s.dialWebSocket(ctx, url, "")
}

// dialWebSocket opens a WebSocket to a server whose certificate must be for host, or, without one, for the host of the URL.
func (s *Stack) dialWebSocket(ctx context.Context, url, host string) (*Flow, error) {
	transport := "ws"
	if strings.HasPrefix(url, "wss:") {
		transport = "wss"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*s.cfg.Limits.Handshake)
	defer cancel()
	var local, remote netip.AddrPort
	dialer := &net.Dialer{}
	tr := &http.Transport{TLSClientConfig: s.clientTLS(host), DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, addr)
		if err == nil {
			local, remote = addrPort(c.LocalAddr()), addrPort(c.RemoteAddr())
		}
		return c, err
	}}
	defer tr.CloseIdleConnections()
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{subprotocol}, HTTPClient: &http.Client{Transport: tr}})
	if err != nil {
		return nil, fmt.Errorf("sip: %w", err)
	}
	if conn.Subprotocol() != subprotocol {
		_ = conn.CloseNow()
		return nil, fmt.Errorf("%w: %s does not speak sip", ErrTransport, url)
	}
	f, err := s.addConn(transport, local, remote, host, &wsWire{conn: conn, timeout: s.cfg.Limits.Write}, false)
	if err != nil {
		_ = conn.CloseNow()
		return nil, err
	}
	if !s.spawn(func() { s.readWebSocket(f, conn, false) }) {
		f.Close()
		return nil, ErrClosed
	}
	return f, nil
}

// pingIdle pings WebSockets that have been silent for Limits.Ping and closes those that do not answer: a browser that vanished leaves
// no FIN behind.
func (s *Stack) pingIdle() {
	tick := time.NewTicker(s.cfg.Limits.Ping / 2)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case now := <-tick.C:
			s.closeRetired()
			limit := now.Add(-s.cfg.Limits.Ping).UnixNano()
			s.mu.Lock()
			var idle []*Flow
			for f := range s.conns {
				if _, ok := f.wire.(*wsWire); ok && f.lastRead.Load() < limit {
					idle = append(idle, f)
				}
			}
			s.mu.Unlock()
			for _, f := range idle {
				if f.pinging.CompareAndSwap(false, true) {
					s.spawn(func() { s.ping(f) })
				}
			}
		}
	}
}

func (s *Stack) ping(f *Flow) {
	defer f.pinging.Store(false)
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Limits.Ping)
	defer cancel()
	if err := f.wire.(*wsWire).conn.Ping(ctx); err != nil {
		s.count.slowConnections.Add(1)
		f.Close()
		return
	}
	f.lastRead.Store(time.Now().UnixNano())
}

// limitedListener refuses connections over the limits before anything is read from them: net/http may hold many that never become a
// WebSocket, and those that do are counted by addConn too.
type limitedListener struct {
	net.Listener
	stack *Stack

	mu    sync.Mutex // guards what follows
	total int
	perIP map[netip.Addr]int
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		ip := senderOf(addrPort(c.RemoteAddr()).Addr())
		if !l.take(ip) {
			l.stack.count.refusedConnections.Add(1)
			c.Close()
			continue
		}
		return &limitedConn{Conn: c, release: sync.OnceFunc(func() { l.give(ip) })}, nil
	}
}

func (l *limitedListener) take(ip netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= l.stack.cfg.Limits.Connections || l.perIP[ip] >= l.stack.cfg.Limits.ConnectionsPerIP {
		return false
	}
	l.total++
	l.perIP[ip]++
	return true
}

func (l *limitedListener) give(ip netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.perIP[ip]--; l.perIP[ip] <= 0 {
		delete(l.perIP, ip)
	}
}

// limitedConn gives its place back when it is closed.
type limitedConn struct {
	net.Conn
	release func()
}

func (c *limitedConn) Close() error {
	c.release()
	return c.Conn.Close()
}
