package esl

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Frame is what a server sends: a block of headers and, with a Content-Length, a body.
type Frame struct {
	Headers []Header
	Body    string
}

// Value returns a header's value, "" when there is none.
func (f *Frame) Value(name string) string {
	for i := range f.Headers {
		if strings.EqualFold(f.Headers[i].Name, name) {
			return f.Headers[i].Value
		}
	}
	return ""
}

// maxFrame bounds what a client takes from a server.
const maxFrame = 64 << 20

// readFrame reads one frame from a server.
func readFrame(r *bufio.Reader) (*Frame, error) {
	f := &Frame{}
	for used := 0; ; {
		line, err := readLine(r, 1<<20-used)
		if err != nil {
			return nil, err
		}
		used += len(line) + 1
		if line == "" {
			if len(f.Headers) > 0 {
				break
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("esl: frame: %w: line %.40q", ErrEvent, line)
		}
		f.Headers = append(f.Headers, Header{Name: name, Value: strings.TrimPrefix(value, " ")})
	}
	length := f.Value("Content-Length")
	if length == "" {
		return f, nil
	}
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n > maxFrame {
		return nil, fmt.Errorf("esl: frame: %w: Content-Length %.20q", ErrEvent, length)
	}
	body, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err != nil {
		return nil, err
	}
	if len(body) < n {
		return nil, io.ErrUnexpectedEOF
	}
	f.Body = string(body)
	return f, nil
}
