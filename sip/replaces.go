package sip

import "strings"

// Replaces names a dialog that another takes the place of (RFC 3891 §6.1), seen from who receives the header.
type Replaces struct {
	CallID    string
	ToTag     string // of the receiver
	FromTag   string // of the receiver's peer
	EarlyOnly bool   // only while it rings
}

// ParseReplaces reads the value of a Replaces header. Both tags are required.
func ParseReplaces(value string) (Replaces, bool) {
	id, rest, _ := strings.Cut(value, ";")
	r := Replaces{CallID: strings.TrimSpace(id)}
	for p := range strings.SplitSeq(rest, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch k, v = strings.TrimSpace(k), strings.TrimSpace(v); {
		case strings.EqualFold(k, "early-only"):
			r.EarlyOnly = true
		case strings.EqualFold(k, "to-tag") && r.ToTag == "":
			r.ToTag = v
		case strings.EqualFold(k, "from-tag") && r.FromTag == "":
			r.FromTag = v
		case strings.EqualFold(k, "to-tag"), strings.EqualFold(k, "from-tag"):
			return r, false
		}
	}
	return r, r.CallID != "" && r.ToTag != "" && r.FromTag != ""
}

// Replaced finds the session of the dialog that r names, nil when there is none or it has ended. early says that it was not answered.
func (s *Stack) Replaced(r Replaces) (session *Session, early bool) {
	session, ok := s.sessions.get(sessionKey(r.CallID, r.ToTag))
	if !ok {
		return nil, false
	}
	session.mu.Lock()
	defer session.mu.Unlock()
	if session.state == sessionEnded || session.hungUp || session.remoteTag != r.FromTag {
		return nil, false
	}
	return session, session.state == sessionEarly
}

// Handler is what the session reports to.
func (s *Session) Handler() SessionHandler { return s.handler }

// Outgoing says that we sent the INVITE.
func (s *Session) Outgoing() bool { return s.uac }
