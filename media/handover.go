package media

import (
	"sync/atomic"
)

// handoverSlots bounds the packets that wait for a shard which others received them for; more are dropped and counted.
const handoverSlots = 1024

// handover is the bounded queue of a shard for packets of its legs that arrived at the sockets of other shards: many put, the shard takes.
// No lock: each slot says by its turn who may have it (D. Vyukov's bounded queue).
type handover struct {
	slots [handoverSlots]handoverSlot
	bufs  [handoverSlots][slotSize]byte // by slot; memory that was never used costs nothing
	head  atomic.Uint64                 // next slot to fill
	tail  uint64                        // next slot to take; the shard's
	freed uint64                        // next slot to give back; the shard's
}

type handoverSlot struct {
	turn atomic.Uint64 // the number of the packet that may be put, or one more when it is there
	leg  *leg
	from path
	n    int
}

func newHandover() *handover {
	q := &handover{}
	for i := range q.slots {
		q.slots[i].turn.Store(uint64(i))
	}
	return q
}

// put copies a packet in; false when the queue is full.
func (q *handover) put(l *leg, from path, pkt []byte) bool {
	for {
		at := q.head.Load()
		s := &q.slots[at%handoverSlots]
		turn := s.turn.Load()
		switch {
		case turn == at:
			if !q.head.CompareAndSwap(at, at+1) {
				continue
			}
			s.leg, s.from = l, from
			s.n = copy(q.bufs[at%handoverSlots][:], pkt)
			s.turn.Store(at + 1)
			return true
		case turn < at:
			return false
		}
	}
}

// take is the next packet, with room behind it; not ok when there is none. It stays where it is until free. The shard only.
func (q *handover) take() (l *leg, from path, pkt []byte, ok bool) {
	i := q.tail % handoverSlots
	s := &q.slots[i]
	if s.turn.Load() != q.tail+1 {
		return nil, path{}, nil, false
	}
	q.tail++
	return s.leg, s.from, q.bufs[i][:s.n], true
}

// waiting tells whether there is something to take. The shard only.
func (q *handover) waiting() bool { return q.slots[q.tail%handoverSlots].turn.Load() == q.tail+1 }

// free gives the taken slots back. The shard only.
func (q *handover) free() {
	for ; q.freed < q.tail; q.freed++ {
		s := &q.slots[q.freed%handoverSlots]
		s.leg, s.from = nil, path{}
		s.turn.Store(q.freed + handoverSlots)
	}
}
