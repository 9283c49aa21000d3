package sip

import (
	"strconv"
	"strings"
	"time"
)

// SessionTimers are the keep-alives of answered sessions (RFC 4028).
type SessionTimers struct {
	// On honours what peers ask for; off, their requests for timers are not answered.
	On bool
	// Expires is the interval to ask for, and the longest granted; 0 asks for none. Browsers, which come by WebSocket, are not asked.
	Expires time.Duration
	// MinSE is the shortest interval accepted, at least and by default 90 s; shorter ones are refused with 422.
	MinSE time.Duration
}

const leastSE = 90 * time.Second // RFC 4028 §4

func (t SessionTimers) min() time.Duration { return max(t.MinSE, leastSE) }

// keepAlive is a session's timer. Guarded by Session.mu.
type keepAlive struct {
	interval time.Duration // 0: none agreed on
	ours     bool          // we refresh
	update   bool          // the peer allows UPDATE
	sdp      []byte        // our last description
	refresh  *time.Timer
	expiry   *time.Timer
}

// sessionExpires reads Session-Expires or x: the interval, 0 when there is none or it cannot be read, and who shall refresh.
func sessionExpires(m Message) (d time.Duration, refresher string) {
	value := ""
	for _, name := range []string{"Session-Expires", "x"} {
		if h := FindHeader(m, name); h != nil {
			value = h.Value()
		}
	}
	first, params, _ := strings.Cut(value, ";")
	for p := range strings.SplitSeq(params, ";") {
		if k, v, _ := strings.Cut(strings.TrimSpace(p), "="); strings.EqualFold(k, "refresher") {
			refresher = strings.ToLower(strings.TrimSpace(v))
		}
	}
	return deltaSeconds(first), refresher
}

func minSE(m Message) time.Duration {
	if h := FindHeader(m, "Min-SE"); h != nil {
		first, _, _ := strings.Cut(h.Value(), ";")
		return deltaSeconds(first)
	}
	return 0
}

func deltaSeconds(s string) time.Duration {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// lists reports whether a comma-separated header names a token.
func lists(m Message, header, token string) bool {
	for h := range FindHeaders(m, header) {
		for v := range strings.SplitSeq(h.Value(), ",") {
			if strings.EqualFold(strings.TrimSpace(v), token) {
				return true
			}
		}
	}
	return false
}

// tooBrief is the refusal of an INVITE or UPDATE whose session interval is too small (RFC 4028 §9); nil when it is not.
func (s *Stack) tooBrief(r *Request) []Header {
	t := s.cfg.SessionTimers
	if !t.On || r.Method != INVITE && r.Method != UPDATE {
		return nil
	}
	if d, _ := sessionExpires(r); d > 0 && d < t.min() {
		return []Header{NewHeader("Min-SE", seconds(t.min()))}
	}
	return nil
}

// askForTimer adds what a first INVITE asks for. A Session-Expires that is there came from a 422.
func (s *Stack) askForTimer(req *Request, f *Flow) {
	t := s.cfg.SessionTimers
	switch {
	case headerNamed(req, "Session-Expires"):
		d, _ := sessionExpires(req)
		req.AppendHeader(NewHeader("Min-SE", seconds(max(d, t.min()))))
	case t.On && t.Expires > 0 && f.transport != "ws" && f.transport != "wss":
		req.AppendHeader(NewHeader("Session-Expires", seconds(max(t.Expires, t.min()))))
		req.AppendHeader(NewHeader("Min-SE", seconds(t.min())))
	}
}

// timerAnswerLocked decides on the timer that a request asks for, and gives the headers of its 2xx (RFC 4028 §9).
func (s *Session) timerAnswerLocked(req *Request) []Header {
	t := s.stack.cfg.SessionTimers
	if !t.On {
		return nil
	}
	s.alive.update = s.alive.update || lists(req, "Allow", "UPDATE")
	can := lists(req, "Supported", "timer") || lists(req, "k", "timer") || lists(req, "Require", "timer")
	d, refresher := sessionExpires(req)
	if d == 0 && can {
		if d = s.alive.interval; d == 0 {
			d = t.Expires
		}
	}
	if d == 0 {
		s.aliveLocked(s.alive.interval, s.alive.ours) // nothing asked: as it was
		return nil
	}
	if t.Expires > 0 && t.Expires < d {
		d = max(t.Expires, minSE(req), t.min())
	}
	if !can {
		refresher = "uas"
	} else if refresher == "" {
		refresher = "uac"
	}
	s.aliveLocked(d, refresher == "uas")
	hs := []Header{NewHeader("Session-Expires", seconds(d)+";refresher="+refresher)}
	if refresher == "uac" {
		hs = append(hs, NewHeader("Require", "timer"))
	}
	return hs
}

// timerResponseLocked takes what the 2xx to our INVITE or UPDATE says.
func (s *Session) timerResponseLocked(res *Response) {
	if !s.stack.cfg.SessionTimers.On {
		return
	}
	s.alive.update = s.alive.update || lists(res, "Allow", "UPDATE")
	d, refresher := sessionExpires(res)
	if d == 0 {
		if s.alive.ours {
			s.aliveLocked(s.alive.interval, true) // it does not know timers, and answers our refreshes
		}
		return
	}
	s.aliveLocked(d, refresher != "uas")
}

// aliveLocked (re)starts the timer.
func (s *Session) aliveLocked(d time.Duration, ours bool) {
	s.stopAliveLocked()
	s.alive.interval, s.alive.ours = d, ours
	if d == 0 {
		return
	}
	if ours {
		s.alive.refresh = s.stack.after(d/2, s.refresh)
	}
	s.alive.expiry = s.stack.after(d-min(32*time.Second, d/3), s.expired) // RFC 4028 §10
}

func (s *Session) stopAliveLocked() {
	for _, t := range []*time.Timer{s.alive.refresh, s.alive.expiry} {
		if t != nil {
			t.Stop()
		}
	}
}

// timerHeadersLocked are those of our re-INVITEs and UPDATEs.
func (s *Session) timerHeadersLocked() []Header {
	if s.alive.interval == 0 {
		return nil
	}
	refresher := "uas"
	if s.alive.ours {
		refresher = "uac"
	}
	return []Header{NewHeader("Session-Expires", seconds(s.alive.interval)+";refresher="+refresher), NewHeader("Min-SE", seconds(s.stack.cfg.SessionTimers.min()))}
}

// refreshAgain is how long after a refresh that failed for the moment it is tried again.
const refreshAgain = 5 * time.Second

// refresh is our refresh: UPDATE where the peer takes it, since a re-INVITE costs more, else a re-INVITE with the description as it is.
func (s *Session) refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != sessionConfirmed || s.hungUp || !s.alive.ours {
		return
	}
	err := ErrPending
	if s.alive.update {
		err = s.sendLocked(func() *Request { return s.newRequestLocked(UPDATE) }, s.refreshed)
	} else if !s.retrying {
		err = s.reinviteLocked(s.alive.sdp, nil, s.refreshed, 1)
	}
	if err != nil {
		s.alive.refresh = s.stack.after(refreshAgain, s.refresh)
	}
}

// refreshed takes the response to a refresh. What it says was taken already when it is a 2xx to INVITE.
func (s *Session) refreshed(res *Response) {
	if res.StatusCode < 200 {
		return
	}
	s.mu.Lock()
	gone := false
	switch {
	case s.state != sessionConfirmed:
	case res.StatusCode < 300:
		s.refreshLocked(res)
		s.timerResponseLocked(res)
	case res.StatusCode == 422:
		if d := minSE(res); d > s.alive.interval {
			s.alive.interval = d
			s.alive.refresh = s.stack.after(0, s.refresh)
		}
	case res.StatusCode == 481, res.StatusCode == 408: // RFC 3261 §12.2.1.2
		gone = true
	case res.StatusCode == 405 || res.StatusCode == 501:
		s.alive.update = false
		s.alive.refresh = s.stack.after(0, s.refresh)
	default:
		s.alive.refresh = s.stack.after(refreshAgain, s.refresh)
	}
	s.mu.Unlock()
	if gone {
		s.expired()
	}
}

// expired ends a session that nobody refreshed.
func (s *Session) expired() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != sessionConfirmed || s.hungUp {
		return
	}
	_ = s.byeLocked([]Header{NewHeader("Reason", `Q.850;cause=102;text="RECOVERY_ON_TIMER_EXPIRE"`)})
	s.post(func() { s.handler.OnExpired(s) })
}
