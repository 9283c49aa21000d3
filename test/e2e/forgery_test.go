package e2e

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestCallerForgesNothing: whatever a caller puts into his name and his headers, no line of an event, of a reply or of the log is his.
func TestCallerForgesNothing(t *testing.T) {
	ln := listen(t)
	ex := startWith(t, socketTree(t, ln.Addr().String()))
	monitor, logs := ex.program(t), ex.program(t)
	monitor.want(t, monitor.say(t, "event plain ALL"), "+OK event listener enabled plain")
	logs.want(t, logs.say(t, "log debug"), "+OK log level debug [7]")
	for _, name := range []string{
		"plain", `a%0aForged: yes%0a%0a`, "fold\r\n Forged: yes", "fold\r\n\tForged: yes\r\n \r\n Forged: yes", "tab\tForged: yes", `\"<sip:x@y>\" Forged: yes`,
		"\x01\x02Forged: yes", "\xff\xfeForged: yes", "ARRAY::a|:Forged: yes", "${hupall()}Forged: yes", strings.Repeat("long ", 400),
	} {
		t.Run(fmt.Sprintf("%.20q", name), func(t *testing.T) {
			_ = ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
			call := rawInvite(t, ex, "async", newRTPPeer(t, false).offer(t), "\""+name+"\"", "X-Value: "+name, "X-%0aForged: yes", "X-_`'|!Forged: yes", "Subject: s\r\n Forged: yes")
			if call.status != 200 { // refused for what it is: also well
				t.Logf("refused: %d", call.status)
				return
			}
			p := accept(t, ln)
			fmt.Fprint(p.nc, "connect\n\ngetvar sip_h_X-Value\n\ngetvar caller_id_name\n\ngetvar switch_r_sdp\n\napi uuid_dump x\n\nexit\n\n")
			text, err := io.ReadAll(p.r)
			if err != nil {
				t.Error(err)
			}
			p.nc.Close()
			noForgery(t, "program", string(text))
			if n := strings.Count("\n"+string(text), "\nContent-Type: command/reply\n"); n != 5 { // data, three values, bye
				t.Errorf("%d replies in %q", n, text)
			}
			call.ended(t)
			ex.awaitIdle(t)
		})
	}
	fmt.Fprint(monitor.nc, "exit\n\n")
	text, err := io.ReadAll(monitor.r)
	if err != nil {
		t.Error(err)
	}
	noForgery(t, "monitor", string(text))
	if n := strings.Count(string(text), "\nEvent-Name: CHANNEL_CREATE\n"); n < 5 {
		t.Errorf("only %d calls came through", n)
	}
	fmt.Fprint(logs.nc, "exit\n\n")
	if text, err = io.ReadAll(logs.r); err != nil {
		t.Error(err)
	}
	noForgery(t, "log", string(text))
}

// noForgery checks that no line begins with what the caller wrote.
func noForgery(t *testing.T, where, text string) {
	t.Helper()
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimLeft(line, " \t\r")
		if strings.HasPrefix(line, "Forged") {
			t.Errorf("%s: a line is the caller's: %q", where, line)
		}
	}
}

// rawCall is a call whose messages are written by hand, as no library would.
type rawCall struct {
	conn   net.Conn
	status int
}

// rawInvite calls a number as user 1000 over UDP and waits for the outcome. display is what stands in front of the address in From.
func rawInvite(t *testing.T, ex *exchange, number string, sdp []byte, display string, headers ...string) *rawCall {
	t.Helper()
	conn, err := net.Dial("udp", ex.at.SIP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	c, uri := &rawCall{conn: conn}, "sip:"+number+"@"+ex.at.SIP
	id := strconv.FormatInt(time.Now().UnixNano(), 36)
	send := func(method string, seq int, to string, more ...string) {
		text := method + " " + uri + " SIP/2.0\r\nVia: SIP/2.0/UDP " + conn.LocalAddr().String() + ";branch=z9hG4bK" + id + strconv.Itoa(seq) + "\r\nMax-Forwards: 70\r\nFrom: " +
			display + " <sip:1000@" + ex.at.SIP + ">;tag=" + id + "\r\nTo: <" + uri + ">" + to + "\r\nCall-ID: " + id + "\r\nCSeq: " + strconv.Itoa(seq) + " " + method +
			"\r\nContact: <sip:1000@" + conn.LocalAddr().String() + ">\r\n"
		body := ""
		if method == "INVITE" {
			more, body = append(more, "Content-Type: application/sdp"), string(sdp)
		}
		for _, h := range append(more, "Content-Length: "+strconv.Itoa(len(body))) {
			text += h + "\r\n"
		}
		if _, err := conn.Write([]byte(text + "\r\n" + body)); err != nil {
			t.Fatal(err)
		}
	}
	send("INVITE", 1, "", headers...)
	for seq := 1; ; {
		response, ok := c.read()
		if !ok {
			return c // it is not even answered
		}
		c.status, _ = strconv.Atoi(strings.Fields(response)[1])
		if c.status < 200 {
			continue
		}
		tag := regexp.MustCompile(`(?m)^To: .*(;tag=[^;\r]+)`).FindStringSubmatch(response)
		send("ACK", seq, tag[1])
		if c.status != 407 || seq > 1 {
			return c
		}
		seq++
		send("INVITE", seq, "", append(headers, authorization(response, uri))...)
	}
}

// read reads one message of the call.
func (c *rawCall) read() (string, bool) {
	buf := make([]byte, 64<<10)
	_ = c.conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	n, err := c.conn.Read(buf)
	return string(buf[:n]), err == nil && n > 0
}

// ended waits for the BYE and answers it.
func (c *rawCall) ended(t *testing.T) {
	t.Helper()
	for {
		text, ok := c.read()
		if !ok {
			t.Fatal("no BYE came")
		}
		if !strings.HasPrefix(text, "BYE ") {
			continue
		}
		answer := "SIP/2.0 200 OK\r\n"
		for _, h := range regexp.MustCompile(`(?m)^(?:Via|From|To|Call-ID|CSeq):.*\r\n`).FindAllString(text, -1) {
			answer += h
		}
		_, _ = c.conn.Write([]byte(answer + "Content-Length: 0\r\n\r\n"))
		return
	}
}

// authorization answers a challenge, RFC 7616 §3.4 with MD5.
func authorization(response, uri string) string {
	param := func(name string) string {
		m := regexp.MustCompile(`(?m)^Proxy-Authenticate: Digest .*\b` + name + `="?([^",\r]+)`).FindStringSubmatch(response)
		if m == nil {
			return ""
		}
		return m[1]
	}
	hash := func(s string) string {
		sum := md5.Sum([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	realm, nonce := param("realm"), param("nonce")
	proof := hash(hash("1000:"+realm+":"+userPassword) + ":" + nonce + ":00000001:c:auth:" + hash("INVITE:"+uri))
	return fmt.Sprintf(`Proxy-Authorization: Digest username="1000", realm="%s", nonce="%s", uri="%s", response="%s", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"`,
		realm, nonce, uri, proof)
}
