package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// socketTree is the embedded configuration with numbers that programs at addr control.
func socketTree(t *testing.T, addr string) string {
	t.Helper()
	extension := func(number string, actions ...string) string {
		text := `<extension name="` + number + `"><condition field="destination_number" expression="^` + number + `(.*)$">`
		for _, a := range actions {
			name, data, _ := strings.Cut(a, " ")
			text += `<action application="` + name + `" data="` + data + `"/>`
		}
		return text + "</condition></extension>"
	}
	return embeddedWith(t, func(text string) string {
		return strings.Replace(text, `<context name="default">`, `<context name="default">`+
			extension("async", "answer", "socket "+addr+"/a/path async full", "set after=yes", "hangup USER_BUSY")+
			extension("sync", "socket "+addr, "respond 480 after ${from_program}")+
			extension("wire", "socket ${destination_number}:1 full", "respond 480 not there")+
			extension("nobody", "socket 127.0.0.1:1", "respond 480 nobody"), 1)
	})
}

// program is a program that controls a call, in the test.
type program struct {
	nc net.Conn
	r  *bufio.Reader
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

func accept(t *testing.T, ln net.Listener) *program {
	t.Helper()
	_ = ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	nc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(2 * patience))
	return &program{nc, bufio.NewReader(nc)}
}

// frame reads a frame: headers, and below the name "" its body.
func (p *program) frame(t *testing.T) map[string]string {
	t.Helper()
	h, err := textproto.NewReader(p.r).ReadMIMEHeader()
	if err != nil {
		t.Fatalf("no frame: %v", err)
	}
	f := map[string]string{}
	for name := range h {
		f[name] = h.Get(name)
	}
	if n, _ := strconv.Atoi(f["Content-Length"]); n > 0 {
		body := make([]byte, n)
		if _, err := io.ReadFull(p.r, body); err != nil {
			t.Fatal(err)
		}
		f[""] = string(body)
	}
	return f
}

// say sends a command and returns its reply; events in between are dropped.
func (p *program) say(t *testing.T, lines ...string) map[string]string {
	t.Helper()
	fmt.Fprint(p.nc, strings.Join(lines, "\n")+"\n\n")
	return p.until(t, func(f map[string]string) bool {
		return strings.HasPrefix(f["Content-Type"], "command/reply") || f["Content-Type"] == "api/response"
	})
}

func (p *program) until(t *testing.T, stop func(map[string]string) bool) map[string]string {
	t.Helper()
	for {
		if f := p.frame(t); stop(f) {
			return f
		}
	}
}

// event waits for an event of that name.
func (p *program) event(t *testing.T, name string) map[string]string {
	t.Helper()
	return eventOf(p.until(t, func(f map[string]string) bool { return isEvent(f, name) }))
}

func isEvent(f map[string]string, name string) bool {
	return strings.HasPrefix(f["Content-Type"], "text/event-") && strings.Contains(f[""], "Event-Name: "+name+"\n")
}

// eventOf are the headers of the event in a frame.
func eventOf(f map[string]string) map[string]string {
	h, _ := textproto.NewReader(bufio.NewReader(strings.NewReader(f[""]))).ReadMIMEHeader()
	e := map[string]string{}
	for key := range h {
		e[key], _ = url.PathUnescape(h.Get(key))
	}
	return e
}

func (p *program) want(t *testing.T, reply map[string]string, text string) {
	t.Helper()
	if reply["Reply-Text"] != text {
		t.Errorf("reply %v, want %q", reply, text)
	}
}

// TestSocketAsync: a program takes a call, plays, bridges, lingers and sees everything to the end.
func TestSocketAsync(t *testing.T) {
	ln := listen(t)
	ex := startWith(t, socketTree(t, ln.Addr().String()))
	callee := ex.phone(t, rtpPhone, "1001")
	a := ex.phone(t, rtpPhone, "1000").invite(t, "async")
	a.answered(t)
	p := accept(t, ln)
	data := p.say(t, "connect")
	for name, want := range map[string]string{"Content-Type": "command/reply", "Reply-Text": "%2BOK%0A", "Socket-Mode": "async", "Control": "full",
		"Event-Name": "CHANNEL_DATA", "Channel-Destination-Number": "async", "Caller-Caller-Id-Number": "1000", "Call-Direction": "inbound",
		"Answer-State": "answered", "Variable_socket_path": "a/path", "Variable_socket_host": "127.0.0.1"} {
		if data[name] != want {
			t.Errorf("%s: %q, want %q", name, data[name], want)
		}
	}
	id := data["Unique-Id"]
	if len(data["Event-Sequence"]) != 10 || id == "" {
		t.Errorf("%v", data)
	}
	p.want(t, p.say(t, "myevents"), "+OK Events Enabled")
	p.want(t, p.say(t, "myevents"), "-ERR aready enabled.")
	p.want(t, p.say(t, "linger 30"), "+OK will linger 30 seconds")
	p.want(t, p.say(t, "divert_events on"), "+OK events diverted")
	p.want(t, p.say(t, "divert_events"), "-ERR missing value.")
	p.want(t, p.say(t, "getvar domain_name"), "127.0.0.1")
	p.want(t, p.say(t, "getvar nosuch"), "-ERR command not found")
	p.want(t, p.say(t, "filter Event-Name CHANNEL_HANGUP"), "+OK filter added. [Event-Name]=[CHANNEL_HANGUP]")
	p.want(t, p.say(t, "filter delete all"), "+OK filter deleted. [all][]")
	if got := p.say(t, "api echo hello"); got[""] != "hello" {
		t.Errorf("%v", got)
	}
	p.want(t, p.say(t, "sendmsg", "call-command: execute", "execute-app-name: set", "execute-app-arg: zed=42", "event-lock: true"), "+OK")
	if e := p.event(t, "CHANNEL_EXECUTE_COMPLETE"); e["Application"] != "set" || e["Unique-Id"] != id {
		t.Errorf("%v", e)
	}
	p.want(t, p.say(t, "getvar zed"), "42")
	p.want(t, p.say(t, "sendmsg", "call-command: execute", "execute-app-name: bridge", "execute-app-arg: user/1001@127.0.0.1"), "+OK")
	b := callee.accept(t, callee.incoming(t))
	p.event(t, "CHANNEL_BRIDGE")
	hearEachOther(t, a, b)
	fmt.Fprint(p.nc, "sendmsg "+id+"\ncall-command: hangup\nhangup-cause: CALL_REJECTED\n\n")
	a.ended(t)
	b.ended(t)
	var reply, notice, complete map[string]string // the reply comes before the others, between them or after
	p.until(t, func(f map[string]string) bool {
		switch {
		case f["Content-Type"] == "command/reply":
			reply = f
		case f["Content-Type"] == "text/disconnect-notice":
			notice = f
		case isEvent(f, "CHANNEL_HANGUP_COMPLETE"):
			complete = eventOf(f)
		}
		return reply != nil && notice != nil && complete != nil
	})
	p.want(t, reply, "+OK")
	if notice["Content-Disposition"] != "linger" || notice["Linger-Time"] != "30" || notice["Controlled-Session-Uuid"] != id || notice["Content-Length"] != "0" {
		t.Errorf("%v", notice)
	}
	if complete["Hangup-Cause"] != "CALL_REJECTED" {
		t.Errorf("%v", complete)
	}
	p.want(t, p.say(t, "getvar zed"), "42") // what it knows outlives it
	p.want(t, p.say(t, "exit"), "+OK bye")
}

// TestSocketSync: messages are executed one at a time, each before its answer, and the dialplan goes on when the program leaves.
func TestSocketSync(t *testing.T) {
	ln := listen(t)
	ex := startWith(t, socketTree(t, ln.Addr().String()))
	caller := ex.phone(t, rtpPhone, "1000")
	call := func(number string) talk { return caller.invite(t, number) }
	t.Run("leaves before the answer", func(t *testing.T) {
		a := call("sync")
		p := accept(t, ln)
		if data := p.say(t, "connect"); data["Socket-Mode"] != "static" || data["Control"] != "single-channel" {
			t.Errorf("%v", data)
		}
		for _, refused := range []string{"api status", "bgapi status", "event plain ALL", "linger", "log 7", "sendevent CUSTOM"} {
			p.want(t, p.say(t, refused), "-ERR command not found")
		}
		p.want(t, p.say(t, "myevents json"), "+OK Events Enabled")
		for _, value := range []string{"one", "two"} {
			p.want(t, p.say(t, "sendmsg", "call-command: execute", "execute-app-name: set", "content-type: text/plain",
				"content-length: "+strconv.Itoa(13+len(value)), "", "from_program="+value), "+OK")
			p.want(t, p.say(t, "getvar from_program"), value) // it is done when it is answered
		}
		p.want(t, p.say(t, "resume"), "+OK")
		p.nc.Close()
		if end := a.failure(t); end.StatusCode != 480 || end.Reason != "after two" {
			t.Errorf("%v", end.StartLine())
		}
	})
	t.Run("caller hangs up", func(t *testing.T) {
		a := call("sync")
		p := accept(t, ln)
		id := p.say(t, "connect")["Unique-Id"]
		p.want(t, p.say(t, "sendmsg", "call-command: execute", "execute-app-name: answer"), "+OK")
		a.answered(t)
		fmt.Fprint(p.nc, "sendmsg\ncall-command: execute\nexecute-app-name: park\n\n")
		a.hangup(t)
		f := p.until(t, func(f map[string]string) bool { return f["Content-Type"] == "text/disconnect-notice" })
		if f["Content-Disposition"] != "disconnect" || f["Controlled-Session-Uuid"] != id {
			t.Errorf("%v", f)
		}
		if _, err := io.ReadAll(p.r); err != nil {
			t.Error(err)
		}
	})
	t.Run("host from the wire", func(t *testing.T) {
		if end := call("wire").failure(t); end.Reason != "not there" {
			t.Errorf("%v", end.StartLine())
		}
	})
	t.Run("nobody listens", func(t *testing.T) {
		if end := call("nobody").failure(t); end.Reason != "nobody" {
			t.Errorf("%v", end.StartLine())
		}
	})
	t.Run("silent program", func(t *testing.T) {
		a := call("sync")
		accept(t, ln)
		if err := a.call.Cancel(); err != nil { // nothing but its end reaches the program
			t.Fatal(err)
		}
	})
}
