package sip

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Reply sends what Respond(NewResponse(code, reason, headers...)) sends, without making a Response of it: the answer to most requests has no body
// and repeats what the request says.
func (tx *ServerTx) Reply(code int, reason string, headers ...Header) error {
	if !tx.plain(code) {
		return tx.Respond(tx.NewResponse(code, reason, headers...))
	}
	room := tx.stack.room()
	defer tx.stack.scratch.Put(room)
	if err := tx.write(room, code, reason, headers); err != nil {
		return err
	}
	return tx.respond(code, bytes.Clone(*room))
}

// Refuse replies and keeps nothing (RFC 3261 §8.2.7): for refusals and challenges, which cost who asks for them less than us. A retransmission of
// the request is served anew, and the response is not repeated (§26.3.2.4), so a forged source gets nothing but an echo. A transaction that has been
// handed on is kept all the same.
func (tx *ServerTx) Refuse(code int, reason string, headers ...Header) error {
	if !tx.drop() {
		return tx.Reply(code, reason, headers...)
	}
	if tx.req.Method == INVITE {
		tx.tag = tx.stack.statelessTag(tx.key) // its ACK shall be known by the tag, see receiveAck
	}
	room := tx.stack.room()
	defer tx.stack.scratch.Put(room)
	if err := tx.write(room, code, reason, headers); err != nil {
		return err
	}
	if tx.flow.send1 == nil { // it will be written later
		return tx.flow.send(bytes.Clone(*room))
	}
	return tx.flow.send(*room)
}

// drop forgets a transaction that waits for its final response, unless others count on it.
func (tx *ServerTx) drop() bool {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	handedOn := tx.enrolled && tx.req.Method != INVITE || tx.session != nil
	if tx.state != serverProceeding || handedOn {
		return false
	}
	if tx.enrolled {
		tx.linger.Stop()
		tx.settledLocked()
		tx.forget()
	}
	tx.state = serverTerminated
	return true
}

// plain says whether completeResponse has nothing to add to a response.
func (tx *ServerTx) plain(code int) bool {
	switch {
	case code < 200 || code >= 300:
		return code >= 300
	case tx.extra != nil:
		return false
	}
	switch tx.req.Method {
	case INVITE, UPDATE, SUBSCRIBE, REFER, NOTIFY:
		return false
	}
	return true
}

// write puts a response into room. What comes from the request has been checked when it was parsed.
func (tx *ServerTx) write(room *[]byte, code int, reason string, headers []Header) error {
	b := (*room)[:0]
	defer func() { *room = b }()
	if reason == "" {
		reason = Phrase(code)
	}
	b = append(strconv.AppendInt(append(b, "SIP/2.0 "...), int64(code), 10), ' ')
	b = append(append(b, reason...), "\r\n"...)
	b = tx.appendOwn(b)
	if strings.ContainsAny(reason, "\r\n\x00") {
		return tx.refused("start line")
	}
	var agent, allow, supported bool
	for _, h := range headers {
		name := h.Name()
		if !isToken(name) {
			return tx.refused(fmt.Sprintf("name %.40q", name))
		}
		switch {
		case strings.EqualFold(name, "User-Agent"), strings.EqualFold(name, "Server"):
			agent = true
		case strings.EqualFold(name, "Allow"):
			allow = true
		case strings.EqualFold(name, "Supported"):
			supported = true
		case strings.EqualFold(name, "Content-Length"):
			continue
		}
		from := len(b) + len(name) + 2
		if b = appendHeader(b, h); !clean(b[from : len(b)-2]) {
			return tx.refused(name)
		}
	}
	s, short := tx.stack, tx.req.CSeq().MethodName == CANCEL
	if h := s.agent.Load().header; h != nil && !agent {
		b = appendHeader(b, h)
	}
	if s.allow != nil && !allow && !short {
		b = appendHeader(b, s.allow)
	}
	if s.supported != nil && !supported && !short {
		b = appendHeader(b, s.supported)
	}
	b = append(b, "Content-Length: 0\r\n\r\n"...)
	return nil
}

func (tx *ServerTx) refused(what string) error {
	tx.stack.count.sendErrors.Add(1)
	return fmt.Errorf("%w: %s", ErrHeaderValue, what)
}

// appendOwn writes the headers that a response has from its request.
func (tx *ServerTx) appendOwn(b []byte) []byte {
	r, top := tx.req, true
	for _, h := range r.Headers() {
		if v, ok := h.(*ViaHeader); ok {
			if top {
				b = append(appendViaFrom(append(b, "Via: "...), v, tx.flow), "\r\n"...)
			} else {
				b = appendHeader(b, v)
			}
			top = false
		}
	}
	b = appendHeader(b, r.From())
	to := r.To()
	b = appendAddress(append(b, "To: "...), to.DisplayName, &to.Address, to.Params)
	if tx.tag != "" && param(to.Params, "tag") == "" {
		b = append(append(b, ";tag="...), tx.tag...)
	}
	b = append(b, "\r\n"...)
	b = appendHeader(appendHeader(b, r.CallID()), r.CSeq())
	for _, h := range r.Headers() {
		if rr, ok := h.(*RecordRouteHeader); ok {
			b = appendHeader(b, rr)
		}
	}
	return b
}

// appendHeader writes a header and the end of its line.
func appendHeader(b []byte, h Header) []byte {
	b = append(append(b, h.Name()...), ": "...)
	return append(appendValue(b, h), "\r\n"...)
}

// appendViaFrom writes what viaFrom makes of a Via.
func appendViaFrom(b []byte, v *ViaHeader, f *Flow) []byte {
	var buf [64]byte
	ip := f.remote.Addr().AppendTo(buf[:0])
	rport := f.Reliable()
	for _, kv := range v.Params {
		rport = rport || strings.EqualFold(kv.K, "rport")
	}
	received := rport || v.Host != string(ip)
	b = appendHop(b, v)
	for _, kv := range v.Params {
		switch {
		case rport && kv.K == "rport":
			b = strconv.AppendUint(append(b, ";rport="...), uint64(f.remote.Port()), 10)
			rport = false
		case received && kv.K == "received":
			b = append(append(b, ";received="...), ip...)
			received = false
		default:
			b = appendParam(append(b, ';'), kv)
		}
	}
	if rport {
		b = strconv.AppendUint(append(b, ";rport="...), uint64(f.remote.Port()), 10)
	}
	if received {
		b = append(append(b, ";received="...), ip...)
	}
	return b
}
