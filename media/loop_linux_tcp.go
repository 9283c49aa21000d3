//go:build linux && !talkpath_portable

package media

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// tcpConn is an ICE-TCP connection (RFC 6544). It belongs to the loop.
type tcpConn struct {
	fd      int
	slot    int32
	remote  netip.AddrPort
	opened  time.Time
	in      frameReader
	out     []byte // what the socket did not take, at most maxTCPBacklog
	leg     *leg
	closed  bool
	writing bool // EPOLLOUT armed
}

// listenTCP binds the ICE-TCP port. Before the loop runs.
func (l *loop) listenTCP(addr netip.AddrPort) (netip.AddrPort, error) {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("media: socket: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	local, err := bindFD(fd, addr)
	if err == nil {
		err = unix.Listen(fd, 1024)
	}
	if err == nil {
		err = l.watch(fd, l.newSlot(slot{accept: true}), unix.EPOLLIN)
	}
	if err != nil {
		unix.Close(fd)
		return netip.AddrPort{}, fmt.Errorf("media: listen tcp %s: %w", addr, err)
	}
	l.lnfd = fd
	l.hold()
	return local, nil
}

// closeListener ends ICE-TCP. Loop only, at the end.
func (l *loop) closeListener() {
	for _, fd := range []*int{&l.lnfd, &l.held} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
}

// acceptTCP takes what waits, up to the bound of connections.
func (l *loop) acceptTCP() {
	for range batchSize {
		fd, sa, err := unix.Accept4(l.lnfd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err == unix.EMFILE || err == unix.ENFILE {
			l.refuseTCP()
			return
		}
		if err != nil {
			return
		}
		if l.sh.all.tcpConns.Load() >= maxTCPConns {
			unix.Close(fd)
			l.sh.stats.TCPRefused++
			continue
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		c := &tcpConn{fd: fd, remote: sockaddrAddrPort(sa), opened: l.sh.now}
		if l.attachTCP(c) != nil {
			unix.Close(fd)
			continue
		}
		l.sh.tcpOpened(c)
	}
}

// refuseTCP ends a connection that there is no descriptor for. Left in the queue it would wake the loop for ever.
func (l *loop) refuseTCP() {
	if l.held < 0 {
		return
	}
	unix.Close(l.held)
	if fd, _, err := unix.Accept4(l.lnfd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC); err == nil {
		unix.Close(fd)
		l.sh.stats.TCPRefused++
	}
	l.hold()
}

// hold takes the descriptor in reserve.
func (l *loop) hold() {
	var err error
	if l.held, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
		l.held = -1
	}
}

func (l *loop) handleTCP(c *tcpConn, events uint32) {
	if events&unix.EPOLLOUT != 0 {
		l.drainTCP(c)
	}
	if c.closed || events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) == 0 {
		return
	}
	n, err := unix.Read(c.fd, c.in.space())
	if err == unix.EAGAIN || err == unix.EINTR {
		return
	}
	if err != nil || n <= 0 {
		l.sh.closeTCP(c)
		return
	}
	c.in.filled(n)
	l.framesTCP(c)
}

// attachTCP starts reading a connection. Loop only.
func (l *loop) attachTCP(c *tcpConn) error {
	c.slot = l.newSlot(slot{tcp: c})
	events := uint32(unix.EPOLLIN)
	if c.writing {
		events |= unix.EPOLLOUT
	}
	if err := l.watch(c.fd, c.slot, events); err != nil {
		l.freeSlot(c.slot)
		return err
	}
	return nil
}

// detachTCP stops reading a connection that stays open. Loop only.
func (l *loop) detachTCP(c *tcpConn) {
	l.unwatch(c.fd, c.slot)
}

// drop closes a connection that no loop has.
func (c *tcpConn) drop() {
	c.closed = true
	unix.Close(c.fd)
}

// framesTCP handles the frames that have come, until the connection goes to another loop.
func (l *loop) framesTCP(c *tcpConn) {
	for !c.closed {
		frame, err := c.in.next()
		if err != nil {
			l.sh.stats.DropGarbage++
			l.sh.closeTCP(c)
			return
		}
		if frame == nil {
			return
		}
		if !l.sh.frame(c, l.copyToArena(frame)) {
			return
		}
	}
}

// copyToArena gives a frame its own buffer with tail room: behind it in the stream lies the next one.
func (l *loop) copyToArena(frame []byte) []byte {
	if l.used == arenaSlots {
		l.flush()
	}
	off := l.used * slotSize
	l.used++
	buf := l.arena[off : off+len(frame) : off+slotSize]
	copy(buf, frame)
	return buf
}

// sendTCP writes one frame. A frame goes as a whole or not at all.
func (l *loop) sendTCP(c *tcpConn, pkt []byte) {
	if c.closed {
		return
	}
	if len(c.out)+2+len(pkt) > maxTCPBacklog {
		l.sh.stats.DropSend++
		return
	}
	c.out = append(c.out, byte(len(pkt)>>8), byte(len(pkt)))
	c.out = append(c.out, pkt...)
	if !c.writing {
		l.drainTCP(c)
	}
}

// drainTCP writes what it can and waits for the socket to take the rest.
func (l *loop) drainTCP(c *tcpConn) {
	for len(c.out) > 0 {
		n, err := unix.Write(c.fd, c.out)
		if err == unix.EAGAIN || err == unix.EINTR {
			break
		}
		if err != nil {
			l.sh.closeTCP(c)
			return
		}
		c.out = c.out[:copy(c.out, c.out[n:])]
	}
	if want := len(c.out) > 0; want != c.writing {
		c.writing = want
		ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: c.slot, Pad: l.slots[c.slot].gen}
		if want {
			ev.Events |= unix.EPOLLOUT
		}
		_ = unix.EpollCtl(l.epfd, unix.EPOLL_CTL_MOD, c.fd, &ev)
	}
}

// removeTCP closes the descriptor. Loop only, through shard.closeTCP.
func (l *loop) removeTCP(c *tcpConn) {
	l.freeSlot(c.slot)
	unix.Close(c.fd)
}
