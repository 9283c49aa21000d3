//go:build !linux || talkpath_portable

package media

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// The packet loop where there is no epoll: a reader goroutine for each socket, and one lock that makes them take turns. It exists so that
// everything builds and runs on a developer's machine; it is not the engine for load.

// portableTick bounds how late timers run.
const portableTick = 10 * time.Millisecond

// portableWrite bounds a write to a slow ICE-TCP peer, which holds up everyone here.
const portableWrite = 10 * time.Millisecond

// shardCount is one: all sockets take turns anyway.
func shardCount(int) int { return 1 }

// openShared opens the shared port.
func openShared(addr netip.AddrPort, _ int) (*udpSocket, error) { return openUDP(addr, muxBuffer) }

// With one shard there is nothing to steer, to move or to give away.
func steer(*udpSocket, int) error                     { return nil }
func (sh *shard) move(*leg, *shard)                   {}
func (sh *shard) giveTCP(*tcpConn, *leg, []byte) bool { return true }
func (l *loop) wake()                                 {}

// There are no direct sockets here.
func (l *leg) closeDirect()                   {}
func (l *loop) sendDirect(*udpSocket, []byte) {}

// udpSocket is a UDP socket of the loop. leg is nil for the shared port.
type udpSocket struct {
	conn  *net.UDPConn
	local netip.AddrPort
	leg   *leg
	gone  bool
}

// tcpConn is an ICE-TCP connection (RFC 6544). It belongs to the loop.
type tcpConn struct {
	conn   net.Conn
	remote netip.AddrPort
	opened time.Time
	leg    *leg
	closed bool
}

// loop owns the sockets; mu is what makes it "one thread".
type loop struct {
	sh   *shard
	ln   net.Listener
	done chan struct{}
	quit chan struct{}
	wg   sync.WaitGroup

	mu     sync.Mutex // the turn: held while anything of the shard runs
	closed bool

	cmdMu sync.Mutex // guards cmds: posted from within a turn, too
	cmds  []func()
	alarm chan struct{}
}

func newLoop(sh *shard) (*loop, error) {
	return &loop{sh: sh, done: make(chan struct{}), quit: make(chan struct{}), alarm: make(chan struct{}, 1)}, nil
}

func (l *loop) abandon() { l.closeListener() }

// openUDP binds a socket; it is read once addUDP has run in the loop. Any goroutine.
func openUDP(addr netip.AddrPort, buffer int) (*udpSocket, error) {
	network := "udp4"
	if addr.Addr().Is6() {
		network = "udp"
	}
	c, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("media: bind %s: %w", addr, err)
	}
	if buffer > 0 { // best effort
		_ = c.SetReadBuffer(buffer)
		_ = c.SetWriteBuffer(buffer)
	}
	local := c.LocalAddr().(*net.UDPAddr).AddrPort()
	return &udpSocket{conn: c, local: netip.AddrPortFrom(local.Addr().Unmap(), local.Port())}, nil
}

// close frees a socket that was never added. Any goroutine.
func (s *udpSocket) close() { _ = s.conn.Close() }

// overflowed is not known here.
func (s *udpSocket) overflowed() uint64 { return 0 }

// addUDP starts reading a socket. Within a turn only.
func (l *loop) addUDP(s *udpSocket) error {
	l.wg.Go(func() { l.readUDP(s) })
	return nil
}

// removeUDP stops reading and closes. Within a turn only.
func (l *loop) removeUDP(s *udpSocket) {
	s.gone = true
	s.close()
}

func (l *loop) readUDP(s *udpSocket) {
	buf := make([]byte, slotSize)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(buf[:maxDatagram])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // an ICMP error of an earlier send
			continue
		}
		l.turn(func() {
			if !s.gone {
				l.sh.datagram(s, buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), netip.Addr{})
			}
		})
	}
}

// turn runs f as the loop.
func (l *loop) turn(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { // a defect that wire input found must not end other calls
		if r := recover(); r != nil {
			l.sh.panicked(r)
		}
	}()
	l.sh.now = time.Now()
	f()
}

// post hands f to the loop; false when it has ended.
func (l *loop) post(f func()) bool {
	l.cmdMu.Lock()
	defer l.cmdMu.Unlock()
	select {
	case <-l.quit:
		return false
	default:
	}
	l.cmds = append(l.cmds, f)
	select {
	case l.alarm <- struct{}{}:
	default:
	}
	return true
}

// do runs f in the loop and waits; false when the loop has ended. Never from the loop itself.
func (l *loop) do(f func()) bool {
	done := make(chan struct{})
	if !l.post(func() { defer close(done); f() }) {
		return false
	}
	<-done
	return true
}

// queued is the number of commands that wait.
func (l *loop) queued() int {
	l.cmdMu.Lock()
	defer l.cmdMu.Unlock()
	return len(l.cmds)
}

// stop ends the loop after what is queued and waits for it.
func (l *loop) stop() {
	l.cmdMu.Lock()
	close(l.quit)
	l.cmdMu.Unlock()
	<-l.done
}

// run is the loop's goroutine: commands and timers.
func (l *loop) run() {
	defer close(l.done)
	defer l.wg.Wait()
	t := time.NewTicker(portableTick)
	defer t.Stop()
	for {
		quit := false
		select {
		case <-t.C:
		case <-l.alarm:
		case <-l.quit:
			quit = true
		}
		l.cmdMu.Lock()
		cmds := l.cmds
		l.cmds = nil
		l.cmdMu.Unlock()
		for _, f := range cmds {
			l.turn(f)
		}
		l.turn(l.sh.tick)
		if quit {
			return
		}
	}
}

// sendUDP sends a packet. Within a turn only.
func (l *loop) sendUDP(s *udpSocket, pkt []byte, to netip.AddrPort, from netip.Addr) {
	l.sendUDPNow(s, pkt, to, from)
}

// sendUDPNow sends a packet; the system chooses our address. Within a turn only.
func (l *loop) sendUDPNow(s *udpSocket, pkt []byte, to netip.AddrPort, _ netip.Addr) {
	if _, err := s.conn.WriteToUDPAddrPort(pkt, to); err != nil {
		l.sh.stats.DropSend++
	}
}

// flushOut does nothing: packets are sent at once.
func (l *loop) flushOut() {}

// listenTCP binds the ICE-TCP port. Before the loop runs.
func (l *loop) listenTCP(addr netip.AddrPort) (netip.AddrPort, error) {
	network := "tcp4"
	if addr.Addr().Is6() {
		network = "tcp"
	}
	ln, err := net.Listen(network, addr.String())
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("media: listen tcp %s: %w", addr, err)
	}
	l.ln = ln
	l.wg.Go(l.acceptTCP)
	local := ln.Addr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(local.Addr().Unmap(), local.Port()), nil
}

// closeListener ends ICE-TCP.
func (l *loop) closeListener() {
	if l.ln != nil {
		_ = l.ln.Close()
	}
}

func (l *loop) acceptTCP() {
	for {
		conn, err := l.ln.Accept()
		if err != nil {
			return
		}
		remote := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
		c := &tcpConn{conn: conn, remote: netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())}
		l.turn(func() {
			if l.sh.all.tcpConns.Load() >= maxTCPConns {
				_ = conn.Close()
				l.sh.stats.TCPRefused++
				return
			}
			c.opened = l.sh.now
			l.sh.tcpOpened(c)
			l.wg.Go(func() { l.readTCP(c) })
		})
	}
}

func (l *loop) readTCP(c *tcpConn) {
	var in frameReader
	buf := make([]byte, slotSize)
	for {
		n, err := c.conn.Read(in.space())
		in.filled(n)
		ended := err != nil
		l.turn(func() {
			for !c.closed {
				frame, err := in.next()
				if err != nil {
					l.sh.stats.DropGarbage++
					ended = true
				}
				if frame == nil {
					break
				}
				l.sh.frame(c, buf[:copy(buf, frame)])
			}
			if ended {
				l.sh.closeTCP(c)
			}
		})
		if ended {
			return
		}
	}
}

// sendTCP writes one frame. Within a turn only.
func (l *loop) sendTCP(c *tcpConn, pkt []byte) {
	if c.closed {
		return
	}
	frame := append([]byte{byte(len(pkt) >> 8), byte(len(pkt))}, pkt...)
	_ = c.conn.SetWriteDeadline(time.Now().Add(portableWrite))
	if _, err := c.conn.Write(frame); err != nil {
		l.sh.stats.DropSend++
		l.sh.closeTCP(c) // part of the frame may be out
	}
}

// removeTCP closes the connection. Within a turn only, through shard.closeTCP.
func (l *loop) removeTCP(c *tcpConn) { _ = c.conn.Close() }
