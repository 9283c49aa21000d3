package sip

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
)

// encode writes a message. Every name and value is checked: a CR, LF or NUL that came from elsewhere must never end a header line
// early. Content-Length is always written, last and right.
func encode(m Message) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(1024)
	var headers []Header
	start := ""
	switch m := m.(type) {
	case *Request:
		start, headers = m.StartLine(), m.Headers()
	case *Response:
		start, headers = m.StartLine(), m.Headers()
	}
	if err := checkValue("start line", start); err != nil {
		return nil, err
	}
	b.WriteString(start)
	b.WriteString("\r\n")
	for _, h := range headers {
		if _, ok := h.(*ContentLengthHeader); ok {
			continue
		}
		name, value := h.Name(), h.Value()
		if !isToken(name) {
			return nil, fmt.Errorf("%w: name %.40q", ErrHeaderValue, name)
		}
		if strings.EqualFold(name, "Content-Length") {
			continue
		}
		if err := checkValue(name, value); err != nil {
			return nil, err
		}
		b.WriteString(name)
		b.WriteString(": ")
		b.WriteString(value)
		b.WriteString("\r\n")
	}
	b.WriteString("Content-Length: ")
	b.WriteString(strconv.Itoa(len(m.Body())))
	b.WriteString("\r\n\r\n")
	b.Write(m.Body())
	return b.Bytes(), nil
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
func headerNamed(m Message, name string) bool { return len(m.GetHeaders(name)) > 0 }

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
	if agent := *s.agent.Load(); agent != "" && !headerNamed(m, "User-Agent") && !headerNamed(m, "Server") {
		m.AppendHeader(NewHeader("User-Agent", agent))
	}
	if short {
		return
	}
	if len(s.cfg.Allow) > 0 && !headerNamed(m, "Allow") {
		m.AppendHeader(NewHeader("Allow", strings.Join(s.cfg.Allow, ", ")))
	}
	if len(s.cfg.Supported) > 0 && !headerNamed(m, "Supported") {
		m.AppendHeader(NewHeader("Supported", strings.Join(s.cfg.Supported, ", ")))
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
