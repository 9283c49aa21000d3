package profile

import (
	"cmp"
	"errors"
	"path"
	"strings"
	"sync"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/sip"
)

// OnProvisional implements sip.SessionHandler.
func (l *leg) OnProvisional(s *sip.Session, res *sip.Response) {
	h, ok := l.report()
	if !l.current(s) || !ok || res.StatusCode <= 100 {
		return
	}
	sdp := sdpOf(res)
	if sdp != nil {
		l.mu.Lock()
		l.early = sdp
		l.mu.Unlock()
	}
	h.LegProgress(res.StatusCode, sdp, l.p.replyVars(s.Flow(), res, "sip_ph_"))
}

// OnAnswer implements sip.SessionHandler.
func (l *leg) OnAnswer(s *sip.Session, res *sip.Response) {
	if !l.current(s) {
		_ = s.Hangup()
		return
	}
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return // our CANCEL crossed it: the stack ends it
	}
	l.answered = true
	h, sdp := l.handler, sdpOf(res)
	if sdp == nil {
		sdp = l.early // some gateways do not repeat it
	}
	l.mu.Unlock()
	vars := l.p.replyVars(s.Flow(), res, "sip_rh_")
	if sdp == nil {
		_ = s.Hangup(reasonHeader(call.IncompatibleDest))
		l.end(call.LegEnd{Cause: call.IncompatibleDest, Status: 488, Phrase: "Not Acceptable Here", Disposition: "send_bye", Vars: vars})
		return
	}
	if l.user != nil {
		for _, v := range userVariables(l.p.cfg.Snapshot(), l.user) {
			vars = append(vars, call.Variable{Name: v.Name, Value: v.Value})
		}
	}
	h.LegAnswered(sdp, vars)
}

// OnReject implements sip.SessionHandler.
func (l *leg) OnReject(s *sip.Session, res *sip.Response) {
	if !l.current(s) || l.challenged(s, res) || l.tooBrief(s, res) || unserved(res) && l.goElsewhere(s, true) {
		return
	}
	var vars []call.Variable
	if res.Via() != nil {
		vars = l.p.replyVars(s.Flow(), res, "sip_rh_")
	}
	if res.StatusCode < 400 {
		vars = append(vars, redirectVars(res)...)
	}
	l.end(call.LegEnd{
		Cause: causeOf(res.StatusCode), Status: res.StatusCode, Phrase: clean(res.Reason), Disposition: "recv_refuse", Vars: vars,
	})
}

// OnCancel implements sip.SessionHandler.
func (l *leg) OnCancel(_ *sip.Session, cancel *sip.Request) {
	var v vars
	if cancel != nil {
		v.wire("sip_reason", headerValue(cancel, "Reason"))
		v.custom("sip_h_", cancel)
	}
	l.end(call.LegEnd{Cause: call.OriginatorCancel, Status: 487, Phrase: "CANCEL", Disposition: "recv_cancel", Vars: v})
}

// OnAck implements sip.SessionHandler.
func (l *leg) OnAck(_ *sip.Session, ack *sip.Request) {
	if h, ok := l.report(); ok {
		h.LegConfirmed(sdpOf(ack))
	}
}

// OnAckTimeout implements sip.SessionHandler.
func (l *leg) OnAckTimeout(*sip.Session) {
	l.log.Warn("answer never acknowledged")
	l.end(call.LegEnd{Cause: call.RecoveryOnTimerExpire, Status: 408, Phrase: "ACK Timeout", Disposition: "send_bye"})
}

// OnExpired implements sip.SessionHandler.
func (l *leg) OnExpired(*sip.Session) {
	l.log.Warn("session timer ran out")
	l.end(call.LegEnd{Cause: call.RecoveryOnTimerExpire, Status: 408, Phrase: "Session Timer Expired", Disposition: "send_bye"})
}

// OnBye implements sip.SessionHandler.
func (l *leg) OnBye(_ *sip.Session, bye *sip.Request) {
	cause := call.NormalClearing
	var v vars
	if bye != nil {
		if c, ok := reasonCause(bye); ok {
			cause = c
		}
		v.wire("sip_reason", headerValue(bye, "Reason"))
		v.custom("sip_bye_h_", bye)
	}
	l.end(call.LegEnd{Cause: cause, Status: 200, Phrase: "OK", Disposition: "recv_bye", Vars: v})
}

// OnFlowClosed implements sip.SessionHandler. An answered call goes on: its media does not depend on the connection, and a client that
// reconnects takes its dialog over. A caller that vanished before the answer can neither be answered nor cancel, so the call ends; a
// callee that vanished is reported by OnReject.
func (l *leg) OnFlowClosed(s *sip.Session) {
	l.mu.Lock()
	vanished := !l.outbound && !l.answered && !l.ended
	l.mu.Unlock()
	if !vanished {
		l.lost(s)
		return
	}
	_ = s.Reject(487, "")
	l.end(call.LegEnd{Cause: call.OriginatorCancel, Status: 487, Phrase: "Connection Closed", Disposition: "recv_cancel"})
}

// OnReinvite implements sip.SessionHandler.
func (l *leg) OnReinvite(_ *sip.Session, r *sip.Reinvite) {
	h, ok := l.report()
	if !ok {
		_ = r.Reject(481, "")
		return
	}
	sdp := sdpOf(r.Request())
	if sdp == nil && len(r.Request().Body()) > 0 {
		_ = r.Reject(415, "", sip.NewHeader("Accept", "application/sdp"))
		return
	}
	var once sync.Once
	h.LegReoffer(sdp, func(answer []byte, err error) {
		once.Do(func() {
			if errors.Is(err, call.ErrOfferPending) { // the far party's own is under way, RFC 3261 §14.2
				_ = r.Reject(491, "")
				return
			}
			if err != nil || answer == nil {
				l.log.Warn("re-INVITE refused", "err", err)
				_ = r.Reject(488, "", reasonHeader(call.IncompatibleDest))
				return
			}
			if sdp == nil { // RFC 3261 §14.2: the 200 has our offer, the ACK the answer
				err = r.Offer(answer, func(ack *sip.Request) { h.LegReofferAnswer(sdpOf(ack)) })
			} else {
				err = r.Accept(answer)
			}
			if err != nil {
				l.log.Debug("re-INVITE not answered", "err", err)
			}
		})
	})
}

// OnRequest implements sip.SessionHandler.
func (l *leg) OnRequest(s *sip.Session, tx *sip.ServerTx) {
	if tx.Request().Method == sip.MESSAGE { // also while our BYE is under way
		l.message(tx)
		return
	}
	h, ok := l.report()
	if !ok {
		l.p.respond(tx, 481, "")
		return
	}
	switch tx.Request().Method {
	case sip.INFO:
		l.info(h, tx)
	case sip.OPTIONS:
		l.p.respond(tx, 200, "", sip.NewHeader("Accept", "application/sdp"))
	case sip.UPDATE:
		l.update(h, tx)
	case sip.NOTIFY:
		l.notified(tx)
	case sip.REFER:
		l.refer(h, s, tx)
	default:
		l.p.respond(tx, 405, "", sip.NewHeader("Allow", allow()))
	}
}

// info takes a digit (RFC 6086 calls this use legacy; browsers of Rocket.Chat know no other) and lets other known bodies pass. With proxy-info all
// goes to the other party instead, while there is one.
func (l *leg) info(h call.LegHandler, tx *sip.ServerTx) {
	req := tx.Request()
	kind := contentType(req)
	h.LegInfo(infoOf(req))
	if l.p.view(l.p.cfg.Snapshot()).ProxyInfo {
		h.LegPass(call.Request{Method: "INFO", ContentType: contentType(req), Body: req.Body()}, func(passed bool) {
			if passed {
				l.p.respond(tx, 200, "")
				return
			}
			l.takeInfo(h, tx, kind)
		})
		return
	}
	l.takeInfo(h, tx, kind)
}

// takeInfo serves an INFO that is for us.
func (l *leg) takeInfo(h call.LegHandler, tx *sip.ServerTx, kind string) {
	req := tx.Request()
	if order := headerValue(req, "Record"); order != "" {
		l.record(h, tx, strings.EqualFold(strings.TrimSpace(order), "on"))
		return
	}
	digit, duration, ok := parseDTMF(kind, req.Body())
	switch {
	case ok:
		h.LegDTMF(digit, duration)
		l.p.respond(tx, 200, "")
	case strings.HasPrefix(kind, "application/dtmf"):
		l.p.respond(tx, 400, "Bad DTMF")
	case len(req.Body()) == 0, kind == "application/media_control+xml": // a video picture request: nothing to do
		l.p.respond(tx, 200, "")
	default:
		l.p.respond(tx, 415, "", sip.NewHeader("Accept", "application/dtmf-relay, application/dtmf"))
	}
}

// infoOf is what an INFO says, in the names of RECV_INFO (sofia.c create_info_event).
func infoOf(req *sip.Request) call.Info {
	m := call.Info{Body: req.Body()}
	add := func(name, value string) {
		if value != "" {
			m.Headers = append(m.Headers, [2]string{name, value})
		}
	}
	add("SIP-Content-Type", contentType(req))
	if f := req.From(); f != nil {
		add("SIP-From-User", f.Address.User)
		add("SIP-From-Host", f.Address.Host)
	}
	if to := req.To(); to != nil {
		add("SIP-To-User", to.Address.User)
		add("SIP-To-Host", to.Address.Host)
	}
	if c := req.Contact(); c != nil {
		add("SIP-Contact-User", c.Address.User)
		add("SIP-Contact-Host", c.Address.Host)
	}
	for _, name := range []string{"Call-Info", "Alert-Info"} {
		if h := sip.FindHeader(req, name); h != nil {
			add(name, h.Value())
		}
	}
	return m
}

// record asks the channel for what a phone's record key asks: Record: on, as Snom's firmware has it, or off. record-path and record-template name the file.
func (l *leg) record(h call.LegHandler, tx *sip.ServerTx, on bool) {
	view := l.p.view(l.p.cfg.Snapshot())
	if view.RecordTemplate == "" {
		l.p.respond(tx, 488, "Recording not enabled")
		return
	}
	template := ""
	if on {
		template = path.Join(cmp.Or(view.RecordPath, "${recordings_dir}"), view.RecordTemplate)
	}
	h.LegRecord(template, func(refusal string) {
		if refusal != "" {
			l.p.respond(tx, 488, refusal)
			return
		}
		l.p.respond(tx, 200, "")
	})
}

// update answers UPDATE (RFC 3311): without SDP it is a session refresh; with SDP in an answered session it is an offer.
func (l *leg) update(h call.LegHandler, tx *sip.ServerTx) {
	req := tx.Request()
	if len(req.Body()) == 0 {
		l.p.respond(tx, 200, "")
		return
	}
	sdp := sdpOf(req)
	l.mu.Lock()
	answered := l.answered
	l.mu.Unlock()
	if sdp == nil || !answered {
		l.p.respond(tx, 488, "", reasonHeader(call.IncompatibleDest))
		return
	}
	var once sync.Once
	h.LegReoffer(sdp, func(answer []byte, err error) {
		once.Do(func() {
			if err == nil && answer == nil {
				err = errors.New("no answer")
			}
			if errors.Is(err, call.ErrOfferPending) {
				l.p.respond(tx, 491, "")
				return
			}
			if err != nil {
				l.log.Warn("UPDATE refused", "err", err)
				l.p.respond(tx, 488, "", reasonHeader(call.IncompatibleDest))
				return
			}
			res := tx.NewResponse(200, "", sip.NewHeader("Content-Type", "application/sdp"))
			res.SetBody(answer)
			if err := tx.Respond(res); err != nil {
				l.log.Debug("UPDATE not answered", "err", err)
			}
		})
	})
}
