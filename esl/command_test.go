package esl

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReadCommand(t *testing.T) {
	long := strings.Repeat("x", 200)
	for _, tc := range []struct {
		name, in   string
		line, body string
		headers    string
		err        error
	}{
		{name: "simple", in: "api status\n\n", line: "api status"},
		{name: "trailing space kept", in: "api \n\n", line: "api "},
		{name: "crlf", in: "api x\r\n\r\n", line: "api x"},
		{name: "leading blank lines", in: "\n\r\n\n" + "api x\n\n", line: "api x"},
		{name: "headers", in: "bgapi x\nJob-UUID: 1\nB:2\nnonsense\n\n", line: "bgapi x", headers: "Job-UUID=1 B=2"},
		{name: "body", in: "sendevent X\ncontent-length: 3\n\nab\n", line: "sendevent X", headers: "content-length=3", body: "ab\n"},
		{name: "empty body", in: "x\nContent-Length: 0\n\n", line: "x", headers: "Content-Length=0"},
		{name: "longest line", in: long[:98] + "\n\n", line: long[:98]},
		{name: "long line", in: long + "\n\n", err: errTooLong},
		{name: "long block", in: "x\n" + strings.Repeat("A: b\n", 30) + "\n", err: errTooLong},
		{name: "endless", in: long, err: errTooLong},
		{name: "long body", in: "x\nContent-Length: 101\n\n", err: errTooLong},
		{name: "negative body", in: "x\nContent-Length: -1\n\n", err: errTooLong},
		{name: "bogus length", in: "x\nContent-Length: 1x\n\n", err: errTooLong},
		{name: "huge length", in: "x\nContent-Length: 99999999999999999999\n\n", err: errTooLong},
		{name: "end in line", in: "api", err: io.EOF},
		{name: "end in block", in: "api x\n", err: io.EOF},
		{name: "end in body", in: "x\nContent-Length: 5\n\nabc", err: io.EOF},
		{name: "nothing", in: "", err: io.EOF},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := readCommand(bufio.NewReaderSize(strings.NewReader(tc.in), 16), 100)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err != nil {
				return
			}
			var headers []string
			for _, h := range c.headers {
				headers = append(headers, h.Name+"="+h.Value)
			}
			if c.line != tc.line || c.body != tc.body || strings.Join(headers, " ") != tc.headers {
				t.Errorf("got %+v", c)
			}
		})
	}
}

// FuzzCommand: the server's read path takes anything, and what it takes stays within the limit.
func FuzzCommand(f *testing.F) {
	f.Add([]byte("auth ClueCon\n\napi status\n\nexit\n\n"))
	f.Add([]byte("bgapi x\r\nJob-UUID: 1\r\n\r\n"))
	f.Add([]byte("sendevent CUSTOM\nContent-Length: 3\n\nabcsendmsg\n\n"))
	f.Add([]byte("x\nContent-Length: -5\n\n"))
	f.Add([]byte("\n\n\n\x00\n:\n \n\n"))
	const limit = 64
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReaderSize(strings.NewReader(string(data)), 16)
		for {
			c, err := readCommand(r, limit)
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, errTooLong) {
					t.Fatalf("%v", err)
				}
				return
			}
			size := len(c.line)
			for _, h := range c.headers {
				size += len(h.Name) + len(h.Value)
			}
			if c.line == "" || size > limit || len(c.body) > limit || strings.ContainsAny(c.line, "\n") {
				t.Fatalf("%+v", c)
			}
			_ = c.verb()
			_, _ = logLevel(c.line)
			_ = permissions{api: map[string]bool{"status": true}}.mayRun(c.line)
			var s eventState
			_ = s.filter(c.line)
		}
	})
}

// FuzzFrame: so does the client's.
func FuzzFrame(f *testing.F) {
	f.Add([]byte("Content-Type: auth/request\n\n"))
	f.Add([]byte("Content-Type: api/response\nContent-Length: 3\n\nabcContent-Type: command/reply\nReply-Text: +OK\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReader(strings.NewReader(string(data)))
		for {
			fr, err := readFrame(r)
			if err != nil {
				return
			}
			if len(fr.Headers) == 0 || len(fr.Body) > len(data) {
				t.Fatalf("%+v", fr)
			}
		}
	})
}
