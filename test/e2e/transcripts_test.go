package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/esl/esltest"
)

// frames splits what a server sent: headers up to a blank line, then Content-Length bytes. rest is an unfinished frame.
func frames(data []byte) (out []string, rest []byte) {
	for {
		head, after, ok := bytes.Cut(data, []byte("\n\n"))
		if !ok {
			return out, data
		}
		n := 0
		for _, line := range strings.Split(string(head), "\n") {
			if v, ok := strings.CutPrefix(line, "Content-Length: "); ok {
				n, _ = strconv.Atoi(v)
			}
		}
		if len(after) < n {
			return out, data
		}
		out = append(out, string(head)+"\n\n"+string(after[:n]))
		data = after[n:]
	}
}

// readable makes a frame comparable: an event becomes its name, its headers and its body, all else stays text.
func readable(t *testing.T, frame string) (name, text string) {
	t.Helper()
	head, body, _ := strings.Cut(frame, "\n\n")
	parse := map[bool]func([]byte) (*esl.Event, error){true: esl.ParsePlain}[strings.Contains(head, "text/event-plain")]
	if strings.Contains(head, "text/event-json") {
		parse = esl.ParseJSON
	}
	head = regexp.MustCompile(`Content-Length: \d+`).ReplaceAllString(head, "Content-Length: N")
	if parse == nil {
		return "", head + "\n\n" + body
	}
	e, err := parse([]byte(body))
	if err != nil {
		t.Fatalf("%v in %q", err, frame)
	}
	var b strings.Builder
	for _, h := range e.Headers {
		if !strings.EqualFold(h.Name, "Content-Length") || e.Name() == "CUSTOM" {
			fmt.Fprintf(&b, "%s: %s\n", h.Name, h.Value)
		}
	}
	return e.Name(), head + "\n\n" + b.String() + "\n" + e.Body
}

// session is the client's side of a transcript, played against a server.
type session struct {
	t    *testing.T
	nc   net.Conn
	data []byte
}

// noise are events that come of themselves.
var noise = map[string]bool{"HEARTBEAT": true, "RE_SCHEDULE": true, "PRESENCE_IN": true}

// counts says whether a frame is compared; name is that of its event.
func (c *comparison) counts(name string) bool {
	return !noise[name] && !slices.Contains(c.dropped, name)
}

// missing is what of a turn has not come yet: frames that are compared, and answers among them.
type missing struct{ frames, answers int }

func (m *missing) saw(name string, counts func(name string) bool) {
	if counts(name) {
		m.frames--
	}
	if name == "" {
		m.answers--
	}
}

// take reads until nothing is missing, or no more comes in time.
func (s *session) take(m *missing, counts func(name string) bool) (out []string) {
	deadline := time.Now().Add(3 * time.Second)
	for {
		var got []string
		got, s.data = frames(s.data)
		for _, f := range got {
			name, _ := readable(s.t, f)
			m.saw(name, counts)
		}
		if out = append(out, got...); m.frames <= 0 && m.answers <= 0 || !s.read(deadline) {
			return out
		}
	}
}

// read reads some more; false when there is none.
func (s *session) read(deadline time.Time) bool {
	buf := make([]byte, 64<<10)
	_ = s.nc.SetReadDeadline(deadline)
	n, err := s.nc.Read(buf)
	s.data = append(s.data, buf[:n]...)
	return err == nil || n > 0
}

// end checks that the server ends the connection and says nothing more.
func (s *session) end(said []byte) {
	s.t.Helper()
	_ = s.nc.SetReadDeadline(time.Now().Add(patience))
	if rest, err := io.ReadAll(s.nc); err != nil || len(rest)+len(s.data) > 0 {
		s.t.Errorf("after %.200q: %q, %v instead of the end", said, append(s.data, rest...), err)
	}
}

// turn is what the client says and what the server says until the client speaks again.
type turn struct {
	client []byte
	server []byte
	eof    bool
}

func turns(steps []esltest.Step) []turn {
	out := []turn{{}}
	for _, s := range steps {
		last := &out[len(out)-1]
		switch s.Side {
		case esltest.Client:
			if last.eof {
				return out
			}
			out = append(out, turn{client: s.Bytes})
		case esltest.Server:
			last.server = append(last.server, s.Bytes...)
		case esltest.ServerEOF:
			last.eof = true
		}
	}
	return out
}

// summary makes frames comparable: replies in their order, then events by name.
func (c *comparison) summary(t *testing.T, list []string) string {
	t.Helper()
	var replies, events []string
	for _, f := range list {
		name, text := readable(t, f)
		if name != "" && c.live {
			text = digestOf(text)
		}
		text = sameEverywhere(text)
		if c.normal != nil {
			text = c.normal(text)
		}
		switch {
		case noise[name], name != "" && slices.Contains(c.dropped, name):
		case name != "":
			events = append(events, text)
		default:
			replies = append(replies, text)
		}
	}
	slices.Sort(events)
	return strings.Join(append(replies, events...), "\n----\n")
}

// digestOf is what a call of a phone has in common with one of FreeSWITCH's endpoint null.
func digestOf(text string) string {
	var kept []string
	for _, line := range strings.Split(text, "\n") {
		switch name, _, _ := strings.Cut(line, ":"); name {
		case "Event-Name", "Channel-State", "Channel-Call-State", "Answer-State", "Hangup-Cause", "Application", "Application-Data", "Application-Response",
			"variable_current_loop", "variable_total_loops":
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// TestTranscripts plays every recorded event socket session against the whole server and compares what it says.
func TestTranscripts(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "oracle", "esl", "*.txt"))
	if len(files) == 0 {
		t.Skip("no recordings of FreeSWITCH beside the working copy")
	}
	ex := startWith(t, recordedTree(t))
	caller := ex.phone(t, rtpPhone, "1000")
	ex.phone(t, rtpPhone, "1001")
	all := comparisons()
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		number, _, _ := strings.Cut(name, "_")
		t.Run(name, func(t *testing.T) {
			c := all[number]
			if c.notYet != "" {
				t.Skip("not yet comparable: " + c.notYet)
			}
			c.play(t, ex, caller, path)
		})
	}
}

// parked is a call that waits for commands.
func parked(t *testing.T, ex *exchange, caller *phone) (id string) {
	t.Helper()
	before := ex.command(t, "show channels")
	caller.invite(t, "9196").answered(t)
	for _, line := range strings.Split(ex.command(t, "show channels"), "\n")[1:] {
		if uuid, _, _ := strings.Cut(line, ","); len(uuid) == 36 && !strings.Contains(before, uuid) {
			id = uuid
		}
	}
	ex.command(t, "uuid_transfer "+id+" park inline")
	await(t, "a parked call", func() (bool, string) {
		out := ex.command(t, "uuid_dump "+id)
		return strings.Contains(out, "variable_current_application: park"), out
	})
	return id
}

var recordedID = regexp.MustCompile(`[abc]{8}-1111-4111-8111-0000000000\d\d`)

// play plays one session.
func (c comparison) play(t *testing.T, ex *exchange, caller *phone, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for range c.calls {
		if c.null {
			ids = append(ids, ok(t, ex.command(t, "originate {origination_uuid=aaaaaaaa-1111-4111-8111-000000000001,ignore_early_media=true}null/1000 &park()")))
			continue
		}
		ids = append(ids, parked(t, ex, caller))
	}
	if len(ids) > 0 {
		defer func() {
			ex.command(t, "hupall")
			ex.awaitIdle(t)
		}()
	}
	steps, err := esltest.ParseTranscript(string(text))
	if err != nil {
		t.Fatal(err)
	}
	nc, err := net.Dial("tcp", ex.at.ESL)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	s := &session{t: t, nc: nc}
	for _, turn := range turns(steps) {
		c.turn(t, ex, s, turn, ids)
		if turn.eof {
			s.end(turn.client)
			return
		}
	}
	fmt.Fprint(nc, "\n\nexit\n\n")
	_, _ = io.Copy(io.Discard, nc)
}

// turn plays one turn of a session, with these calls.
func (c comparison) turn(t *testing.T, ex *exchange, s *session, turn turn, ids []string) {
	t.Helper()
	client := bytes.ReplaceAll(turn.client, []byte("ClueCon"), []byte(eslPassword))
	if len(ids) > 0 {
		client = recordedID.ReplaceAll(client, []byte(ids[0]))
	}
	c.await(t, ex, string(client), string(turn.server))
	if _, err := s.nc.Write(client); err != nil {
		t.Fatal(err)
	}
	recorded, rest := frames(turn.server)
	if len(rest) > 0 {
		t.Fatalf("unfinished frame %q in the recording", rest)
	}
	var first, all missing // what others do comes after the first answer
	for _, f := range recorded {
		name, _ := readable(t, f)
		all.saw(name, c.counts)
	}
	all.frames, all.answers = -all.frames, -all.answers
	first.answers = min(1, all.answers)
	got := s.take(&first, c.counts)
	c.others(t, ex, string(client), recorded, ids)
	all.frames, all.answers = all.frames+first.frames, all.answers+first.answers-min(1, all.answers)
	if turn.eof {
		all.frames = 1000 // all there are
	}
	got = append(got, s.take(&all, c.counts)...)
	want, have := c.summary(t, recorded), c.summary(t, got)
	if c.subset != nil {
		want, have = c.subset(want, have)
	}
	if want != have {
		t.Errorf("after %.200q:\n%s", turn.client, difference(want, have))
	}
}

// await waits for what the recorded pauses gave time for: a call that ended is gone, a variable that was set is there.
func (c comparison) await(t *testing.T, ex *exchange, client, server string) {
	t.Helper()
	_, answer, _ := strings.Cut(server, "\n\n")
	command, isAPI := strings.CutPrefix(strings.TrimSpace(client), "api ")
	switch {
	case !c.live || !isAPI:
	case strings.HasPrefix(command, "uuid_exists ") && answer == "false":
		ex.awaitIdle(t)
	case strings.HasPrefix(command, "uuid_getvar ") && !recordedID.MatchString(answer):
		await(t, command, func() (bool, string) {
			got := ex.command(t, command)
			return got == answer, got
		})
	}
}

// others does what another connection did while a session was recorded.
func (c comparison) others(t *testing.T, ex *exchange, client string, recorded, ids []string) {
	t.Helper()
	for said, command := range c.provoke {
		if strings.HasPrefix(client, said) {
			ex.command(t, strings.ReplaceAll(command, "ID", ids[0]))
		}
	}
	reloaded := strings.HasPrefix(client, "api ")
	for _, f := range recorded {
		switch name, text := readable(t, f); {
		case !reloaded && (name == "RELOADXML" || strings.Contains(text, "\nAPI-Command: reloadxml\n")):
			reloaded = true
			ex.command(t, "reloadxml")
		case name == "CUSTOM" && !strings.Contains(client, "sendevent"):
			p := ex.program(t)
			lines := []string{"sendevent CUSTOM"}
			for _, h := range strings.Split(text, "\n") {
				if strings.HasPrefix(h, "Event-Subclass: ") || strings.HasPrefix(h, "Unicode: ") {
					lines = append(lines, h)
				}
			}
			p.say(t, lines...)
			p.nc.Close()
		}
	}
}

// program is a connection that signed in.
func (ex *exchange) program(t *testing.T) *program {
	t.Helper()
	nc, err := net.Dial("tcp", ex.at.ESL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(2 * patience))
	p := &program{nc, bufio.NewReader(nc)}
	p.frame(t)
	p.want(t, p.say(t, "auth "+eslPassword), "+OK accepted")
	return p
}

// difference shows the lines that only one of two texts has.
func difference(want, have string) string {
	w, h := strings.Split(want, "\n"), strings.Split(have, "\n")
	var b strings.Builder
	for _, l := range w {
		if !slices.Contains(h, l) {
			fmt.Fprintf(&b, "-%.300s\n", l)
		}
	}
	for _, l := range h {
		if !slices.Contains(w, l) {
			fmt.Fprintf(&b, "+%.300s\n", l)
		}
	}
	if b.Len() == 0 {
		return "the same lines in another order or number:\n" + have + "\ninstead of\n" + want
	}
	return b.String()
}
