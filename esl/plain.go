package esl

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// FreeSWITCH joins the values of a header that occurs several times into one: ARRAY::first|:second.
const (
	arrayPrefix    = "ARRAY::"
	arraySeparator = "|:"
)

// undefined is what FreeSWITCH's plain encoding writes for an empty value.
const undefined = "_undef_"

// ErrEvent is wrapped by errors about event text that is none.
var ErrEvent = errors.New("malformed event")

// AppendPlain appends the event in FreeSWITCH's plain form: one "Name: value" a line with URL-encoded values, a blank line, the body.
// An empty body is written like none.
func (e *Event) AppendPlain(dst []byte) []byte {
	for i := range e.Headers {
		h := &e.Headers[i]
		dst = appendHeaderName(dst, h.Name)
		dst = append(dst, ": "...)
		if h.Value == "" {
			dst = append(dst, undefined...)
		} else {
			dst = appendURLEncoded(dst, h.Value)
		}
		dst = append(dst, '\n')
	}
	if e.Body != "" {
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, int64(len(e.Body)), 10)
		dst = append(dst, "\n\n"...)
		return append(dst, e.Body...)
	}
	return append(dst, '\n')
}

// appendHeaderName appends a header's name. Names can come from outside (a SIP header's name becomes part of a variable's name), so
// what could end the line or the name is replaced.
func appendHeaderName(dst []byte, name string) []byte {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c < ' ' || c == 0x7f || c == ':' && i+1 < len(name) && name[i+1] == ' ' {
			c = '_'
		}
		dst = append(dst, c)
	}
	return dst
}

const upperHex = "0123456789ABCDEF"

// urlUnsafe says which bytes FreeSWITCH's URL encoding escapes: everything outside printable ASCII and these. A comma, a slash or a
// tilde stay as they are. It never changes.
var urlUnsafe = func() (unsafe [256]bool) {
	for c := range unsafe {
		unsafe[c] = c <= ' ' || c >= 0x7f || strings.IndexByte("#%&+:;<=>?@[\\]^`{|}\"", byte(c)) >= 0
	}
	return unsafe
}()

func appendURLEncoded(dst []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); i++ {
		if c := s[i]; urlUnsafe[c] {
			dst = append(dst, s[start:i]...)
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
			start = i + 1
		}
	}
	return append(dst, s[start:]...)
}

// urlDecode undoes appendURLEncoded; a '%' that starts no escape stays.
func urlDecode(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(v))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}

// ParsePlain reads what AppendPlain wrote. A value _undef_ reads as empty.
func ParsePlain(text []byte) (*Event, error) {
	e := &Event{}
	rest := string(text)
	for {
		line, after, found := strings.Cut(rest, "\n")
		if line == "" {
			rest = after
			break
		}
		name, value, ok := strings.Cut(line, ": ")
		if !ok || !found {
			return nil, fmt.Errorf("esl: plain event: %w: line %.40q", ErrEvent, line)
		}
		rest = after
		if name == "Content-Length" {
			n, err := strconv.Atoi(value)
			if err != nil || !strings.HasPrefix(rest, "\n") || n < 0 || n > len(rest)-1 {
				return nil, fmt.Errorf("esl: plain event: %w: Content-Length %.20q", ErrEvent, value)
			}
			e.SetBody(rest[1 : 1+n])
			break
		}
		if value == undefined {
			value = ""
		}
		e.Headers = append(e.Headers, splitArray(name, urlDecode(value)))
	}
	if len(e.Headers) == 0 {
		return nil, fmt.Errorf("esl: plain event: %w: no header", ErrEvent)
	}
	return e, nil
}

func joinArray(values []string) string { return arrayPrefix + strings.Join(values, arraySeparator) }

func splitArray(name, value string) Header {
	h := Header{Name: name, Value: value}
	if joined, ok := strings.CutPrefix(value, arrayPrefix); ok {
		h.Array = strings.Split(joined, arraySeparator)
	}
	return h
}

// EncodeURL is FreeSWITCH's URL encoding of a text.
func EncodeURL(s string) string { return string(appendURLEncoded(nil, s)) }

// DecodeURL undoes EncodeURL; a percent sign that starts no escape stays.
func DecodeURL(s string) string { return urlDecode(s) }
