package profile

import "github.com/talkpath/talkpath/sip"

// follow moves an answered call to the connection its peer has come back on: a browser that lost its WebSocket registers again with the
// same contact but sends nothing in the dialog by itself, and would show an ended call for ever. Called before each request in the
// dialog, so that the binding of the moment counts.
func (l *leg) follow(s *sip.Session) {
	now := s.Flow()
	if l.user == nil || !now.Reliable() {
		return
	}
	var back *sip.Flow
	target := s.RemoteTarget()
	for _, b := range l.p.cfg.Registrar.Lookup(l.user.ID, l.user.Domain) {
		if b.Flow == nil || b.Profile != l.p.cfg.Name || b.ContactUser != target.User || b.ContactHost != hostPort(&target) || gone(b.Flow) {
			continue
		}
		if b.Flow.ID() == now.ID() {
			return
		}
		// A WebSocket's contact is random (RFC 7118 §5), so its owner has moved, even if the old connection has not been found dead
		// yet. That of a phone may be the private address of two.
		if b.WebSocket() || gone(now) {
			back = b.Flow
		}
	}
	if back != nil {
		s.Move(back)
	}
}

// gone says whether a connection is closed.
func gone(f *sip.Flow) bool {
	select {
	case <-f.Done():
		return true
	default:
		return false
	}
}
