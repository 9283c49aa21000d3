package profile

import (
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/sip"
)

// seqGap is how far the CSeq of a BYE sent past its session is above what the session may have used: RFC 3261 §12.2.2 asks only that
// it is higher.
const seqGap = 1 << 16

// farewellElsewhere ends an answered call whose connection is gone when the client has come back on another: a browser that lost its
// WebSocket registers again with the same contact, but sends nothing in the dialog by itself, and would show the call for ever. It says
// whether a BYE was sent.
func (l *leg) farewellElsewhere(s *sip.Session, reason []sip.Header) bool {
	select {
	case <-s.Flow().Done():
	default:
		return false
	}
	if l.user == nil || len(s.Request().GetHeaders("Record-Route")) > 0 {
		return false
	}
	flow := l.p.returned(l.user, s)
	if flow == nil {
		return false
	}
	bye := l.bye(s)
	for _, h := range reason {
		bye.AppendHeader(h)
	}
	if err := l.p.stack.Send(bye, flow, func(*sip.Response) {}); err != nil {
		l.log.Debug("BYE not sent", "err", err)
		return false
	}
	return true
}

// returned finds the living flow on which the peer of s has registered the contact it has in the dialog.
func (p *Profile) returned(u *config.User, s *sip.Session) *sip.Flow {
	target := s.RemoteTarget()
	for _, b := range p.cfg.Registrar.Lookup(u.ID, u.Domain) {
		if b.Flow == nil || b.Profile != p.cfg.Name || b.ContactUser != target.User || b.ContactHost != hostPort(&target) {
			continue
		}
		select {
		case <-b.Flow.Done():
		default:
			return b.Flow
		}
	}
	return nil
}

// bye builds the BYE of a session from its dialog's identifiers.
func (l *leg) bye(s *sip.Session) *sip.Request {
	invite := s.Request()
	req := sip.NewRequest(sip.BYE, s.RemoteTarget())
	from, to := invite.From(), invite.To()
	local := &sip.FromHeader{DisplayName: from.DisplayName, Address: *from.Address.Clone(), Params: from.Params.Clone()}
	remote := &sip.ToHeader{DisplayName: to.DisplayName, Address: *to.Address.Clone(), Params: sip.HeaderParams{{K: "tag", V: s.RemoteTag()}}}
	seq := uint32(seqGap)
	if l.outbound {
		seq += invite.CSeq().SeqNo
	} else {
		local = &sip.FromHeader{DisplayName: to.DisplayName, Address: *to.Address.Clone(), Params: sip.HeaderParams{{K: "tag", V: s.LocalTag()}}}
		remote = &sip.ToHeader{DisplayName: from.DisplayName, Address: *from.Address.Clone(), Params: from.Params.Clone()}
	}
	id := sip.CallIDHeader(s.CallID())
	req.AppendHeader(local)
	req.AppendHeader(remote)
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: sip.BYE})
	return req
}
