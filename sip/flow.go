package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Flow is where a message came from and where messages to that peer go: a TCP, TLS or WebSocket connection, or a UDP socket with a
// remote address (RFC 5626 §3). Two UDP flows of the same peer are distinct values with equal ID.
type Flow struct {
	stack     *Stack
	transport string
	local     netip.AddrPort
	remote    netip.AddrPort
	id        string
	host      string // that its server proved to be with its certificate; "": its address, or it is none
	done      chan struct{}

	send1 func(data []byte) error // UDP and tests: writes at once and keeps nothing; nil for connections

	// Connections only. One writer goroutine takes from queue.
	wire     wire
	wake     chan struct{} // there is something to write
	lastRead atomic.Int64  // Unix nanoseconds
	pinging  atomic.Bool
	left     atomic.Bool // see Left

	mu       sync.Mutex // guards what follows
	closed   bool
	watchers map[any]func()

	// queue is bounded by Limits.WriteQueue and maxQueuedBytes. A full one closes the connection, since a stream cannot lose a message.
	queueMu   sync.Mutex // guards what follows
	queue     [][]byte
	queued    int // bytes in queue
	finishing bool
}

// maxQueuedBytes bounds what waits to be written to one connection: large bodies count for more than their number.
const maxQueuedBytes = 4 << 20

// wire is what a connection's writer writes to.
type wire interface {
	write(data []byte) error
	close()
}

// Transport is "udp", "tcp", "tls", "ws" or "wss".
func (f *Flow) Transport() string { return f.transport }

// RemoteAddr is the peer's address as we see it.
func (f *Flow) RemoteAddr() netip.AddrPort { return f.remote }

// LocalAddr is our address of the flow.
func (f *Flow) LocalAddr() netip.AddrPort { return f.local }

// ID is unique in this process; for UDP it is the same for the same pair of addresses.
func (f *Flow) ID() string { return f.id }

// Reliable reports whether the transport delivers by itself.
func (f *Flow) Reliable() bool { return f.transport != "udp" }

// Done is closed when the connection is gone; for UDP when the stack is closed.
func (f *Flow) Done() <-chan struct{} { return f.done }

// Left reports whether the peer closed the connection because it goes away (WebSocket status 1001, RFC 6455 §7.4.1): a page that was closed or
// loaded again. Its dialogs have gone with it, while one whose connection broke may come back.
func (f *Flow) Left() bool { return f.left.Load() }

// Close closes the connection. It does nothing for UDP.
func (f *Flow) Close() {
	if f.wire == nil {
		return
	}
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return
	}
	f.closed = true
	watchers := f.watchers
	f.watchers = nil
	f.mu.Unlock()
	close(f.done)
	f.wire.close()
	f.queueMu.Lock()
	f.queue, f.queued = nil, 0 // bindings and sessions may hold a closed flow for long
	f.queueMu.Unlock()
	s := f.stack
	s.mu.Lock()
	delete(s.conns, f)
	ip := senderOf(f.remote.Addr())
	if s.perIP[ip]--; s.perIP[ip] <= 0 {
		delete(s.perIP, ip)
	}
	s.mu.Unlock()
	for _, w := range watchers {
		w()
	}
}

// finish closes the connection when what is queued has been written, a second later at most. It waits for that.
func (f *Flow) finish() {
	f.queueMu.Lock()
	f.finishing = true
	f.queueMu.Unlock()
	f.wakeWriter()
	select {
	case <-f.done:
	case <-time.After(time.Second):
	}
	f.Close()
}

// watch calls fn when the connection closes; at once when it is closed already. fn must not block.
func (f *Flow) watch(key any, fn func()) {
	if f.wire == nil {
		return
	}
	f.mu.Lock()
	closed := f.closed
	if !closed {
		if f.watchers == nil {
			f.watchers = map[any]func(){}
		}
		f.watchers[key] = fn
	}
	f.mu.Unlock()
	if closed {
		f.stack.spawn(fn)
	}
}

func (f *Flow) unwatch(key any) {
	if f.wire == nil {
		return
	}
	f.mu.Lock()
	delete(f.watchers, key)
	f.mu.Unlock()
}

// send hands a message to the flow. It does not wait for the peer.
func (f *Flow) send(data []byte) error {
	if trace := f.stack.cfg.Trace; trace != nil {
		trace(f, true, data)
	}
	err := f.enqueue(data)
	if err != nil {
		f.stack.count.sendErrors.Add(1)
		return err
	}
	f.stack.count.sent.Add(1)
	return nil
}

func (f *Flow) enqueue(data []byte) error {
	if f.send1 != nil {
		return f.send1(data)
	}
	select {
	case <-f.done:
		return ErrFlowClosed
	default:
	}
	f.queueMu.Lock()
	full := len(f.queue) >= f.stack.cfg.Limits.WriteQueue || f.queued+len(data) > maxQueuedBytes
	if !full {
		f.queue = append(f.queue, data)
		f.queued += len(data)
	}
	f.queueMu.Unlock()
	if full {
		f.stack.count.slowConnections.Add(1)
		f.stack.spawn(f.Close) // not here: the caller may hold a lock that a watcher needs
		return fmt.Errorf("%w: the peer does not read", ErrFlowClosed)
	}
	f.wakeWriter()
	return nil
}

func (f *Flow) wakeWriter() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// writeQueued is the writer goroutine of a connection.
func (f *Flow) writeQueued() {
	defer f.Close()
	for {
		select {
		case <-f.wake:
		case <-f.done:
			return
		}
		for {
			data, last := f.next()
			if last {
				return
			}
			if data == nil {
				break
			}
			if err := f.wire.write(data); err != nil {
				if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
					f.stack.count.slowConnections.Add(1)
				}
				return
			}
		}
	}
}

// next takes a message off the queue; last when nothing more will be written.
func (f *Flow) next() (data []byte, last bool) {
	f.queueMu.Lock()
	defer f.queueMu.Unlock()
	if len(f.queue) == 0 {
		f.queue = nil
		return nil, f.finishing
	}
	data = f.queue[0]
	f.queue[0] = nil
	f.queue = f.queue[1:]
	f.queued -= len(data)
	return data, false
}

// addConn makes the flow of a stream connection and starts its writer. Accepted connections are counted per address.
func (s *Stack) addConn(transport string, local, remote netip.AddrPort, host string, w wire, accepted bool) (*Flow, error) {
	f := &Flow{
		stack: s, transport: transport, local: local, remote: remote, host: host, done: make(chan struct{}), wire: w, wake: make(chan struct{}, 1),
	}
	f.id = fmt.Sprintf("%s/%s/%s/%d", transport, local, remote, time.Now().UnixNano())
	f.lastRead.Store(time.Now().UnixNano())
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
		return nil, ErrClosed
	case len(s.conns) >= s.cfg.Limits.Connections, accepted && s.perIP[senderOf(remote.Addr())] >= s.cfg.Limits.ConnectionsPerIP:
		s.mu.Unlock()
		s.count.refusedConnections.Add(1)
		return nil, fmt.Errorf("%w: connections", ErrLimit)
	}
	s.conns[f] = struct{}{}
	s.perIP[senderOf(remote.Addr())]++
	s.mu.Unlock()
	if !s.spawn(f.writeQueued) {
		f.Close()
		return nil, ErrClosed
	}
	return f, nil
}

// host is what Via and Contact advertise for a flow: host and port (0 = none).
func (s *Stack) host(f *Flow) (string, int) {
	if s.cfg.ContactHost != nil {
		if h := s.cfg.ContactHost(f); h != "" {
			return splitHost(h)
		}
	}
	local := f.local
	if local.Addr().IsUnspecified() {
		local = netip.AddrPortFrom(sourceAddr(f.remote), local.Port())
	}
	host, port := local.Addr().String(), int(local.Port())
	if local.Addr().Is6() {
		host = "[" + host + "]"
	}
	return host, port
}

func splitHost(h string) (string, int) {
	if i := strings.LastIndexByte(h, ':'); i > strings.LastIndexByte(h, ']') {
		if port, err := strconv.ParseUint(h[i+1:], 10, 16); err == nil {
			return h[:i], int(port)
		}
	}
	return h, 0
}

// sourceAddr asks the kernel which local address reaches a peer, for sockets bound to every address. No packet is sent.
func sourceAddr(remote netip.AddrPort) netip.Addr {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(remote))
	if err != nil {
		return netip.IPv4Unspecified()
	}
	defer conn.Close()
	return addrPort(conn.LocalAddr()).Addr()
}
