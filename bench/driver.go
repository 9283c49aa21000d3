package bench

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	driverTick = 250 * time.Microsecond // voices that are due within one tick are sent together
	lateAfter  = 10 * time.Millisecond  // a tick later than this says that the generator itself has too little CPU
)

// driver paces the voices of many legs and reads what they hear, over one UDP socket. One goroutine owns everything but the queue.
type driver struct {
	socket *batchSocket
	slots  [][]*voice                 // a turn of the wheel is one packet time; each slot is a tick
	legs   map[netip.AddrPort]*rtpLeg // by the address its peer said it sends from
	shared map[netip.AddrPort]bool    // addresses that several legs hear from: the server does not relay, or relays through one port
	all    *streams
	late   atomic.Uint64 // ticks that came later than lateAfter
	strays atomic.Uint64 // packets from nobody we know

	mu    sync.Mutex // guards queue
	queue []func()   // to be run by the driver; bounded by its callers, who wait or hold a leg

	stop chan struct{}
	done sync.WaitGroup
}

// newDriver opens a socket on an address of ours and starts.
func newDriver(local netip.Addr, ptime time.Duration, all *streams) (*driver, error) {
	socket, err := openBatch(local)
	if err != nil {
		return nil, err
	}
	d := &driver{
		socket: socket, slots: make([][]*voice, ptime/driverTick), legs: map[netip.AddrPort]*rtpLeg{}, shared: map[netip.AddrPort]bool{}, all: all, stop: make(chan struct{}),
	}
	d.done.Go(d.run)
	return d, nil
}

// post has f run by the driver's goroutine, after everything posted before.
func (d *driver) post(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queue = append(d.queue, f)
}

// close ends the driver; legs have been closed before.
func (d *driver) close() {
	close(d.stop)
	d.done.Wait()
	d.socket.close()
}

func (d *driver) run() {
	began := time.Now()
	for n := int64(0); ; {
		select {
		case <-d.stop:
			return
		default:
		}
		d.runPosted()
		now := time.Now()
		passed := int64(now.Sub(began) / driverTick)
		if time.Duration(passed-n)*driverTick > lateAfter {
			d.late.Add(1)
		}
		for ; n <= passed; n++ {
			for _, v := range d.slots[n%int64(len(d.slots))] {
				v.say(d)
			}
			d.socket.flush()
		}
		d.socket.receive(d.heard)
		pause(time.Until(began.Add(time.Duration(n) * driverTick)))
	}
}

func (d *driver) runPosted() {
	d.mu.Lock()
	posted := d.queue
	d.queue = nil
	d.mu.Unlock()
	for _, f := range posted {
		f()
	}
}

// start paces a voice from now on, in the slot that has least to do: voices are spread evenly over the packet time. Driver only.
func (d *driver) start(v *voice) {
	least := 0
	for i, slot := range d.slots {
		if len(slot) < len(d.slots[least]) {
			least = i
		}
	}
	d.slots[least] = append(d.slots[least], v)
	v.slot = least
}

// silence ends a voice. Driver only.
func (d *driver) silence(v *voice) {
	slot := d.slots[v.slot]
	for i, other := range slot {
		if other == v {
			slot[i] = slot[len(slot)-1]
			slot[len(slot)-1] = nil
			d.slots[v.slot] = slot[:len(slot)-1]
			return
		}
	}
}

// join makes a leg the one that hears from an address. Driver only.
func (d *driver) join(l *rtpLeg, from netip.AddrPort) {
	if other := d.legs[from]; other != nil && other != l {
		d.shared[from] = true
	}
	d.legs[from] = l
}

// heard takes a datagram that came at a time. Driver only.
func (d *driver) heard(data []byte, from netip.AddrPort, at time.Time) {
	if leg := d.legs[from]; leg != nil && !d.shared[from] {
		leg.hear(data, at)
		return
	}
	// Which leg this was for is not known, but whose voice it is says the stamp, when it is not encrypted.
	anyone := ear{streams: d.all}
	if anyone.hear(data, at); anyone.hears == nil {
		d.strays.Add(1)
	}
}

// losses is what the generator itself lost: in its receive buffer, and packets that the kernel did not take.
func (d *driver) losses() (dropped, unsent uint64) {
	done := make(chan struct{})
	d.post(func() {
		dropped, unsent = uint64(d.socket.dropped), d.socket.unsent
		close(done)
	})
	<-done
	return dropped, unsent
}
