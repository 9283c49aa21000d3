package profile

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/digest"
)

// errEnded is what commands to a leg that is over return.
var errEnded = errors.New("profile: the leg has ended")

// leg is one INVITE session as the call core drives it (call.Leg) and as the stack reports on it (sip.SessionHandler). Both
// directions share it: after the answer there is no difference left.
type leg struct {
	p        *Profile
	log      *slog.Logger
	outbound bool
	user     *config.User // the peer, when it is a user of the directory, else nil

	gateway *gateway // whose call it is, else nil

	// mu guards all below; handler and session are set once. It is not held while the core or the stack is called, but for the set-up
	// of a new leg.
	mu       sync.Mutex
	session  *sip.Session
	handler  call.LegHandler
	early    []byte // SDP of a provisional response
	answered bool
	extra    map[string][]call.Variable // see SetHeaders
	referred bool                       // we sent REFER: NOTIFYs are expected
	told     chan struct{}              // closed when the peer has answered what came of its REFER; nil: it sent none
	patience *time.Timer                // runs while the connection is lost
	ended    bool
	// again repeats the INVITE of an outbound leg with a proof of the password; credentials and proofs are what answers challenges.
	again       func(s *sip.Session, proof sip.Header) error
	credentials credentials
	client      digest.Client
	proofs      int
	longer      bool        // the INVITE was repeated with a longer session interval
	elsewhere   func()      // tries the callee's next place; nil: there is none
	heard       bool        // the callee, or its server, is there
	silence     *time.Timer // until elsewhere
	abandon     func()      // cancels a dial that has not come to an INVITE yet
}

// Ring implements call.Leg.
func (l *leg) Ring(sdp []byte) error {
	s, err := l.live()
	if err != nil {
		return err
	}
	status := 180
	if sdp != nil {
		status = 183
	}
	if err := s.Ring(status, "", sdp, l.headers("sip_ph_")...); err != nil {
		return fmt.Errorf("profile: ring: %w", err)
	}
	return nil
}

// Answer implements call.Leg.
func (l *leg) Answer(sdp []byte) error {
	s, err := l.live()
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.answered = true
	l.mu.Unlock()
	if err := s.Accept(sdp, l.headers("sip_rh_")...); err != nil {
		return fmt.Errorf("profile: answer: %w", err)
	}
	return nil
}

// Hangup implements call.Leg.
func (l *leg) Hangup(h call.HangupReason) {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return
	}
	l.over()
	s, answered, abandon := l.session, l.answered, l.abandon
	l.mu.Unlock()
	if !answered {
		l.failed()
	}
	if abandon != nil {
		abandon()
	}
	if s == nil {
		return
	}
	prefix := "sip_bye_h_"
	if !answered && !l.outbound {
		prefix = "sip_rh_"
	}
	reason := l.headers(prefix)
	if !h.Silent {
		reason = append(reason, reasonHeader(h.Cause))
	}
	var err error
	switch {
	case answered:
		l.goodbye(s, reason)
	case l.outbound:
		err = s.Hangup(reason...)
	default:
		status, phrase := refusal(h)
		err = s.Reject(status, phrase, reason...)
	}
	if err != nil {
		l.log.Debug("hang-up not sent", "cause", string(h.Cause), "err", err)
	}
}

// refusal is the final response for a call that was not answered. A status that came from the other leg is passed on, but not one that
// asks for a password: it would be asked of the wrong party.
func refusal(h call.HangupReason) (int, string) {
	status := h.Status
	if status < 400 || status > 699 || status == 401 || status == 407 {
		return statusOf(h.Cause), ""
	}
	return status, clean(h.Phrase)
}

// Reoffer implements call.Leg.
func (l *leg) Reoffer(sdp []byte, done func(answer []byte, err error)) error {
	s, err := l.live()
	if err != nil {
		return err
	}
	return l.reinvite(s, sdp, done)
}

func (l *leg) reinvite(s *sip.Session, sdp []byte, done func(answer []byte, err error), headers ...sip.Header) error {
	l.follow(s)
	err := s.Reinvite(sdp, func(res *sip.Response) {
		if answer := sdpOf(res); res.StatusCode < 300 && answer != nil {
			done(answer, nil)
			return
		}
		done(nil, fmt.Errorf("profile: re-INVITE: %d %s", res.StatusCode, res.Reason))
	}, headers...)
	if errors.Is(err, sip.ErrPending) {
		return call.ErrOfferPending
	}
	if err != nil {
		return fmt.Errorf("profile: re-INVITE: %w", err)
	}
	return nil
}

// Identify implements call.Identifier: the new party is asserted in a re-INVITE (RFC 3325 §9.1). Rocket.Chat's trunk shows it; browsers that are
// connected here learn by a message and are spared a renegotiation.
func (l *leg) Identify(name, number string, offer func() ([]byte, error), done func(answer []byte, err error)) error {
	s, err := l.live()
	if err != nil || s.Flow().Transport() == "ws" || s.Flow().Transport() == "wss" {
		return err
	}
	uri := l.p.contact(s.Flow()).Address
	uri.User, uri.UriParams = escapeUser(number), nil
	sdp, err := offer()
	if err != nil {
		return err
	}
	return l.reinvite(s, sdp, done, sip.NewHeader("P-Asserted-Identity", `"`+quoteName(name)+`" <`+uri.String()+">"))
}

// SendInfo implements call.Leg.
func (l *leg) SendInfo(contentType string, body []byte) error {
	s, err := l.live()
	if err != nil {
		return err
	}
	l.follow(s)
	if err := s.Send("INFO", contentType, body, nil, func(*sip.Response) {}); err != nil {
		return fmt.Errorf("profile: INFO: %w", err)
	}
	return nil
}

// Request implements call.Leg.
func (l *leg) Request(r call.Request) error {
	s, err := l.live()
	if err != nil {
		return err
	}
	l.follow(s)
	var headers []sip.Header
	for _, h := range r.Headers {
		if name, value := clean(h.Name), clean(h.Value); name != "" && value != "" {
			headers = append(headers, sip.NewHeader(name, value))
		}
	}
	if err := s.Send(r.Method, r.ContentType, r.Body, headers, func(*sip.Response) {}); err != nil {
		return fmt.Errorf("profile: %s: %w", r.Method, err)
	}
	return nil
}

// begin sets the session. Called with mu held.
func (l *leg) begin(s *sip.Session) {
	l.session = s
	l.keep(s)
}

// over marks the leg as ended. Called with mu held.
func (l *leg) over() {
	if l.patience != nil {
		l.patience.Stop()
	}
	l.ended = true
}

// live gives the session of a leg that is not over.
func (l *leg) live() (*sip.Session, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.session == nil {
		return nil, errEnded
	}
	return l.session, nil
}

// report gives the handler of a leg that is not over.
func (l *leg) report() (call.LegHandler, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.handler, !l.ended && l.handler != nil
}

// end reports the end of the leg, once.
func (l *leg) end(e call.LegEnd) {
	l.mu.Lock()
	h, ended, answered := l.handler, l.ended, l.answered
	l.over()
	l.mu.Unlock()
	if !ended {
		if !answered {
			l.failed()
		}
	}
	if !ended && h != nil {
		h.LegEnded(e)
	}
}
