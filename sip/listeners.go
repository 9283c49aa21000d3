package sip

import (
	"net/netip"
	"slices"
)

// SetListeners changes what the stack listens on, without touching what goes on: listeners that stay keep their sockets, connections that
// were accepted stay open, and a UDP socket that is no longer wanted serves its peers until no session is left on it. When one of the
// new addresses cannot be bound, nothing changes.
func (s *Stack) SetListeners(wanted []Listener) error {
	s.listening.Lock()
	defer s.listening.Unlock()
	old := s.bound()
	var next, made, again []*listener
	for _, w := range wanted {
		same := func(l *listener) bool { return l.asked == w && !slices.Contains(next, l) }
		if i := slices.IndexFunc(old, same); i >= 0 {
			next = append(next, old[i])
			continue
		}
		if i := slices.IndexFunc(s.retired, same); i >= 0 {
			next, again = append(next, s.retired[i]), append(again, s.retired[i])
			continue
		}
		l, err := s.bind(w)
		if err != nil {
			for _, l := range made {
				l.close()
			}
			return err
		}
		next, made = append(next, l), append(made, l)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		for _, l := range made {
			l.close()
		}
		return ErrClosed
	}
	s.listeners.Store(&next)
	s.mu.Unlock()
	for _, l := range made {
		s.serve(l)
	}
	s.retired = slices.DeleteFunc(s.retired, func(l *listener) bool { return slices.Contains(again, l) })
	for _, l := range old {
		switch {
		case slices.Contains(next, l):
		case l.udp != nil:
			s.retired = append(s.retired, l)
		default:
			l.close()
		}
	}
	s.closeRetiredLocked()
	return nil
}

// bound is the listeners of now.
func (s *Stack) bound() []*listener {
	if l := s.listeners.Load(); l != nil {
		return *l
	}
	return nil
}

// closeRetired closes the sockets that SetListeners took away and no session uses any more.
func (s *Stack) closeRetired() {
	s.listening.Lock()
	defer s.listening.Unlock()
	s.closeRetiredLocked()
}

func (s *Stack) closeRetiredLocked() {
	if len(s.retired) == 0 {
		return
	}
	used := map[netip.AddrPort]bool{}
	for _, session := range s.sessions.all() {
		if f := session.Flow(); f.transport == "udp" {
			used[f.local] = true
		}
	}
	s.retired = slices.DeleteFunc(s.retired, func(l *listener) bool {
		if used[l.addr] {
			return false
		}
		l.close()
		return true
	})
}
