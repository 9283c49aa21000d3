//go:build linux && !talkpath_portable

package media

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The packet loop on Linux: one thread, epoll, recvmmsg and sendmmsg. With little traffic it blocks in epoll; from busyRate on it
// sleeps in ticks of one millisecond instead, because a wake-up costs more than a packet.
const (
	batchSize  = 64                    // messages of one recvmmsg or sendmmsg
	maxBatches = 16                    // of the shared port's socket a round: a busy loop comes back only a tick later, and others wait
	maxOwn     = 128                   // packets of a leg's own socket a round
	arenaSlots = 256                   // receive buffers between two flushes
	eventBatch = 256                   // epoll events a round
	tick       = time.Millisecond      // sleep of the busy loop: a raw system call, so never longer (it would delay stop-the-world)
	cadence    = tick * 5 / 4          // from one look to the next, work and sleep together, which is shorter then
	busyWindow = 50 * time.Millisecond // longer than the packet time: many senders send in bursts
	busyRate   = 100                   // packets in a busyWindow that make the loop busy
)

// mmsghdr is struct mmsghdr of recvmmsg(2); the compiler pads it like C does.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// slot is an entry of the epoll table; its index and generation are the event's user data, so that an event of a socket closed in the
// same round finds nothing.
type slot struct {
	gen    int32
	accept bool
	udp    *udpSocket
	tcp    *tcpConn
}

// loop owns the sockets. Everything but the command queue belongs to who holds hands: its goroutine, but for the time that it is asleep in epoll.
// Who then has something to do and waits for it anyway (do) borrows the loop, which is cheaper by two switches of threads than to wake it.
type loop struct {
	hands sync.Mutex

	sh   *shard
	epfd int
	evfd int
	lnfd int // ICE-TCP listener, -1 = none
	held int // a descriptor in reserve, to refuse connections when there is no other left; -1 = none

	slots []slot
	free  []int32

	arena   []byte
	used    int // arena slots in use since the last flush
	msgs    [batchSize]mmsghdr
	iovs    [batchSize]unix.Iovec
	names   [batchSize]unix.RawSockaddrInet6
	ctls    [batchSize]control
	out     [batchSize]mmsghdr
	outIovs [batchSize]unix.Iovec
	outName [batchSize]unix.RawSockaddrInet6
	outCtl  [batchSize]control
	outN    int

	rounds      uint32
	behind      bool // the last wait brought as much as it could: there is more, and it has come to queues
	windowStart time.Time
	windowCount int
	busy        bool
	procs       int32 // processors for the whole program

	asleep atomic.Bool // in epoll until something comes: whoever brings something else must wake it
	wakeAt time.Time   // until when it sleeps at most; zero = for ever

	mu     sync.Mutex // guards the three below
	cmds   []func()
	spare  []func()
	closed bool
	done   chan struct{}
}

func newLoop(sh *shard) (*loop, error) {
	l := &loop{sh: sh, lnfd: -1, held: -1, arena: make([]byte, arenaSlots*slotSize), done: make(chan struct{}), procs: int32(runtime.GOMAXPROCS(0))}
	var err error
	if l.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("media: epoll: %w", err)
	}
	if l.evfd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		unix.Close(l.epfd)
		return nil, fmt.Errorf("media: eventfd: %w", err)
	}
	l.newSlot(slot{}) // slot 0: the event fd
	if err := l.watch(l.evfd, 0, unix.EPOLLIN); err != nil {
		l.closeFDs()
		return nil, err
	}
	for i := range batchSize {
		l.msgs[i].hdr.Iov = &l.iovs[i]
		l.msgs[i].hdr.SetIovlen(1)
		l.msgs[i].hdr.Name = (*byte)(unsafe.Pointer(&l.names[i]))
		l.out[i].hdr.Iov = &l.outIovs[i]
		l.out[i].hdr.SetIovlen(1)
		l.out[i].hdr.Name = (*byte)(unsafe.Pointer(&l.outName[i]))
	}
	return l, nil
}

func (l *loop) closeFDs() {
	unix.Close(l.epfd)
	unix.Close(l.evfd)
}

// newSlot finds a place in the epoll table.
func (l *loop) newSlot(s slot) int32 {
	if n := len(l.free); n > 0 {
		i := l.free[n-1]
		l.free = l.free[:n-1]
		s.gen = l.slots[i].gen + 1
		l.slots[i] = s
		return i
	}
	l.slots = append(l.slots, s)
	return int32(len(l.slots) - 1)
}

func (l *loop) freeSlot(i int32) {
	l.slots[i] = slot{gen: l.slots[i].gen}
	l.free = append(l.free, i)
}

func (l *loop) watch(fd int, i int32, events uint32) error {
	ev := unix.EpollEvent{Events: events, Fd: i, Pad: l.slots[i].gen}
	if err := unix.EpollCtl(l.epfd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("media: epoll: %w", err)
	}
	return nil
}

// addUDP starts reading a socket. Loop only.
func (l *loop) addUDP(s *udpSocket) error {
	s.slot = l.newSlot(slot{udp: s})
	if err := l.watch(s.fd, s.slot, unix.EPOLLIN); err != nil {
		l.freeSlot(s.slot)
		return err
	}
	return nil
}

// removeUDP stops reading and closes a socket that addUDP took. Loop only.
func (l *loop) removeUDP(s *udpSocket) {
	l.flush() // queued packets name the descriptor
	l.freeSlot(s.slot)
	unix.Close(s.fd)
}

// detachUDP stops reading a socket that stays open. Loop only.
func (l *loop) detachUDP(s *udpSocket) {
	l.flush()
	l.unwatch(s.fd, s.slot)
}

func (l *loop) unwatch(fd int, slot int32) {
	_ = unix.EpollCtl(l.epfd, unix.EPOLL_CTL_DEL, fd, nil) // fails only for what is not watched
	l.freeSlot(slot)
}

// post hands f to the loop; false when it has ended.
func (l *loop) post(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.cmds = append(l.cmds, f)
	l.wake()
	return true
}

// wake makes a loop that sleeps in epoll look at its queues; one that sleeps in ticks does so anyway. Any goroutine, while the loop has not ended.
func (l *loop) wake() {
	if l.asleep.Swap(false) {
		one := [8]byte{1}
		_, _ = unix.Write(l.evfd, one[:]) // cannot fail: the counter is below its maximum
	}
}

// do runs f as the loop and waits; false when the loop has ended. Never from the loop itself, nor with a lock held that a command takes.
func (l *loop) do(f func()) bool {
	if l.asleep.Load() && l.hands.TryLock() {
		defer l.hands.Unlock()
		return l.borrow(f)
	}
	done := make(chan struct{})
	if !l.post(func() { defer close(done); f() }) {
		return false
	}
	<-done
	return true
}

// borrow is a round with f and the commands that wait already, while the loop sleeps; it is woken when it would sleep too long now. hands is held.
func (l *loop) borrow(f func()) bool {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return false
	}
	l.cmds = append(l.cmds, f)
	l.mu.Unlock()
	l.sh.now = time.Now()
	l.runCommands()
	l.protected(l.sh.tick)
	l.protected(l.flush)
	if d := l.sh.timeout(); d >= 0 && (l.wakeAt.IsZero() || time.Now().Add(time.Duration(d)*time.Millisecond).Before(l.wakeAt)) {
		l.wake()
	}
	return true
}

// queued is the number of commands that wait.
func (l *loop) queued() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.cmds)
}

func (l *loop) runCommands() {
	l.mu.Lock()
	cmds := l.cmds
	l.cmds, l.spare = l.spare[:0], nil
	l.mu.Unlock()
	for i, f := range cmds {
		l.protected(f)
		cmds[i] = nil
	}
	l.mu.Lock()
	l.spare = cmds[:0]
	l.mu.Unlock()
}

// stop ends the loop after what is queued and waits for it.
func (l *loop) stop() {
	l.post(func() {
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
	})
	<-l.done
}

func (l *loop) stopped() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed && len(l.cmds) == 0
}

// run is the loop's goroutine.
func (l *loop) run() {
	defer close(l.done)
	defer l.closeFDs()
	l.hands.Lock()
	defer l.hands.Unlock()
	defer l.setBusy(false)
	var events [eventBatch]unix.EpollEvent
	for !l.stopped() {
		n, err := l.wait(events[:])
		l.behind = n == len(events)
		if err != nil && !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) {
			l.sh.all.log.Error("media loop: epoll", "err", err)
		}
		l.round(events[:max(n, 0)])
	}
}

// round handles what one wait brought. A panic costs the packets of the round, not the process, and no command.
func (l *loop) round(events []unix.EpollEvent) {
	l.sh.now = time.Now()
	l.rounds++
	packets := l.sh.packets
	l.protected(func() {
		for i := range events {
			l.handle(&events[i])
		}
		l.sh.takeHandedOver()
		l.flush()
	})
	l.runCommands()
	l.protected(l.sh.tick)
	l.flush()
	l.account(int(l.sh.packets - packets))
}

// protected runs f and survives its panic: that is a defect of ours that wire input found, and must not end other calls.
func (l *loop) protected(f func()) {
	defer func() {
		if r := recover(); r != nil {
			l.outN, l.used = 0, 0
			l.sh.panicked(r)
		}
	}()
	f()
}

// account decides between blocking and ticking.
func (l *loop) account(packets int) {
	l.windowCount += packets
	if since := l.sh.now.Sub(l.windowStart); since >= busyWindow {
		l.setBusy(l.windowCount >= busyRate && since < 2*busyWindow)
		l.windowStart, l.windowCount = l.sh.now, 0
	}
}

func (l *loop) setBusy(busy bool) {
	if busy == l.busy {
		return
	}
	l.busy = busy
	if busy {
		l.sh.all.ticking.Add(1)
	} else {
		l.sh.all.ticking.Add(-1)
	}
}

// wait waits for events: blocking until the next deadline, or one tick when busy. The raw call keeps the processor of Go's scheduler, which is
// cheaper; when that would leave none for the rest of the program the loop sleeps in the usual way. A thread of its own (LockOSThread) makes
// the forced switches of the scheduler dearer and brings nothing: between them the loop has its thread for itself.
func (l *loop) wait(events []unix.EpollEvent) (int, error) {
	if !l.busy {
		return l.block(events)
	}
	if !l.behind {
		l.sleep()
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epfd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// sleep lets a tick pass, or what the work of the round has left of it: a packet that has just come waits for the next look.
func (l *loop) sleep() {
	d := min(max(cadence-time.Since(l.sh.now), tick/4), tick)
	ts := unix.NsecToTimespec(int64(d))
	if l.sh.all.ticking.Load() >= l.procs {
		_ = unix.Nanosleep(&ts, nil)
	} else {
		_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
	}
}

// block waits in epoll. Who brings something after the look at the queues sees that the loop is asleep.
func (l *loop) block(events []unix.EpollEvent) (int, error) {
	timeout := l.sh.timeout()
	l.wakeAt = time.Time{}
	if timeout >= 0 {
		l.wakeAt = time.Now().Add(time.Duration(timeout) * time.Millisecond)
	}
	l.asleep.Store(true)
	if l.queued() > 0 || l.sh.handedOver() {
		timeout = 0
	}
	l.hands.Unlock()
	n, err := unix.EpollWait(l.epfd, events, timeout)
	l.hands.Lock()
	l.asleep.Store(false)
	return n, err
}

func (l *loop) handle(ev *unix.EpollEvent) {
	s := l.slots[ev.Fd]
	if s.gen != ev.Pad {
		return
	}
	switch {
	case ev.Fd == 0:
		var b [8]byte
		_, _ = unix.Read(l.evfd, b[:])
	case s.udp != nil && s.udp.leg != nil:
		l.readPlain(s.udp)
	case s.udp != nil:
		l.readAll(s.udp)
	case s.accept:
		l.acceptTCP()
	case s.tcp != nil:
		l.handleTCP(s.tcp, ev.Events)
	}
}

// abandon frees a loop that never ran.
func (l *loop) abandon() {
	l.closeListener()
	l.closeFDs()
}
