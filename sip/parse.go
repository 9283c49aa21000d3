package sip

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	msg "github.com/emiago/sipgo/sip"
)

// Errors of malformed messages; the text of the first two is no answer, as such bytes must not be sent back.
var (
	errControl   = errors.New("control character in header")
	errNoEnd     = errors.New("no end of header")
	errTooMany   = errors.New("too many header fields")
	errVersion   = errors.New("version not supported")
	errURIScheme = errors.New("unsupported URI scheme")
)

// compactNames are compact forms of headers that are kept as text (IANA registry of SIP header fields). The parser expands the others.
var compactNames = map[string]string{
	"a": "Accept-Contact", "b": "Referred-By", "d": "Request-Disposition", "e": "Content-Encoding", "j": "Reject-Contact",
	"k": "Supported", "n": "Identity-Info", "o": "Event", "r": "Refer-To", "s": "Subject", "u": "Allow-Events", "x": "Session-Expires",
	"y": "Identity",
}

// parse reads one whole message. Content-Length rules those of datagrams too: less than there is cuts the body, more is an error
// (RFC 3261 §18.3).
func (s *Stack) parse(data []byte) (Message, error) {
	for len(data) >= 2 && data[0] == '\r' && data[1] == '\n' {
		data = data[2:]
	}
	end := bytes.Index(data, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, errNoEnd
	}
	lines, err := checkHeader(data[:end+2])
	if err != nil {
		return nil, err
	}
	if lines > s.cfg.Limits.Headers+1 {
		return nil, errTooMany
	}
	if fixed, ok := normalizeVias(data[:end+2]); ok {
		data = append(fixed, data[end+2:]...)
		end = bytes.Index(data, []byte("\r\n\r\n"))
	}
	if len(data) > s.cfg.Limits.MessageBytes {
		return nil, msg.ErrMessageTooLarge
	}
	m, err := s.parser.parse(data[:end+2])
	if err == nil {
		err = setParsedBody(m, data[end+4:])
	}
	if err != nil {
		return m, err
	}
	return m, s.validate(m)
}

// checkHeader counts lines and refuses control characters: a bare CR or LF, or NUL, that one party takes for a line end and another
// does not is how headers are smuggled.
func checkHeader(head []byte) (lines int, err error) {
	if bytes.IndexByte(head, 0) >= 0 {
		return 0, errControl
	}
	for len(head) > 0 {
		end := bytes.IndexByte(head, '\r')
		if lf := bytes.IndexByte(head[:max(end, 0)], '\n'); lf >= 0 || end < 0 && bytes.IndexByte(head, '\n') >= 0 {
			return 0, errControl
		}
		if end < 0 {
			return lines, nil
		}
		if end+1 >= len(head) || head[end+1] != '\n' {
			return 0, errControl
		}
		lines++
		head = head[end+2:]
	}
	return lines, nil
}

// normalizeVias rewrites Via headers whose layout the parser does not know: several in one line, folded, or with blanks inside
// (RFC 3261 §25.1 allows LWS around the slashes; RFC 4475 §3.1.1.1 uses it).
func normalizeVias(head []byte) ([]byte, bool) {
	if !viasNeedWork(head) {
		return head, false
	}
	var out []byte
	text := strings.NewReplacer("\r\n ", " ", "\r\n\t", " ").Replace(string(head))
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(line, ":")
		if n := strings.ToLower(strings.TrimSpace(name)); !ok || (n != "via" && n != "v") {
			out = append(out, line...)
			continue
		}
		for _, v := range splitUnquoted(strings.TrimSpace(value), ',') {
			out = append(out, "Via: "+tidyVia(v)+"\r\n"...)
		}
	}
	return out, true
}

func viasNeedWork(head []byte) bool {
	for line := range bytes.Lines(head) {
		switch line[0] {
		case ' ', '\t': // some folded header: rare enough to treat all
			return true
		case 'v', 'V':
		default: // no Via: names begin in the first column
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case len(name) > 4 || !isVia(name):
		case len(name) != len(bytes.TrimSpace(name)), bytes.IndexByte(value, ',') >= 0, bytes.Count(bytes.TrimSpace(value), []byte(" ")) != 1,
			bytes.IndexByte(value, '\t') >= 0:
			return true
		}
	}
	return false
}

func isVia(name []byte) bool {
	name = bytes.TrimSpace(name)
	return bytes.EqualFold(name, []byte("via")) || bytes.EqualFold(name, []byte("v"))
}

// tidyVia removes blanks except the one between protocol and sent-by, and those in quoted strings.
func tidyVia(v string) string {
	fields := splitUnquoted(strings.TrimSpace(v), '/')
	if len(fields) < 3 {
		return v
	}
	last := strings.TrimSpace(strings.Join(fields[2:], "/"))
	transport, rest, ok := strings.Cut(strings.ReplaceAll(last, "\t", " "), " ")
	if !ok {
		return v
	}
	parts := splitUnquoted(rest, ';')
	for i, p := range parts {
		name, value, hasValue := strings.Cut(strings.TrimSpace(p), "=")
		parts[i] = strings.TrimSpace(name)
		if hasValue {
			parts[i] += "=" + strings.TrimSpace(value)
		}
		if i == 0 {
			parts[i] = strings.ReplaceAll(parts[i], " ", "")
		}
	}
	return strings.TrimSpace(fields[0]) + "/" + strings.TrimSpace(fields[1]) + "/" + transport + " " + strings.Join(parts, ";")
}

// splitUnquoted splits at sep outside of quoted strings.
func splitUnquoted(s string, sep byte) []string {
	var parts []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == sep && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// validate checks what every later step relies on: the mandatory headers, once each, and sane values (RFC 3261 §8.1.1).
func (s *Stack) validate(m Message) error {
	if err := s.validateHeaders(m); err != nil {
		return err
	}
	switch m := m.(type) {
	case *Request:
		return validateRequest(m)
	case *Response:
		if m.StatusCode < 100 || m.StatusCode > 699 {
			return fmt.Errorf("status code %d", m.StatusCode)
		}
	}
	return nil
}

func (s *Stack) validateHeaders(m Message) error {
	headers := headersOf(m)
	if len(headers) > s.cfg.Limits.Headers {
		return errTooMany
	}
	var seen [7]int // in the order of the names below, then Via
	for _, h := range headers {
		tidyParams(h)
		switch h.(type) {
		case *FromHeader:
			seen[0]++
		case *ToHeader:
			seen[1]++
		case *CallIDHeader:
			seen[2]++
		case *CSeqHeader:
			seen[3]++
		case *MaxForwardsHeader:
			seen[4]++
		case *ContentLengthHeader:
			seen[5]++
		case *ViaHeader:
			seen[6]++
		}
	}
	for i, name := range [...]string{"From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length"} {
		if seen[i] > 1 {
			return fmt.Errorf("%s given twice", name)
		}
	}
	cseq, via := m.CSeq(), m.Via()
	switch {
	case m.From() == nil:
		return errors.New("missing From")
	case m.To() == nil:
		return errors.New("missing To")
	case m.CallID() == nil:
		return errors.New("missing Call-ID")
	case cseq == nil:
		return errors.New("missing CSeq")
	case via == nil || via.Host == "":
		return errors.New("missing or malformed Via")
	case via.Port < 0 || via.Port > 65535:
		return errors.New("port of Via out of range")
	case seen[6] > s.cfg.Limits.Vias:
		return errors.New("too many Via")
	case param(m.From().Params, "tag") == "":
		return errors.New("missing tag in From")
	}
	cseq.MethodName = RequestMethod(strings.TrimSpace(string(cseq.MethodName)))
	return nil
}

func validateRequest(r *Request) error {
	if !strings.EqualFold(r.SipVersion, "SIP/2.0") {
		return errVersion
	}
	u := &r.Recipient
	switch {
	case !isToken(string(r.Method)):
		return errors.New("malformed method")
	case !strings.EqualFold(string(r.CSeq().MethodName), string(r.Method)): // the parser writes that of the request line in capitals
		return errors.New("method of CSeq differs")
	case u.Scheme != "sip" && u.Scheme != "sips":
		return errURIScheme
	case u.Host == "" || u.Port < 0 || u.Port > 65535 || strings.ContainsAny(u.Host, "<> \t\""):
		return errors.New("malformed Request-URI")
	}
	if mf := r.MaxForwards(); mf != nil && mf.Val() > 255 {
		return errors.New("Max-Forwards out of range")
	}
	if r.Method == INVITE {
		if n := len(r.GetHeaders("Contact")); n != 1 || r.Contact().Address.Wildcard {
			return errors.New("INVITE needs one Contact")
		}
	}
	return nil
}

// isToken reports whether s is a token of RFC 3261 §25.1.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-.!%*_+`'~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// tidyParams removes blanks around names and values of parameters, which the parser keeps (RFC 3261 §25.1 allows them).
func tidyParams(h Header) {
	var ps HeaderParams
	switch h := h.(type) {
	case *FromHeader:
		ps = h.Params
	case *ToHeader:
		ps = h.Params
	case *ContactHeader:
		ps = h.Params
	case *ViaHeader:
		ps = h.Params
	}
	for i := range ps {
		ps[i].K, ps[i].V = strings.TrimSpace(ps[i].K), strings.TrimSpace(ps[i].V)
	}
}

// foreignScheme reports whether a request line names a URI of another scheme than sip or sips (RFC 3986 §3.1).
func foreignScheme(data []byte) bool {
	line, _, _ := bytes.Cut(data, []byte("\r\n"))
	parts := strings.SplitN(string(line), " ", 3)
	if len(parts) < 3 {
		return false
	}
	scheme, _, ok := strings.Cut(parts[1], ":")
	for i := range len(scheme) {
		c := scheme[i] | 0x20
		ok = ok && ('a' <= c && c <= 'z' || i > 0 && ('0' <= scheme[i] && scheme[i] <= '9' || strings.IndexByte("+-.", scheme[i]) >= 0))
	}
	return ok && scheme != "" && !strings.EqualFold(scheme, "sip") && !strings.EqualFold(scheme, "sips")
}

// param reads a parameter whatever the case of its name.
func param(ps HeaderParams, name string) string {
	for _, kv := range ps {
		if strings.EqualFold(kv.K, name) {
			return kv.V
		}
	}
	return ""
}
