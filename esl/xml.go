package esl

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// AppendXML appends the event as FreeSWITCH's XML: headers as elements with URL-encoded text, indented by two spaces, an array as
// repeated elements, then Content-Length and body when there is one.
func (e *Event) AppendXML(dst []byte) []byte {
	dst = append(dst, "<event>\n  <headers>\n"...)
	for i := range e.Headers {
		h := &e.Headers[i]
		if h.Array == nil {
			dst = appendXMLHeader(dst, "    ", h.Name, h.Value)
			continue
		}
		for _, v := range h.Array {
			dst = appendXMLHeader(dst, "    ", h.Name, v)
		}
	}
	dst = append(dst, "  </headers>\n"...)
	if e.HasBody {
		dst = appendXMLHeader(dst, "  ", "Content-Length", strconv.Itoa(len(e.Body)))
		dst = append(dst, "  <body>"...)
		dst = appendXMLText(dst, e.Body)
		dst = append(dst, "</body>\n"...)
	}
	return append(dst, "</event>\n"...)
}

func appendXMLHeader(dst []byte, indent, name, value string) []byte {
	name = xmlName(name)
	dst = append(dst, indent...)
	dst = append(dst, '<')
	dst = append(dst, name...)
	dst = append(dst, '>')
	// The encoding leaves none of XML's special characters.
	dst = appendURLEncoded(dst, value)
	dst = append(dst, "</"...)
	dst = append(dst, name...)
	return append(dst, ">\n"...)
}

func appendXMLText(dst []byte, s string) []byte {
	var b strings.Builder
	// EscapeText fails only when its writer does.
	_ = xml.EscapeText(&b, []byte(s))
	// It also escapes line ends and tabs, which XML text may hold as they are.
	return append(dst, strings.NewReplacer("&#xA;", "\n", "&#x9;", "\t", "&#34;", `"`, "&#39;", "'").Replace(b.String())...)
}

// xmlName makes a header's name an element's name: other characters become '_'.
func xmlName(name string) string {
	ok := func(i int, c byte) bool {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		return letter || i > 0 && (c == '-' || c == '.' || '0' <= c && c <= '9')
	}
	for i := 0; i < len(name); i++ {
		if !ok(i, name[i]) {
			b := []byte(name)
			for j := range b {
				if !ok(j, b[j]) {
					b[j] = '_'
				}
			}
			return string(b)
		}
	}
	if name == "" {
		return "_"
	}
	return name
}

// ParseXML reads what AppendXML wrote. An element that occurs several times is read as an array.
func ParseXML(text []byte) (*Event, error) {
	e := &Event{}
	d := xml.NewDecoder(bytes.NewReader(text))
	var path []string
	var value strings.Builder
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && len(path) == 0 && len(e.Headers) > 0 {
			return e, nil
		}
		if err != nil {
			return nil, fmt.Errorf("esl: xml event: %w: %w", ErrEvent, err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			value.Reset()
			if path = append(path, t.Name.Local); path[0] != "event" || len(path) > 3 {
				return nil, fmt.Errorf("esl: xml event: %w: element %.40q", ErrEvent, t.Name.Local)
			}
		case xml.CharData:
			value.Write(t)
		case xml.EndElement:
			switch {
			case len(path) == 3 && path[1] == "headers":
				e.Push(t.Name.Local, urlDecode(value.String()))
			case len(path) == 2 && path[1] == "body":
				e.SetBody(value.String())
			}
			path = path[:len(path)-1]
		}
	}
}
