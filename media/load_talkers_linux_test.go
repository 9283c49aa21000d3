//go:build linux && !talkpath_portable

package media

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// talkers are many plain phones in one thread: each sends 172 bytes every 20 ms, spread over the time, with the time of sending in it.
type talkers struct {
	socks       []*udpSocket
	addrs, to   []netip.AddrPort
	seq         []uint16
	sent, heard int
	delays      []time.Duration
	epoll       int
	start       time.Time
}

func newTalkers(t *testing.T, n int) *talkers {
	k := &talkers{seq: make([]uint16, n), start: time.Now()}
	var err error
	if k.epoll, err = unix.EpollCreate1(0); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		s, err := openUDP(netip.AddrPortFrom(loopback, 0), 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.EpollCtl(k.epoll, unix.EPOLL_CTL_ADD, s.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}); err != nil {
			t.Fatal(err)
		}
		k.socks, k.addrs = append(k.socks, s), append(k.addrs, s.local)
	}
	return k
}

func (k *talkers) close() {
	for _, s := range k.socks {
		s.close()
	}
	unix.Close(k.epoll)
}

// run talks until over is closed, and listens a moment longer.
func (k *talkers) run(over chan struct{}) {
	began := time.Now()
	n := 0
	var ended time.Time
	for ended.IsZero() || time.Since(ended) < 200*time.Millisecond {
		select {
		case <-over:
			if ended.IsZero() {
				ended = time.Now()
			}
		default:
		}
		due := int(time.Since(began) * time.Duration(len(k.socks)) / packetTime)
		for ; n < due && ended.IsZero(); n++ {
			k.talk(n % len(k.socks))
		}
		k.listen()
		time.Sleep(200 * time.Microsecond) // the pace of the sender, not a wait for something
	}
}

func (k *talkers) talk(i int) {
	var p [172]byte
	p[0] = 0x80
	k.seq[i]++
	binary.BigEndian.PutUint16(p[2:], k.seq[i])
	binary.BigEndian.PutUint32(p[4:], uint32(k.seq[i])*160)
	binary.BigEndian.PutUint32(p[8:], uint32(i+1))
	binary.BigEndian.PutUint64(p[12:], uint64(time.Since(k.start)))
	if unix.Sendto(k.socks[i].fd, p[:], 0, &unix.SockaddrInet4{Addr: k.to[i].Addr().As4(), Port: int(k.to[i].Port())}) == nil {
		k.sent++
	}
}

func (k *talkers) listen() {
	var events [256]unix.EpollEvent
	n, _ := unix.EpollWait(k.epoll, events[:], 0)
	var buf [2048]byte
	for _, ev := range events[:max(n, 0)] {
		for {
			n, _, err := unix.Recvfrom(k.socks[ev.Fd].fd, buf[:], unix.MSG_DONTWAIT)
			if err != nil {
				break
			}
			if n == 172 {
				k.heard++
				k.delays = append(k.delays, time.Since(k.start)-time.Duration(binary.BigEndian.Uint64(buf[12:])))
			}
		}
	}
}

func (k *talkers) result() generatorResult {
	r := generatorResult{Sent: k.sent, Heard: k.heard}
	if slices.Sort(k.delays); len(k.delays) > 0 {
		r.DelayMS = float64(k.delays[len(k.delays)/2].Microseconds()) / 1000
	}
	return r
}
