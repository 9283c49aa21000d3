package sip

import (
	"bytes"
	"fmt"
	"maps"
	"strconv"
	"strings"

	msg "github.com/emiago/sipgo/sip"
)

// headParser reads start lines and headers into the parser library's model. The library's own functions read what has a structure; the lines are
// taken apart here, since most of the library's time goes into copying them one by one. What it reads is what the library reads: the fuzz target
// FuzzHead compares the two.
type headParser struct {
	byName msg.HeadersParser // by their names in lower case
	usual  []usualHeader     // by their names as they are usually written
}

type usualHeader struct {
	name string
	read msg.HeaderParser
}

// newHeadParser makes a parser that keeps Refer-To and Referred-By as text, since callers need them as they were sent, and expands compact names.
func newHeadParser() *headParser {
	parsers := maps.Clone(msg.DefaultHeadersParser())
	delete(parsers, "refer-to")
	delete(parsers, "referred-by")
	for short, name := range compactNames {
		parsers[short] = func(_ []byte, value string) (msg.Header, error) { return msg.NewHeader(name, value), nil }
	}
	p := &headParser{byName: parsers}
	for _, name := range [...]string{"Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Content-Length"} {
		p.usual = append(p.usual, usualHeader{name, parsers[strings.ToLower(name)]})
	}
	for _, name := range [...]string{"Expires", "User-Agent", "Authorization", "Allow", "Supported"} {
		p.usual = append(p.usual, usualHeader{name, nil})
	}
	return p
}

// parse reads a start line and the headers behind it, each of which ends with CRLF and is not folded. After an error what was read so far is
// returned with it.
func (p *headParser) parse(head []byte) (Message, error) {
	line, rest, _ := strings.Cut(string(head), "\r\n") // one copy; what follows are parts of it
	// A dialog keeps some headers of an INVITE and its answer for long, and should not keep the rest with them.
	apart := strings.HasPrefix(line, "INVITE ") || strings.HasPrefix(line, "SIP/")
	if apart {
		line = strings.Clone(line)
	}
	m, err := parseStartLine(line)
	if err != nil {
		return nil, err
	}
	var k *known
	if strings.HasPrefix(line, "REGISTER ") { // nothing of it is kept
		k = &known{}
	}
	for rest != "" {
		line, rest, _ = strings.Cut(rest, "\r\n")
		if apart {
			line = strings.Clone(line)
		}
		if err := p.header(m, line, k); err != nil {
			return m, err
		}
	}
	return m, nil
}

// header reads one line; k may be nil.
func (p *headParser) header(m Message, line string, k *known) error {
	name, value, ok := strings.Cut(line, ":")
	if !ok {
		return fmt.Errorf("field name with no value in header: %q", line)
	}
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if k != nil {
		if h := k.header(name, value); h != nil {
			m.AppendHeader(h)
			return nil
		}
	}
	read := p.reader(name)
	if read == nil {
		m.AppendHeader(msg.NewHeader(name, value))
		return nil
	}
	h, err := read(nil, value) // none looks at the name
	if err == nil {
		m.AppendHeader(h)
		return nil
	}
	if strings.IndexByte(value, ',') < 0 {
		return err
	}
	list, err := p.byName.ParseHeader(nil, []byte(line)) // several values
	for _, h := range list {
		m.AppendHeader(h)
	}
	return err
}

// reader finds what reads a header; nil for one that is kept as text.
func (p *headParser) reader(name string) msg.HeaderParser {
	for i := range p.usual {
		if p.usual[i].name == name {
			return p.usual[i].read
		}
	}
	var buf [32]byte
	lower := buf[:0]
	if len(name) <= len(buf) {
		for i := range len(name) {
			c := name[i]
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			lower = append(lower, c)
		}
	}
	return p.byName[string(lower)]
}

// parseStartLine makes the message that a start line begins.
func parseStartLine(line string) (Message, error) {
	first, rest, ok := strings.Cut(line, " ")
	second, third, ok2 := strings.Cut(rest, " ")
	switch {
	case !ok || !ok2:
	case len(third) >= 3 && isSIP(third[:3]) && strings.IndexByte(third, ' ') < 0:
		target, err := readURI(second)
		if err != nil {
			return nil, err
		}
		if target.Wildcard {
			return nil, fmt.Errorf("wildcard URI '*' not permitted in request line")
		}
		r := msg.NewRequest(RequestMethod(strings.ToUpper(first)), target)
		r.SipVersion = third
		return r, nil
	case len(first) >= 3 && isSIP(first[:3]):
		code, err := strconv.ParseUint(second, 10, 16)
		if err != nil {
			return nil, err
		}
		res := msg.NewResponse(int(code), third)
		res.SipVersion = first
		return res, nil
	}
	return nil, fmt.Errorf("transmission beginning '%s' is not a SIP message", line)
}

// readURI reads a URI of any form.
func readURI(s string) (Uri, error) {
	var u Uri
	if plainURI(s, &u) {
		return u, nil
	}
	return ParseURI(s)
}

func isSIP(s string) bool { return s == "SIP" || s == "sip" }

// setParsedBody gives a message the part of data that its Content-Length tells, all without one.
func setParsedBody(m Message, data []byte) error {
	if n := m.ContentLength(); n != nil {
		if int64(*n) > int64(len(data)) {
			return msg.ErrParseReadBodyIncomplete
		}
		data = data[:*n]
	}
	if len(data) > 0 {
		m.SetBody(bytes.Clone(data))
	}
	return nil
}
