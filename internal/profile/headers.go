package profile

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/sip"
)

// headers gives the header fields of a name.
func headers(m sip.Message, name string) []sip.Header {
	return slices.Collect(sip.FindHeaders(m, name))
}

// headerValue gives the first header field of a name, "" when there is none.
func headerValue(m sip.Message, name string) string {
	if h := sip.FindHeader(m, name); h != nil {
		return h.Value()
	}
	return ""
}

func callID(m sip.Message) string {
	if id := m.CallID(); id != nil {
		return id.Value()
	}
	return ""
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// hostPort writes host[:port] of a URI.
func hostPort(u *sip.Uri) string {
	host := bracket(u.Host)
	if u.Port > 0 {
		host += ":" + strconv.Itoa(u.Port)
	}
	return host
}

// bracket puts an IPv6 address into brackets.
func bracket(host string) string {
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		return "[" + host + "]"
	}
	return host
}

// contentType gives the media type of a body, lower case, without parameters.
func contentType(m sip.Message) string {
	t, _, _ := strings.Cut(headerValue(m, "Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// sdpOf gives the session description a message carries, nil when it has none.
func sdpOf(m sip.Message) []byte {
	if len(m.Body()) == 0 || contentType(m) != "application/sdp" {
		return nil
	}
	return m.Body()
}

// clean removes what could end a header line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

var quoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// quoteName escapes a display name for a quoted-string (RFC 3261 §25.1).
func quoteName(s string) string { return quoter.Replace(clean(s)) }

// unquoteName undoes the escapes of a received display name.
func unquoteName(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// escapeUser makes a string fit for the user part of a URI (RFC 3261 §25.1); escapes that are there already stay.
func escapeUser(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte("-_.!~*'()&=+$,;?/", c) >= 0,
			c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// token says whether s can be a header name.
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("-.!%*_+`'~", c) >= 0) {
			return false
		}
	}
	return s != ""
}
