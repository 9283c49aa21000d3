package bench

import (
	"math"
	"sync"
	"time"
)

// stream is one direction of one call: what one leg says and the other should hear. Only packets of its measured window count.
type stream struct {
	id uint32

	mu       sync.Mutex // guards what follows
	next     uint32     // number of the packet to be sent next
	from, to uint32     // the window: numbers in [from, to)
	heard    bool       // something genuine has come
	over     bool       // its leg has closed
	highest  uint32
	seen     [seenWords]uint64 // of the last seenWindow numbers
	offset   uint16            // RTP sequence number minus our number, of the last packet
	transit  time.Duration
	counts   Counts
	delays   Histogram
}

const (
	seenWords  = 64
	seenWindow = seenWords * 64 // packets; a duplicate that is older counts as new
)

// Counts is what became of the packets of a window.
type Counts struct {
	Sent       uint64 `json:"sent"`
	Received   uint64 `json:"received"`   // without duplicates
	Lost       uint64 `json:"lost"`       // sent and never received
	Duplicates uint64 `json:"duplicates"` //
	Reordered  uint64 `json:"reordered"`  // came after a later one
	Damaged    uint64 `json:"damaged"`    // wrong checksum
	Misrouted  uint64 `json:"misrouted"`  // heard by a leg of another call
	Renumbered uint64 `json:"renumbered"` // the RTP sequence number did not follow the sender's
	jitter     time.Duration
}

func (c *Counts) add(o Counts) {
	c.Sent += o.Sent
	c.Received += o.Received
	c.Lost += o.Lost
	c.Duplicates += o.Duplicates
	c.Reordered += o.Reordered
	c.Damaged += o.Damaged
	c.Misrouted += o.Misrouted
	c.Renumbered += o.Renumbered
}

// faults is how many packets met a fate that no relay should give them.
func (c Counts) faults() uint64 {
	return c.Lost + c.Duplicates + c.Reordered + c.Damaged + c.Misrouted
}

// number takes the next packet's number.
func (s *stream) number() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	return s.next - 1
}

// begin opens the window at the packet that is sent next.
func (s *stream) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from, s.to = s.next, math.MaxUint32
	s.counts, s.delays = Counts{}, Histogram{}
}

// end closes the window: packets on their way still count.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = s.next
}

// hear notes a genuine packet that came at a time with an RTP sequence number.
func (s *stream) hear(st stamp, seq uint16, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.heard {
		s.heard, s.highest, s.offset = true, st.number, seq-uint16(st.number)
	}
	counts := st.number >= s.from && st.number < s.to
	switch word, bit := &s.seen[st.number/64%seenWords], uint64(1)<<(st.number%64); {
	case st.number > s.highest:
		s.forget(s.highest+1, st.number)
		s.highest = st.number
		*word |= bit
	case s.highest-st.number < seenWindow && *word&bit != 0:
		if counts {
			s.counts.Duplicates++
		}
		return
	default:
		*word |= bit
		if counts && st.number < s.highest {
			s.counts.Reordered++
		}
	}
	offset := seq - uint16(st.number)
	if counts {
		s.counts.Received++
		if offset != s.offset {
			s.counts.Renumbered++
		}
		s.delay(at.Sub(time.Unix(0, st.sent)))
	}
	s.offset = offset
}

// forget clears the marks of numbers that become the newest, from a to b.
func (s *stream) forget(a, b uint32) {
	if b-a >= seenWindow {
		a = b - seenWindow + 1
	}
	for n := a; n <= b; n++ {
		s.seen[n/64%seenWords] &^= 1 << (n % 64)
	}
}

// delay counts a delay and the change from the one before, RFC 3550 §6.4.1.
func (s *stream) delay(d time.Duration) {
	s.delays.Add(d)
	if s.delays.total > 1 {
		s.counts.jitter += ((d - s.transit).Abs() - s.counts.jitter) / 16
	}
	s.transit = d
}

// fault counts a packet that was damaged or went astray.
func (s *stream) fault(counter func(*Counts) *uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*counter(&s.counts)++
}

// result is the window's outcome; call it when what was on its way has come.
func (s *stream) result() (Counts, Histogram) {
	c := s.counted()
	s.mu.Lock()
	defer s.mu.Unlock()
	return c, s.delays
}

// counted is what the window has counted so far; what is on its way counts as lost.
func (s *stream) counted() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts
	c.Sent = uint64(min(s.to, s.next) - s.from)
	c.Lost = c.Sent - min(c.Received, c.Sent)
	return c
}

// close says that nothing more is sent.
func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}

// pending says whether something of it should come and nothing has.
func (s *stream) pending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.heard && !s.over
}
