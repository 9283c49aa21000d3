package bench

import (
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// mediaPlane makes the legs of a run.
type mediaPlane struct {
	o        *options
	streams  streams
	drivers  []*driver
	turn     atomic.Uint64
	silent   *net.UDPConn          // what runs without media offer: nobody reads it
	identity *identity             // of browser legs
	failed   atomic.Pointer[error] // the first leg that could not agree on keys
	checking atomic.Int64          // browsers that wait for an answer to their ICE checks
	agreeing atomic.Int64          // and in a key exchange
}

func newMediaPlane(o *options, local netip.Addr) (*mediaPlane, error) {
	m := &mediaPlane{o: o}
	if o.kinds[0] == browser || o.kinds[1] == browser {
		var err error
		if m.identity, err = newIdentity(); err != nil {
			return nil, err
		}
	}
	if o.kinds[0] == signallingOnly {
		var err error
		m.silent, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
		return m, err
	}
	for range o.threads {
		d, err := newDriver(local, o.ptime, &m.streams)
		if err != nil {
			m.close()
			return nil, err
		}
		m.drivers = append(m.drivers, d)
	}
	return m, nil
}

// leg makes the caller's (0) or the callee's (1) side of a call.
func (m *mediaPlane) leg(side int) (leg, error) {
	if m.silent != nil {
		return silentLeg{m.silent.LocalAddr().(*net.UDPAddr).AddrPort()}, nil
	}
	d := m.drivers[m.turn.Add(1)%uint64(len(m.drivers))]
	switch m.o.kinds[side] {
	case plainRTP:
		return newRTPLeg(d, &m.streams, m.o.ptime, 0), nil
	case sdesSRTP:
		return newRTPLeg(d, &m.streams, m.o.ptime, m.o.suite), nil
	}
	return newBrowserLeg(m, d)
}

func (m *mediaPlane) close() {
	if m.silent != nil {
		m.silent.Close()
	}
	for _, d := range m.drivers {
		d.close()
	}
}

// fail notes why a leg has no media; the first reason is kept.
func (m *mediaPlane) fail(err error) { m.failed.CompareAndSwap(nil, &err) }

// heard says whether something came of every stream, but for calls that failed.
func (m *mediaPlane) heard() bool {
	for _, s := range m.streams.list() {
		if s.pending() {
			return false
		}
	}
	return true
}

// begin and end bound the measured window.
func (m *mediaPlane) begin() {
	for _, s := range m.streams.list() {
		s.begin()
	}
}

func (m *mediaPlane) end() {
	for _, s := range m.streams.list() {
		s.end()
	}
}

// totals adds up what all streams have counted so far in the window.
func (m *mediaPlane) totals() Counts {
	var sum Counts
	for _, s := range m.streams.list() {
		sum.add(s.counted())
	}
	return sum
}

// result adds up the window; packets on their way have come.
func (m *mediaPlane) result(took time.Duration) (*Media, Curve) {
	r := &Media{Seconds: took.Seconds(), WorstMOS: 5, Checking: int(m.checking.Load()), Agreeing: int(m.agreeing.Load())}
	var delays Histogram
	var jitter time.Duration
	for _, s := range m.streams.list() {
		c, h := s.result()
		if c.Sent == 0 {
			continue
		}
		r.Streams++
		if c.Received == 0 {
			r.Silent++
		}
		r.Counts.add(c)
		delays.Merge(&h)
		jitter += c.jitter
		score := mos(h.Mean(), float64(c.Lost)/float64(c.Sent))
		r.MOS += score
		r.WorstMOS = min(r.WorstMOS, score)
	}
	if r.Streams == 0 {
		return nil, nil
	}
	r.MOS /= float64(r.Streams)
	r.JitterMS = milliseconds(jitter / time.Duration(r.Streams))
	r.Delay = quantilesOf(&delays)
	r.PerSecond = float64(r.Counts.Received) / took.Seconds()
	for _, d := range m.drivers {
		r.Generator.Late += d.late.Load()
		r.Generator.Strays += d.strays.Load()
		dropped, unsent := d.losses()
		r.Generator.Dropped += dropped
		r.Generator.Unsent += unsent
	}
	return r, curveOf(&delays)
}
