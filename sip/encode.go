package sip

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
)

// encode writes a message. It is put together in a scratch buffer and copied, so that what is kept has the size it needs.
func (s *Stack) encode(m Message) ([]byte, error) {
	room := s.room()
	defer s.scratch.Put(room)
	b, err := appendMessage((*room)[:0], m)
	*room = b
	if err != nil {
		return nil, err
	}
	return bytes.Clone(b), nil
}

// room is a scratch buffer; who takes it puts it back into s.scratch.
func (s *Stack) room() *[]byte {
	if room, ok := s.scratch.Get().(*[]byte); ok {
		return room
	}
	return new([]byte)
}

// appendMessage writes a message behind b. Every name and value is checked: a CR, LF or NUL that came from elsewhere must never end a header line
// early. Content-Length is always written, last and right.
func appendMessage(b []byte, m Message) ([]byte, error) {
	var headers []Header
	switch m := m.(type) {
	case *Request:
		b = append(append(b, m.Method...), ' ')
		b = append(AppendURI(b, &m.Recipient), ' ')
		b, headers = append(b, m.SipVersion...), m.Headers()
	case *Response:
		b = append(append(b, m.SipVersion...), ' ')
		b = append(strconv.AppendInt(b, int64(m.StatusCode), 10), ' ')
		b, headers = append(b, m.Reason...), m.Headers()
	}
	if !clean(b) {
		return b, fmt.Errorf("%w: start line", ErrHeaderValue)
	}
	b = append(b, "\r\n"...)
	for _, h := range headers {
		if _, ok := h.(*ContentLengthHeader); ok {
			continue
		}
		name := h.Name()
		if !isToken(name) {
			return b, fmt.Errorf("%w: name %.40q", ErrHeaderValue, name)
		}
		if strings.EqualFold(name, "Content-Length") {
			continue
		}
		b = append(append(b, name...), ": "...)
		from := len(b)
		if b = appendValue(b, h); !clean(b[from:]) {
			return b, fmt.Errorf("%w: %s", ErrHeaderValue, name)
		}
		b = append(b, "\r\n"...)
	}
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(len(m.Body())), 10)
	return append(append(b, "\r\n\r\n"...), m.Body()...), nil
}

// clean says whether text can stand in a line.
func clean(text []byte) bool {
	return bytes.IndexByte(text, '\r') < 0 && bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, 0) < 0
}

func checkValue(name, value string) error {
	if strings.ContainsAny(value, "\r\n\x00") {
		return fmt.Errorf("%w: %s", ErrHeaderValue, name)
	}
	return nil
}

// sendable drops headers that must not be sent, for messages that have to go out all the same: BYE, CANCEL and refusals.
func (s *Stack) sendable(headers []Header) []Header {
	var good []Header
	for _, h := range headers {
		if !isToken(h.Name()) || checkValue(h.Name(), h.Value()) != nil {
			s.count.sendErrors.Add(1)
			continue
		}
		good = append(good, h)
	}
	return good
}

// quotable makes a display name safe to stand between quotes: what is not already escaped is.
func quotable(name string) string {
	for i := 0; i < len(name); i++ {
		if name[i] == '"' || (name[i] == '\\' && i == len(name)-1) {
			return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)
		}
		if name[i] == '\\' {
			i++
		}
	}
	return name
}

// newTag, newBranch and newCallID are unguessable: they are what authenticates a message of a dialog or an answer to a request.
func newTag() string    { return rand.Text()[:16] }
func newBranch() string { return "z9hG4bK" + rand.Text() }
func newCallID() string { return rand.Text() }

// headerNamed reports whether m has a header of that name.
func headerNamed(m Message, name string) bool { return FindHeader(m, name) != nil }

// decorate adds the headers every message carries unless the caller set them. FreeSWITCH names itself in User-Agent in responses too,
// sends neither Allow nor Supported in 100 and ACK, and neither do we.
func (s *Stack) decorate(m Message) {
	short := false
	switch m := m.(type) {
	case *Request:
		short = m.Method == ACK || m.Method == CANCEL
	case *Response:
		short = m.StatusCode == 100 || m.CSeq().MethodName == CANCEL
	}
	agent := s.agent.Load().header
	if agent != nil && !headerNamed(m, "User-Agent") && !headerNamed(m, "Server") {
		m.AppendHeader(agent)
	}
	if short {
		return
	}
	if s.allow != nil && !headerNamed(m, "Allow") {
		m.AppendHeader(s.allow)
	}
	if s.supported != nil && !headerNamed(m, "Supported") {
		m.AppendHeader(s.supported)
	}
}

// contact is the Contact we advertise on a flow. The transport parameter of both kinds of WebSocket is ws (RFC 7118 §5.2).
func (s *Stack) contact(f *Flow, user string) *ContactHeader {
	host, port := s.host(f)
	u := Uri{Scheme: "sip", User: user, Host: host, Port: port}
	transport := f.transport
	if transport == "wss" {
		transport = "ws"
	}
	u.UriParams = HeaderParams{{K: "transport", V: transport}}
	return &ContactHeader{Address: u}
}

// via is the Via of our requests on a flow, with rport (RFC 3581 §3).
func (s *Stack) via(f *Flow, branch string) *ViaHeader {
	host, port := s.host(f)
	params := HeaderParams{{K: "rport"}, {K: "branch", V: branch}}
	return &ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: strings.ToUpper(f.transport), Host: host, Port: port, Params: params}
}

// setBody sets body and type; a nil body sets none.
func setBody(m Message, contentType string, body []byte) {
	if len(body) == 0 {
		return
	}
	if contentType != "" {
		ct := ContentTypeHeader(contentType)
		m.AppendHeader(&ct)
	}
	m.SetBody(body)
}
