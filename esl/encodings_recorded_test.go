package esl_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/esl/esltest"
)

// eventsOf finds the events in what a server sent: the bodies of its text/event-FORMAT frames.
// One in XML was only recorded as the answer to uuid_dump.
func eventsOf(sent []byte, format string) (bodies [][]byte) {
	if format == "xml" {
		const end = "</event>\n"
		if i, j := bytes.Index(sent, []byte("<event>")), bytes.Index(sent, []byte(end)); i >= 0 && j > i {
			bodies = append(bodies, sent[i:j+len(end)])
		}
		return bodies
	}
	for {
		i := bytes.Index(sent, []byte("Content-Length: "))
		if i < 0 {
			return bodies
		}
		sent = sent[i+len("Content-Length: "):]
		head, rest, ok := bytes.Cut(sent, []byte("\n\n"))
		digits, kind, _ := strings.Cut(string(head), "\n")
		n, err := strconv.Atoi(digits)
		if !ok || err != nil || n > len(rest) {
			return bodies
		}
		if strings.Contains(kind, "Content-Type: text/event-"+format) {
			bodies = append(bodies, rest[:n])
		}
		sent = rest[n:]
	}
}

// TestEncodingsAsRecorded: every event that FreeSWITCH sent in the recordings, in each format, is the same bytes again once it was read and
// written.
func TestEncodingsAsRecorded(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(recorded, "*.txt"))
	if len(files) == 0 {
		t.Skip("no recordings of FreeSWITCH beside the working copy")
	}
	for format, codec := range map[string]struct {
		parse func([]byte) (*esl.Event, error)
		write func(*esl.Event) []byte
	}{
		"plain": {esl.ParsePlain, func(e *esl.Event) []byte { return e.AppendPlain(nil) }},
		"json":  {esl.ParseJSON, func(e *esl.Event) []byte { return e.AppendJSON(nil) }},
		"xml":   {esl.ParseXML, func(e *esl.Event) []byte { return e.AppendXML(nil) }},
	} {
		t.Run(format, func(t *testing.T) {
			n := 0
			for _, path := range files {
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				steps, err := esltest.ParseTranscript(string(text))
				if err != nil {
					continue // lines of it were taken out
				}
				var sent []byte
				for _, s := range steps {
					if s.Side == esltest.Server {
						sent = append(sent, s.Bytes...)
					}
				}
				for _, body := range eventsOf(sent, format) {
					n++
					e, err := codec.parse(body)
					if err != nil {
						t.Fatalf("%s: %v", path, err)
					}
					if got := codec.write(e); !bytes.Equal(got, body) {
						t.Errorf("%s: got\n%s\nrecorded\n%s", path, got, body)
					}
				}
			}
			if n == 0 {
				t.Error("no event was found")
			}
			t.Logf("%d events", n)
		})
	}
}
