package esl_test

import (
	"bufio"
	"fmt"
	"io"
	"net/textproto"
	"strconv"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/esl/esltest"
)

// fuzzChannel has what a peer controls in every place where the server writes it.
type fuzzChannel struct {
	fakeChannel
	text string
}

func (c *fuzzChannel) Name() string           { return c.text }
func (c *fuzzChannel) Variable(string) string { return c.text }

// FuzzForgery: whatever a peer puts into a name, a value or a variable, a client that reads line by line sees the frames, the headers
// and the replies that the server meant, and no other.
func FuzzForgery(f *testing.F) {
	for _, s := range []string{"", "plain", "a\nEvent-Name: FORGED", "a\r\n\r\nContent-Type: command/reply\nReply-Text: +OK", "x: y", ": ", "\x00\x01\x7f\xff",
		"%0aForged: 1", "</variable><x>", `","Forged":"`, "ARRAY::a|:b\n"} {
		f.Add(s, s)
	}
	b := &esltest.Backend{}
	s := &esl.Server{Backend: b}
	addr := serve(f, s)
	f.Fuzz(func(t *testing.T, name, value string) {
		nc := dial(t, addr)
		ch := &fuzzChannel{text: value}
		out, over := outbound(t, s, ch, esl.Outbound{Full: true})
		fmt.Fprint(nc, "auth ClueCon\n\nevent plain CUSTOM a::b\n\n")
		until(t, nc, "enabled plain\n\n")
		e := b.NewEvent("CUSTOM")
		e.Add("Event-Subclass", "a::b")
		e.Add("Caller-Caller-ID-Name", value)
		e.Add("variable_sip_h_X-"+name, value)
		e.Add("Last", "one")
		headers := len(e.Headers)
		b.Publish(e)
		event := until(t, nc, "\nLast: one\n\n")
		fmt.Fprint(nc, "exit\n\n")
		types := readFrames(t, io.MultiReader(strings.NewReader(event), nc), func(h textproto.MIMEHeader, body string) {
			if h.Get("Content-Type") != "text/event-plain" {
				return
			}
			lines := strings.Split(strings.TrimSuffix(body, "\n\n"), "\n")
			if len(lines) != headers || !strings.HasPrefix(lines[0], "Event-Name: CUSTOM") || lines[headers-1] != "Last: one" ||
				!strings.HasPrefix(lines[headers-2], "variable_sip_h_X-") || !strings.HasPrefix(lines[headers-3], "Caller-Caller-ID-Name: ") {
				t.Errorf("%q", body)
			}
		})
		if types != "text/event-plain,command/reply,text/disconnect-notice" {
			t.Errorf("frames %s", types)
		}
		_ = nc.Close()
		fmt.Fprint(out, "connect\n\ngetvar x\n\nlinger 0\n\n")
		until(t, out, "+OK will linger 0 seconds\n\n")
		end := b.NewEvent("CHANNEL_HANGUP")
		end.Add("Unique-ID", "u")
		b.Publish(end)
		if types := readFrames(t, out, func(textproto.MIMEHeader, string) {}); types != "text/disconnect-notice,text/disconnect-notice" {
			t.Errorf("frames of a program %s", types)
		}
		_ = out.Close()
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
}

// readFrames reads to the end and returns the frames' types.
func readFrames(t *testing.T, r io.Reader, each func(textproto.MIMEHeader, string)) string {
	t.Helper()
	var types []string
	in := bufio.NewReader(r)
	for {
		h, err := textproto.NewReader(in).ReadMIMEHeader()
		if err == io.EOF && len(h) == 0 {
			return strings.Join(types, ",")
		}
		if err != nil {
			t.Fatalf("after %v: %v", types, err)
		}
		n, _ := strconv.Atoi(h.Get("Content-Length"))
		body := make([]byte, n)
		if _, err := io.ReadFull(in, body); err != nil {
			t.Fatal(err)
		}
		types = append(types, h.Get("Content-Type"))
		each(h, string(body))
	}
}
