package media

import (
	"sync/atomic"
)

// Bounds of what waits for a shard that others received it for.
const (
	handoverSlots = 4096 // packets; more are dropped and counted. It must be as patient as the buffer of the socket: a loop may be late by 100 ms
	handoverSmall = 640  // bytes that are kept for a packet, with the room behind it; rarer, longer ones are allocated
	handoverBatch = 256  // packets that are taken at a time
)

// handover is the bounded queue of a shard for packets of its legs that arrived at the sockets of other shards: many put, the shard takes.
// No lock: each slot says by its turn who may have it (D. Vyukov's bounded queue).
type handover struct {
	slots [handoverSlots]handoverSlot
	bufs  [handoverSlots][handoverSmall]byte // by slot; memory that was never used costs nothing
	head  atomic.Uint64                      // next slot to fill
	tail  uint64                             // next slot to take; the shard's
	freed uint64                             // next slot to give back; the shard's
}

type handoverSlot struct {
	turn atomic.Uint64 // the number of the packet that may be put, or one more when it is there
	leg  *leg
	from path
	n    int
	long []byte // a packet that is too long for the slot's bytes
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
			if s.n = len(pkt); s.n > handoverSmall-tailRoom {
				s.long = append(make([]byte, 0, s.n+tailRoom), pkt...)
			} else {
				copy(q.bufs[at%handoverSlots][:], pkt)
			}
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
	if s.long != nil {
		return s.leg, s.from, s.long, true
	}
	return s.leg, s.from, q.bufs[i][:s.n], true
}

// waiting tells whether there is something to take. The shard only.
func (q *handover) waiting() bool { return q.slots[q.tail%handoverSlots].turn.Load() == q.tail+1 }

// free gives the taken slots back. The shard only.
func (q *handover) free() {
	for ; q.freed < q.tail; q.freed++ {
		s := &q.slots[q.freed%handoverSlots]
		s.leg, s.from, s.long = nil, path{}, nil
		s.turn.Store(q.freed + handoverSlots)
	}
}
