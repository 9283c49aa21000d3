package profile

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/talkpath/talkpath/sip"
)

// rawPhone is a caller that does nothing by itself.
type rawPhone struct {
	*phone
	conn net.Conn
}

func (s *server) rawPhone(user, password string) *rawPhone {
	s.t.Helper()
	conn, err := net.Dial("udp", s.p.Addr("udp").String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return &rawPhone{phone: s.phone("udp", user, password), conn: conn}
}

func (r *rawPhone) read() string {
	r.t.Helper()
	_ = r.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, 1<<16)
	n, err := r.conn.Read(buf)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(buf[:n])
}

// send sends a request and gives the start of the first response and the value of one of its headers.
func (r *rawPhone) send(req *sip.Request, header string, fields ...sip.Header) (start, value string) {
	r.t.Helper()
	req.PrependHeader(sip.NewHeader("Via", fmt.Sprintf("SIP/2.0/UDP %s;rport;branch=z9hG4bK%d", r.conn.LocalAddr(), time.Now().UnixNano())))
	for _, h := range fields {
		req.AppendHeader(h)
	}
	if _, err := r.conn.Write([]byte(req.String())); err != nil {
		r.t.Fatal(err)
	}
	start, rest, _ := strings.Cut(r.read(), "\r\n")
	_, value, _ = strings.Cut(rest, header+": ")
	value, _, _ = strings.Cut(value, "\r\n")
	return start, value
}

// invite calls a number with the right password and gives the start of the first response.
func (r *rawPhone) invite(to string) string {
	r.t.Helper()
	build := func() *sip.Request {
		req := r.request(sip.INVITE, to)
		req.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		req.AppendHeader(sip.NewHeader("Content-Length", fmt.Sprint(len(testOffer))))
		req.SetBody([]byte(testOffer))
		return req
	}
	req := build()
	_, challenge := r.send(build(), "Proxy-Authenticate")
	value, err := r.auth.Authorize(challenge, "INVITE", req.Recipient.String(), r.user, r.password)
	if err != nil {
		r.t.Fatal(err)
	}
	start, _ := r.send(req, "", sip.NewHeader("Proxy-Authorization", value))
	return start
}
