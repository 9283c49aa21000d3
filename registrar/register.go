package registrar

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/sip"
)

// Request is a REGISTER after authentication.
type Request struct {
	Profile      string
	User, Domain string        // the address of record
	MaxContacts  int           // 0: Config.MaxContacts
	MaxExpires   time.Duration // 0: Config.MaxExpires; shorter while the server is about to stop
	// Expires gives what is granted for what a client asks for, unless it signs off; nil: that.
	Expires func(asked time.Duration) time.Duration
	Refuse  bool // a contact too many is refused with 403; otherwise the one longest without a REGISTER makes room
	// StrictWildcard makes "Contact: *" remove all contacts of the user, as RFC 3261 has it, not only those of its connection.
	StrictWildcard bool
	Headers        []sip.Header // further headers for the response
}

// Serve answers a REGISTER, which the caller has authenticated. RFC 3261 §10.3.
func (r *Registrar) Serve(tx *sip.ServerTx, q Request) {
	reg, ok := newRegistration(tx.Request(), tx.Flow(), q)
	if !ok {
		r.respond(tx, q, refuse(http.StatusBadRequest, "Invalid Contact"))
		return
	}
	r.handle(reg, func(out outcome) { r.respond(tx, q, out) })
}

// handle applies a REGISTER, answers it and tells of it, in an order all see alike.
func (r *Registrar) handle(reg registration, respond func(outcome)) {
	r.events.Lock()
	defer r.events.Unlock()
	out := r.apply(reg)
	respond(out)
	r.emit(out.events)
}

func newRegistration(req *sip.Request, flow *sip.Flow, q Request) (registration, bool) {
	contacts, wildcard, ok := readContacts(req)
	callID, cseq := req.CallID(), req.CSeq()
	if !ok || callID == nil || cseq == nil {
		return registration{}, false
	}
	reg := registration{
		profile: q.Profile, user: q.User, domain: strings.ToLower(q.Domain), maxContacts: q.MaxContacts, maxExpires: q.MaxExpires,
		grant: q.Expires, refuse: q.Refuse,
		callID: callID.Value(), cseq: cseq.SeqNo, contacts: contacts, wildcard: wildcard, strict: q.StrictWildcard, request: req,
		from: source{
			flow: flow, id: flow.ID(), transport: flow.Transport(), remote: flow.RemoteAddr(), closed: flow.Done(),
		},
	}
	if h := sip.FindHeader(req, "User-Agent"); h != nil {
		reg.userAgent = truncate(h.Value(), 255)
	}
	if h := sip.FindHeader(req, "Expires"); h != nil {
		reg.expires, reg.hasExpires = parseExpires(h.Value())
	}
	return reg, true
}

func truncate(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// respond sends the answer to a REGISTER. All contacts of the address of record are listed, each with its expires.
func (r *Registrar) respond(tx *sip.ServerTx, q Request, out outcome) {
	now := time.Now()
	headers := make([]sip.Header, 0, len(out.bindings)+len(q.Headers)+2)
	for _, value := range out.bindings {
		headers = append(headers, sip.NewHeader("Contact", value))
	}
	if out.minExpires > 0 {
		headers = append(headers, sip.NewHeader("Min-Expires", strconv.Itoa(int(out.minExpires/time.Second))))
	}
	if out.status == http.StatusOK {
		headers = append(headers, r.dateHeader(now))
		if out.outbound && supports(tx.Request(), "outbound") { // RFC 5626 §6
			headers = append(headers, sip.NewHeader("Require", "outbound"))
		}
	}
	headers = append(headers, q.Headers...)
	if err := tx.Reply(out.status, out.phrase, headers...); err != nil {
		r.log.Debug("REGISTER not answered", "peer", tx.Flow().RemoteAddr(), "err", err)
	}
}

// dateHeader is the Date header of a second. Called with events held.
func (r *Registrar) dateHeader(now time.Time) sip.Header {
	if second := now.Unix(); r.date == nil || r.dateSecond != second {
		r.date, r.dateSecond = sip.NewHeader("Date", now.UTC().Format(http.TimeFormat)), second
	}
	return r.date
}

func supports(req *sip.Request, option string) bool {
	for h := range sip.FindHeaders(req, "Supported") {
		for o := range strings.SplitSeq(h.Value(), ",") {
			if strings.EqualFold(strings.TrimSpace(o), option) {
				return true
			}
		}
	}
	return false
}
