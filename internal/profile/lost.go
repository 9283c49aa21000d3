package profile

import (
	"time"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

// A browser's WebSocket can be gone while its media flows. Its call goes on for a while (websocket-reconnect-timeout); when the browser
// registers again with the same contact, its dialogs follow it, and what it has not answered is sent again.

// leftWait is the time for a peer that said it goes away (see sip.Flow.Left). A page that was closed or loaded again never comes back, and that is
// hanging up: browsers give pages no time to say BYE. But a proxy between says the same when it is restarted.
const leftWait = 4 * time.Second

// keep makes the dialogs of a user's leg follow that user's registrations until they are over and their BYE is answered.
func (l *leg) keep(s *sip.Session) {
	if l.user == nil || !websocket(s.Flow()) {
		return
	}
	key := userKey(l.user.ID, l.user.Domain)
	l.p.dialogsMu.Lock()
	if l.p.dialogs[key] == nil {
		l.p.dialogs[key] = map[*sip.Session]struct{}{}
	}
	l.p.dialogs[key][s] = struct{}{}
	l.p.dialogsMu.Unlock()
	s.OnForgotten(func() {
		l.p.dialogsMu.Lock()
		defer l.p.dialogsMu.Unlock()
		if delete(l.p.dialogs[key], s); len(l.p.dialogs[key]) == 0 {
			delete(l.p.dialogs, key)
		}
	})
}

func userKey(user, domain string) string { return user + "@" + domain }

func websocket(f *sip.Flow) bool { return f.Transport() == "ws" || f.Transport() == "wss" }

// comeBack moves the dialogs of a contact that registered on another connection there.
func (p *Profile) comeBack(b *registrar.Binding) {
	if b.Flow == nil || !b.WebSocket() {
		return
	}
	var sessions []*sip.Session
	p.dialogsMu.Lock()
	for s := range p.dialogs[userKey(b.User, b.Domain)] {
		sessions = append(sessions, s)
	}
	p.dialogsMu.Unlock()
	for _, s := range sessions {
		target := s.RemoteTarget()
		if b.ContactUser == target.User && b.ContactHost == hostPort(&target) && s.Flow().ID() != b.FlowID {
			s.Move(b.Flow)
		}
	}
}

// lost gives the peer of an answered call whose connection closed some time to come back.
func (l *leg) lost(s *sip.Session) {
	if !websocket(s.Flow()) {
		return // others can be called back, or need no connection
	}
	wait := l.p.view(l.p.cfg.Snapshot()).ReconnectTimeout
	if s.Flow().Left() && (wait <= 0 || wait > leftWait) {
		wait = leftWait
	}
	if wait <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || !l.answered {
		return
	}
	if l.patience != nil {
		l.patience.Stop()
	}
	l.patience = time.AfterFunc(wait, func() { l.gaveUp(s) })
}

// gaveUp ends a call whose peer did not come back. Its BYE reaches it when it comes back later.
func (l *leg) gaveUp(s *sip.Session) {
	if l.follow(s); !gone(s.Flow()) {
		return
	}
	if _, err := l.live(); err != nil {
		return
	}
	end := call.LegEnd{Cause: call.RecoveryOnTimerExpire, Status: 408, Phrase: "Connection Lost", Disposition: "send_bye"}
	if s.Flow().Left() {
		end = call.LegEnd{Cause: call.NormalClearing, Status: 200, Phrase: "OK", Disposition: "recv_bye"}
	}
	l.log.Info("the connection was lost and the peer did not come back", "left", s.Flow().Left())
	_ = s.Hangup(reasonHeader(end.Cause))
	l.end(end)
}
