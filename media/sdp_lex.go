package media

import (
	"bytes"
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// Bounds of a session description. maxSDP is checked before anything else; the others keep one of that size cheap to handle.
const (
	maxSDP        = 32 << 10
	maxMediaLines = 32
	maxCodecs     = 64
	maxCandidates = 64
	maxCrypto     = 16
	maxPtime      = 200 // milliseconds
)

// sdpAttr is one a= line; value is "" for a property attribute.
type sdpAttr struct{ name, value string }

// sdpMedia is one m= section as written.
type sdpMedia struct {
	media   string
	port    uint16
	proto   string
	formats []string
	conn    string // value of c=, "" when absent
	attrs   []sdpAttr
}

// sdpSession is a session description split into lines. It exists beside pion/sdp because that parser refuses a whole description
// for one line a relay does not care about: m=image with udptl, unknown bandwidth types, c= after a=, a missing last line end.
type sdpSession struct {
	id, version uint64
	conn        string
	attrs       []sdpAttr
	media       []sdpMedia
}

var (
	errSDPSize    = errors.New("larger than 32 KiB")
	errSDPLine    = errors.New("a line is not type=value")
	errSDPVersion = errors.New("does not begin with v=0")
	errSDPMedia   = errors.New("malformed m-line")
	errSDPLines   = errors.New("too many m-lines")
)

// lexSDP splits a description. CR, LF and CRLF end a line, so no value ever contains one. Types other than o, c, m, a are skipped.
func lexSDP(b []byte) (*sdpSession, error) {
	if len(b) > maxSDP {
		return nil, errSDPSize
	}
	s := &sdpSession{}
	first := true
	for len(b) > 0 {
		var line []byte
		if i := bytes.IndexAny(b, "\r\n"); i >= 0 {
			line, b = b[:i], b[i+1:]
		} else {
			line, b = b, nil
		}
		line = bytes.TrimRight(line, " \t")
		if len(line) == 0 {
			continue
		}
		if len(line) < 2 || line[1] != '=' || bytes.IndexByte(line, 0) >= 0 {
			return nil, errSDPLine
		}
		if first && string(line) != "v=0" {
			return nil, errSDPVersion
		}
		first = false
		if err := s.line(line[0], string(line[2:])); err != nil {
			return nil, err
		}
	}
	if first {
		return nil, errSDPVersion
	}
	return s, nil
}

func (s *sdpSession) line(typ byte, value string) error {
	var m *sdpMedia
	if n := len(s.media); n > 0 {
		m = &s.media[n-1]
	}
	switch typ {
	case 'o':
		if f := strings.Fields(value); len(f) >= 3 {
			// Ids beyond 64 bits exist; they only serve to see changes, so they become 0.
			s.id, _ = strconv.ParseUint(f[1], 10, 64)
			s.version, _ = strconv.ParseUint(f[2], 10, 64)
		}
	case 'c':
		if m == nil {
			s.conn = value
		} else if m.conn == "" {
			m.conn = value
		}
	case 'm':
		if len(s.media) == maxMediaLines {
			return errSDPLines
		}
		section, err := parseMediaLine(value)
		if err != nil {
			return err
		}
		s.media = append(s.media, section)
	case 'a':
		name, val, _ := strings.Cut(value, ":")
		a := sdpAttr{strings.TrimSpace(name), strings.TrimSpace(val)}
		if m == nil {
			s.attrs = append(s.attrs, a)
		} else {
			m.attrs = append(m.attrs, a)
		}
	}
	return nil
}

// parseMediaLine reads "audio 49170/2 RTP/AVP 0 8", RFC 8866 §5.14.
func parseMediaLine(value string) (sdpMedia, error) {
	f := strings.Fields(value)
	if len(f) < 3 {
		return sdpMedia{}, errSDPMedia
	}
	port, _, _ := strings.Cut(f[1], "/")
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || !isToken(f[0]) || !isToken(strings.ReplaceAll(f[2], "/", "")) {
		return sdpMedia{}, errSDPMedia
	}
	m := sdpMedia{media: f[0], port: uint16(n), proto: f[2], formats: f[3:]}
	for _, format := range m.formats {
		if !isToken(strings.ReplaceAll(format, "/", "")) { // repeated in answers
			return sdpMedia{}, errSDPMedia
		}
	}
	return m, nil
}

// isToken checks the token characters of RFC 8866 §9.
func isToken(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]", s[i]) >= 0 {
			return false
		}
	}
	return s != ""
}

// findAttr is the value of the first attribute of that name.
func findAttr(attrs []sdpAttr, name string) (string, bool) {
	for _, a := range attrs {
		if a.name == name {
			return a.value, true
		}
	}
	return "", false
}

// inherited is an attribute of the section, else of the session.
func (s *sdpSession) inherited(m *sdpMedia, name string) (string, bool) {
	if v, ok := findAttr(m.attrs, name); ok {
		return v, true
	}
	return findAttr(s.attrs, name)
}

// has tells whether the section has a property attribute.
func (m *sdpMedia) has(name string) bool { _, ok := findAttr(m.attrs, name); return ok }

// parseConnection reads "IN IP4 192.0.2.1[/ttl]", RFC 8866 §5.7. Names are not resolved: they are not ok.
func parseConnection(value string) (netip.Addr, bool) {
	f := strings.Fields(value)
	if len(f) != 3 || f[0] != "IN" {
		return netip.Addr{}, false
	}
	host, _, _ := strings.Cut(f[2], "/")
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}
