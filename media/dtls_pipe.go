package media

import (
	"net"
	"os"
	"sync"
	"time"
)

// Bounds of a dtlsPipe.
const (
	pipeQueue  = 32 // datagrams; more are dropped, DTLS repeats them
	pipeFlight = 8  // datagrams of our last flight that are kept
)

// dtlsPipe is the packet connection that pion/dtls works on: the packet loop puts datagrams in, what DTLS writes goes to send.
type dtlsPipe struct {
	in   chan []byte
	done chan struct{}
	send func([]byte)

	mu       sync.Mutex // guards what follows
	closed   bool
	muted    bool
	deadline time.Time
	changed  chan struct{} // closed when the deadline changes
	flight   [][]byte
	turn     bool // something came since our last write: the next write begins a flight
}

func newDTLSPipe(send func([]byte)) *dtlsPipe {
	return &dtlsPipe{in: make(chan []byte, pipeQueue), done: make(chan struct{}), send: send, changed: make(chan struct{})}
}

// deliver hands in a datagram; false when the queue is full.
func (p *dtlsPipe) deliver(pkt []byte) bool {
	select {
	case p.in <- pkt:
		return true
	default:
		return false
	}
}

// mute makes writes go nowhere.
func (p *dtlsPipe) mute() {
	p.mu.Lock()
	p.muted = true
	p.mu.Unlock()
}

// lastFlight is what we sent last.
func (p *dtlsPipe) lastFlight() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.flight
}

// ReadFrom waits for a datagram.
func (p *dtlsPipe) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		p.mu.Lock()
		deadline, changed := p.deadline, p.changed
		p.mu.Unlock()
		var expire <-chan time.Time
		if !deadline.IsZero() {
			d := time.Until(deadline)
			if d <= 0 {
				return 0, nil, os.ErrDeadlineExceeded
			}
			expire = time.After(d)
		}
		select {
		case pkt := <-p.in:
			p.mu.Lock()
			p.turn = true
			p.mu.Unlock()
			return copy(b, pkt), pipeAddr{}, nil
		case <-p.done:
			return 0, nil, net.ErrClosed
		case <-changed:
		case <-expire:
			return 0, nil, os.ErrDeadlineExceeded
		}
	}
}

// WriteTo sends a datagram and keeps it as part of the current flight.
func (p *dtlsPipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	pkt := append([]byte(nil), b...)
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return 0, net.ErrClosed
	}
	muted := p.muted
	if !muted {
		if p.turn {
			p.flight, p.turn = nil, false
		}
		if len(p.flight) < pipeFlight {
			p.flight = append(p.flight, pkt)
		}
	}
	p.mu.Unlock()
	if !muted {
		p.send(pkt)
	}
	return len(b), nil
}

// Close ends reads and writes.
func (p *dtlsPipe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		close(p.done)
	}
	return nil
}

// LocalAddr names this end.
func (p *dtlsPipe) LocalAddr() net.Addr { return pipeAddr{} }

// SetReadDeadline wakes a waiting read.
func (p *dtlsPipe) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deadline = t
	close(p.changed)
	p.changed = make(chan struct{})
	return nil
}

// SetWriteDeadline does nothing: writes never wait.
func (p *dtlsPipe) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline sets the read deadline.
func (p *dtlsPipe) SetDeadline(t time.Time) error { return p.SetReadDeadline(t) }
