package esl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends the event as FreeSWITCH's JSON: one object without spaces, members in the order of the headers, every value a
// string, a header that occurs several times an array of strings; a body as Content-Length and _body, also when it is empty.
func (e *Event) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for i := range e.Headers {
		h := &e.Headers[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSONString(dst, h.Name)
		dst = append(dst, ':')
		if h.Array == nil {
			dst = appendJSONString(dst, h.Value)
			continue
		}
		dst = append(dst, '[')
		for j, v := range h.Array {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSONString(dst, v)
		}
		dst = append(dst, ']')
	}
	if e.HasBody {
		if len(e.Headers) > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `"Content-Length":"`...)
		dst = strconv.AppendInt(dst, int64(len(e.Body)), 10)
		dst = append(dst, `","_body":`...)
		dst = appendJSONString(dst, e.Body)
	}
	return append(dst, '}')
}

// appendJSONString quotes s as FreeSWITCH's JSON printer does: no escape for '/', '<' or characters beyond ASCII. encoding/json
// escapes more, which is the same text to a parser but not the same bytes. Invalid UTF-8 becomes U+FFFD, so that the result is JSON.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		start := i
		for i < len(s) && jsonPlain[s[i]] {
			i++
		}
		if dst = append(dst, s[start:i]...); i == len(s) {
			break
		}
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		i++
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		}
	}
	return append(dst, '"')
}

// jsonPlain says which bytes stand for themselves. It never changes.
var jsonPlain = func() (plain [256]bool) {
	for c := range plain {
		plain[c] = c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\'
	}
	return plain
}()

// ParseJSON reads an event from JSON, with its members in order. Numbers and booleans become their text.
func ParseJSON(text []byte) (*Event, error) {
	e := &Event{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("esl: json event: %w: no object", ErrEvent)
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("esl: json event: %w: %w", ErrEvent, err)
		}
		name, _ := t.(string)
		var value any
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("esl: json event: %w: %w", ErrEvent, err)
		}
		if err := e.addJSON(name, value); err != nil {
			return nil, err
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("esl: json event: %w: %w", ErrEvent, err)
	}
	if e.HasBody {
		e.Del("Content-Length")
	}
	return e, nil
}

func (e *Event) addJSON(name string, value any) error {
	switch v := value.(type) {
	case []any:
		h := Header{Name: name, Array: []string{}}
		for _, item := range v {
			s, err := jsonText(item)
			if err != nil {
				return err
			}
			h.Array = append(h.Array, s)
		}
		h.Value = joinArray(h.Array)
		e.Headers = append(e.Headers, h)
		return nil
	default:
		s, err := jsonText(value)
		if err != nil {
			return err
		}
		if name == "_body" {
			e.SetBody(s)
		} else {
			e.Add(name, s)
		}
		return nil
	}
}

func jsonText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	case nil:
		return "", nil
	default:
		return "", fmt.Errorf("esl: json event: %w: nested value", ErrEvent)
	}
}
