package bench

import (
	"sync"
	"sync/atomic"
)

// streams are all streams of a run, by number. Readers take no lock.
type streams struct {
	mu  sync.Mutex // held while one is added
	all atomic.Pointer[[]*stream]
}

// add makes a stream.
func (s *streams) add() *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*stream
	if p := s.all.Load(); p != nil {
		all = *p
	}
	st := &stream{id: uint32(len(all))}
	all = append(all, st) // readers of the old slice see its length only
	s.all.Store(&all)
	return st
}

// find is nil for a number that was never given.
func (s *streams) find(id uint32) *stream {
	if p := s.all.Load(); p != nil && int64(id) < int64(len(*p)) {
		return (*p)[id]
	}
	return nil
}

// list is every stream added so far.
func (s *streams) list() []*stream {
	if p := s.all.Load(); p != nil {
		return *p
	}
	return nil
}
