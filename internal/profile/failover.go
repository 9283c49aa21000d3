package profile

import (
	"time"

	"github.com/talkpath/talkpath/sip"
)

// signTime is how long a place of several may keep silent, without so much as 100, before the next one is tried. RFC 3263 §4.3 waits for the
// transaction's end, 32 s over UDP, which no caller does.
const signTime = 4 * time.Second

// awaitSign gives the place a time to show that it is there. Called with l.mu held.
func (l *leg) awaitSign(s *sip.Session) {
	l.heard = false
	if l.elsewhere == nil {
		return
	}
	l.silence = time.AfterFunc(signTime, func() {
		l.mu.Lock()
		silent := !l.heard
		l.mu.Unlock()
		if silent && l.goElsewhere(s, true) {
			_ = s.Hangup() // what comes of it is nobody's any more
		}
	})
}

// current says whether a session is the one that counts, and notes that the callee's server gave a sign.
func (l *leg) current(s *sip.Session) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != nil && l.session != s {
		return false
	}
	l.heard = true
	if l.silence != nil {
		l.silence.Stop()
	}
	return true
}

// goElsewhere tries the callee's next place, because this one does not answer or cannot serve (503, RFC 3263 §4.3). It says whether it does.
func (l *leg) goElsewhere(s *sip.Session, down bool) bool {
	l.mu.Lock()
	next := l.elsewhere
	if next == nil || l.ended || l.answered || l.early != nil || l.session != s {
		l.mu.Unlock()
		return false
	}
	l.elsewhere = nil
	l.mu.Unlock()
	flow := s.Flow()
	if down {
		l.p.known.fail(place{flow.Transport(), flow.RemoteAddr()})
	}
	l.log.Info("the callee's next place is tried", "instead of", flow.RemoteAddr())
	next()
	return true
}

// unserved is a final response that sends a request to the next place: 503, or none at all.
func unserved(res *sip.Response) bool {
	return res.StatusCode == 503 || res.Via() == nil && (res.StatusCode == 408 || res.StatusCode >= 500)
}
