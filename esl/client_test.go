package esl_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/esl"
)

// peer is a scripted server at the other end of a pipe.
type peer struct {
	nc net.Conn
	r  *bufio.Reader
}

// read returns the next command with its header lines.
func (p *peer) read() string {
	var lines []string
	length := 0
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			return strings.Join(lines, "\n")
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "" && len(lines) > 0 {
			break
		}
		if v, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			length, _ = strconv.Atoi(v)
		}
		lines = append(lines, line)
	}
	body := make([]byte, length)
	_, _ = io.ReadFull(p.r, body)
	return strings.Join(lines, "\n") + string(body)
}

func (p *peer) write(text string) { _, _ = io.WriteString(p.nc, text) }
func (p *peer) reply(text string) {
	p.write("Content-Type: command/reply\nReply-Text: " + text + "\n\n")
}
func (p *peer) response(body string) { p.write(frame("api/response", body)) }
func (p *peer) event(e *esl.Event)   { p.write(frame("text/event-json", string(e.AppendJSON(nil)))) }

func frame(contentType, body string) string {
	return fmt.Sprintf("Content-Type: %s\nContent-Length: %d\n\n%s", contentType, len(body), body)
}

func event(name string, headers ...string) *esl.Event {
	e := esl.NewEvent(name)
	for i := 0; i < len(headers); i += 2 {
		e.Add(headers[i], headers[i+1])
	}
	return e
}

// scripted returns a dialer whose connections are played by script, which ends when its connection does.
func scripted(d esl.Dialer, script func(p *peer)) esl.Dialer {
	d.DialContext = func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			script(&peer{nc: theirs, r: bufio.NewReader(theirs)})
		}()
		return ours, nil
	}
	return d
}

// loggedIn plays the greeting and then the rest.
func loggedIn(rest func(p *peer)) func(p *peer) {
	return func(p *peer) {
		p.write("Content-Type: auth/request\n\n")
		p.read()
		p.reply("+OK accepted")
		rest(p)
	}
}

// connected runs a test with a client in a bubble, which fails when it leaves a goroutine behind.
func connected(t *testing.T, d esl.Dialer, script func(p *peer), test func(t *testing.T, c *esl.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := scripted(d, loggedIn(script))
		c, err := d.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		test(t, c)
	})
}

func TestDialerLogin(t *testing.T) {
	for _, test := range []struct {
		name   string
		dialer esl.Dialer
		greet  string
		answer string
		sent   string
		want   error
	}{
		{name: "password", dialer: esl.Dialer{Password: "x y"}, answer: "+OK accepted", sent: "auth x y"},
		{name: "user", dialer: esl.Dialer{User: "1019@d", Password: "p"}, answer: "+OK accepted", sent: "userauth 1019@d:p"},
		{name: "wrong password", dialer: esl.Dialer{Password: "x"}, answer: "-ERR invalid", sent: "auth x", want: esl.ErrPassword},
		{name: "access list", greet: frame("text/rude-rejection", "Access Denied, go away.\n"), want: esl.ErrRejected},
		{name: "line break", dialer: esl.Dialer{Password: "x\n\napi hupall"}, want: esl.ErrLineBreak},
		{name: "ended", greet: "Content-Type: au", want: io.EOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sent := ""
				d := scripted(test.dialer, func(p *peer) {
					if test.greet != "" {
						p.write(test.greet)
						return
					}
					p.write("Content-Type: auth/request\n\n")
					if sent = p.read(); sent != "" {
						p.reply(test.answer)
						p.read()
					}
				})
				c, err := d.Dial(t.Context())
				if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
					t.Errorf("error %v instead of %v", err, test.want)
				}
				if c != nil {
					c.Close()
				}
				synctest.Wait()
				if sent != test.sent {
					t.Errorf("sent %q instead of %q", sent, test.sent)
				}
			})
		})
	}
}

func TestDialContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := scripted(esl.Dialer{}, func(p *peer) { p.read() }) // never greets
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := d.Dial(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

// A reply belongs to its command also when who asked for it is gone.
func TestCommandGivenUp(t *testing.T) {
	connected(t, esl.Dialer{}, func(p *peer) {
		p.read()
		time.Sleep(time.Minute) // virtual: the first command takes its time
		p.response("slow")
		p.read()
		p.response("fast")
		p.read()
	}, func(t *testing.T, c *esl.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.API(ctx, "slow"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if got, err := c.API(t.Context(), "fast"); got != "fast" || err != nil {
			t.Errorf("%q %v", got, err)
		}
	})
}

// A server that stops reading must hold nobody beyond the context.
func TestWriteGivenUp(t *testing.T) {
	connected(t, esl.Dialer{}, func(*peer) { time.Sleep(time.Minute) }, func(t *testing.T, c *esl.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.API(ctx, "status"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if c.Err() == nil {
			t.Error("half a command is on the wire and the connection lives")
		}
		time.Sleep(time.Minute) // virtual, like the server's
	})
}

func TestClientRefusesLineBreaks(t *testing.T) {
	const evil = "x\n\napi hupall"
	connected(t, esl.Dialer{}, func(p *peer) {
		if got := p.read(); got != "" {
			t.Errorf("sent %q", got)
		}
	}, func(t *testing.T, c *esl.Client) {
		ctx := t.Context()
		for name, do := range map[string]func() error{
			"command":   func() error { _, err := c.Command(ctx, evil); return err },
			"cr":        func() error { _, err := c.Command(ctx, "api x\r\n\r\nexit"); return err },
			"api":       func() error { _, err := c.API(ctx, evil); return err },
			"bgapi":     func() error { _, err := c.BGAPI(ctx, evil); return err },
			"subscribe": func() error { return c.Subscribe(ctx, evil) },
			"nothing":   func() error { return c.Subscribe(ctx) },
			"nix":       func() error { return c.Unsubscribe(ctx, evil) },
			"filter":    func() error { return c.Filter(ctx, "Unique-ID", evil) },
			"unfilter":  func() error { return c.Unfilter(ctx, "Unique-ID", evil) },
			"myevents":  func() error { return c.MyEvents(ctx, evil) },
			"uuid":      func() error { return c.Hangup(ctx, evil, "") },
			"cause":     func() error { return c.Hangup(ctx, "u", evil) },
			"sendevent": func() error { _, err := c.SendEvent(ctx, event("CUSTOM", "A", evil)); return err },
			"log":       func() error { return c.Log(ctx, evil) },
		} {
			if do() == nil {
				t.Errorf("%s: accepted", name)
			}
		}
	})
}

func TestEventsOverflow(t *testing.T) {
	connected(t, esl.Dialer{Backlog: 2}, func(p *peer) {
		p.read()
		p.reply("+OK event listener enabled json")
		for range 3 {
			p.event(event("HEARTBEAT"))
		}
	}, func(t *testing.T, c *esl.Client) {
		if err := c.Subscribe(t.Context(), "HEARTBEAT"); err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		n := 0
		for range c.Events() {
			n++
		}
		if n != 2 || !errors.Is(c.Err(), esl.ErrOverflow) {
			t.Errorf("%d events, %v", n, c.Err())
		}
	})
}

func TestEventFormats(t *testing.T) {
	e := event("CHANNEL_CREATE", "Caller-Caller-ID-Name", "a <b> & c", "Empty", "")
	e.Push("List", "1")
	e.Push("List", "2")
	e.SetBody("body & more\n")
	for format, encode := range map[string]func([]byte) []byte{"json": e.AppendJSON, "plain": e.AppendPlain, "xml": e.AppendXML} {
		t.Run(format, func(t *testing.T) {
			connected(t, esl.Dialer{Format: format}, func(p *peer) {
				if got, want := p.read(), "event "+format+" ALL"; got != want {
					t.Errorf("sent %q instead of %q", got, want)
				}
				p.reply("+OK")
				p.write(frame("text/event-"+format, string(encode(nil))))
				p.read()
			}, func(t *testing.T, c *esl.Client) {
				if err := c.Subscribe(t.Context(), "ALL"); err != nil {
					t.Fatal(err)
				}
				got := <-c.Events()
				if got == nil || fmt.Sprint(got.Headers) != fmt.Sprint(e.Headers) || got.Body != e.Body {
					t.Errorf("got %+v instead of %+v (%v)", got, e, c.Err())
				}
			})
		})
	}
}

// What the client subscribes to for itself is not its user's, and passes its user's filters.
func TestJobsBesideEvents(t *testing.T) {
	var sent []string
	connected(t, esl.Dialer{}, func(p *peer) {
		for {
			command := p.read()
			if command == "" {
				return
			}
			sent = append(sent, strings.Split(command, "\n")[0])
			_, id, isJob := strings.Cut(command, "Job-UUID: ")
			p.reply("+OK")
			if isJob {
				p.event(event("BACKGROUND_JOB", "Job-UUID", "another connection's"))
				result := event("BACKGROUND_JOB", "Job-UUID", id)
				result.SetBody("+OK done\n")
				p.event(result)
				p.event(event("CHANNEL_CREATE"))
			}
		}
	}, func(t *testing.T, c *esl.Client) {
		ctx := t.Context()
		if err := errors.Join(c.Subscribe(ctx, "CHANNEL_CREATE"), c.Filter(ctx, "Unique-ID", "u")); err != nil {
			t.Fatal(err)
		}
		if got, err := c.BGAPI(ctx, "status"); got != "+OK done\n" || err != nil {
			t.Errorf("%q %v", got, err)
		}
		if e := <-c.Events(); e.Name() != "CHANNEL_CREATE" {
			t.Errorf("%s reached the user", e.Name())
		}
		want := "event json CHANNEL_CREATE;filter Unique-ID u;filter Event-Name BACKGROUND_JOB;event json BACKGROUND_JOB;bgapi status"
		if got := strings.Join(sent, ";"); got != want {
			t.Errorf("sent %s", got)
		}
	})
}

func TestExecute(t *testing.T) {
	for _, test := range []struct {
		name, argument string
		sent           string
		events         func(id string) []*esl.Event
		want           error
	}{
		{
			name: "ends", argument: "a.wav", sent: "execute-app-arg: a.wav",
			events: func(id string) []*esl.Event {
				return []*esl.Event{
					event("CHANNEL_EXECUTE_COMPLETE", "Unique-ID", "u", "Application-UUID", "of another"),
					event("CHANNEL_HANGUP_COMPLETE", "Unique-ID", "another"),
					event("CHANNEL_EXECUTE_COMPLETE", "Unique-ID", "u", "Application-UUID", id, "Application-Response", "FILE PLAYED"),
				}
			},
		},
		{
			name: "several lines", argument: "a\nb", sent: "Content-Type: text/plain",
			events: func(id string) []*esl.Event {
				return []*esl.Event{event("CHANNEL_EXECUTE_COMPLETE", "Application-UUID", id, "Application-Response", "FILE PLAYED")}
			},
		},
		{
			name:   "hung up",
			events: func(string) []*esl.Event { return []*esl.Event{event("CHANNEL_HANGUP_COMPLETE", "Unique-ID", "u")} },
			want:   esl.ErrHungUp,
		},
		{name: "context", want: context.DeadlineExceeded},
	} {
		t.Run(test.name, func(t *testing.T) {
			connected(t, esl.Dialer{}, func(p *peer) {
				p.read()
				p.reply("+OK event listener enabled json")
				message := p.read()
				if !strings.Contains(message, test.sent) || !strings.HasPrefix(message, "sendmsg u\ncall-command: execute\n") {
					t.Errorf("sent %q", message)
				}
				_, id, _ := strings.Cut(message, "Event-UUID: ")
				id, _, _ = strings.Cut(id, "\n")
				p.reply("+OK")
				if test.events != nil {
					for _, e := range test.events(id) {
						p.event(e)
					}
				}
				p.read()
			}, func(t *testing.T, c *esl.Client) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				e, err := c.Execute(ctx, "u", "playback", test.argument)
				if !errors.Is(err, test.want) || err == nil && e.Value("Application-Response") != "FILE PLAYED" {
					t.Errorf("%v, %v", e, err)
				}
				if n := len(c.Events()); n != 0 {
					t.Errorf("%d events reached the user", n)
				}
			})
		})
	}
}

func TestLogs(t *testing.T) {
	connected(t, esl.Dialer{Backlog: 1}, func(p *peer) {
		p.read()
		p.reply("+OK log level debug [7]")
		for range 3 {
			body := "hello\n"
			p.write("Content-Type: log/data\nContent-Length: 6\nLog-Level: 4\nText-Channel: 0\nLog-File: a.c\nLog-Func: f\n" +
				"Log-Line: 12\nUser-Data: u\n\n" + body)
		}
		p.read()
	}, func(t *testing.T, c *esl.Client) {
		if err := c.Log(t.Context(), "debug"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got, want := <-c.Logs(), (esl.LogLine{Level: 4, File: "a.c", Func: "f", Line: 12, UserData: "u", Text: "hello\n"}); got != want {
			t.Errorf("%+v", got)
		}
		if c.LostLogs() != 2 || c.Err() != nil {
			t.Errorf("%d lost, %v", c.LostLogs(), c.Err())
		}
	})
}

func TestReconnector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts atomic.Int32
		began := time.Now()
		d := scripted(esl.Dialer{}, func(p *peer) {
			switch attempts.Add(1) {
			case 1: // one event, then the server goes down
				loggedIn(func(p *peer) {
					p.read()
					p.reply("+OK")
					p.event(event("HEARTBEAT", "N", "1"))
				})(p)
			case 2, 3, 4: // it is still down
			case 5:
				loggedIn(func(p *peer) {
					p.read()
					p.reply("+OK")
					p.event(event("HEARTBEAT", "N", "2"))
					p.read()
				})(p)
			default: // the password was changed
				p.write("Content-Type: auth/request\n\n")
				p.read()
				p.reply("-ERR invalid")
			}
		})
		var log []string
		r := &esl.Reconnector{Dialer: d, Subscribe: []string{"HEARTBEAT"}}
		r.Connected = func(_ context.Context, _ *esl.Client, gap *esl.Gap) error {
			log = append(log, fmt.Sprint("connected ", gap != nil && gap.Err != nil && gap.To.After(gap.From)))
			return nil
		}
		r.Failed = func(err error, wait time.Duration) { log = append(log, "failed") }
		r.Event = func(e *esl.Event) {
			log = append(log, "event "+e.Value("N"))
			c, err := r.Client()
			if err != nil {
				t.Error(err)
			}
			if e.Value("N") == "2" {
				go c.Close()
			}
		}
		err := r.Run(t.Context())
		if !errors.Is(err, esl.ErrPassword) {
			t.Errorf("%v", err)
		}
		want := "connected false;event 1;failed;failed;failed;failed;connected true;event 2;failed"
		if got := strings.Join(log, ";"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		// 0.5, 1, 2 and 4 s, each halved at most, and 0.5 s again.
		if took := time.Since(began); took < 4*time.Second || took > 9*time.Second {
			t.Errorf("waited %v", took)
		}
		if _, err := r.Client(); !errors.Is(err, esl.ErrNotConnected) {
			t.Errorf("%v", err)
		}
	})
}

func FuzzParseXML(f *testing.F) {
	f.Add(event("CHANNEL_CREATE", "A", "b c", "A", "d").AppendXML(nil))
	f.Add([]byte("<event><headers><Event-Name>X%0</Event-Name></headers><body>&amp;</body></event>"))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := esl.ParseXML(text)
		if err != nil {
			return
		}
		if _, err := esl.ParseXML(e.AppendXML(nil)); err != nil {
			t.Errorf("%q: what was read cannot be read again: %v", text, err)
		}
	})
}
