package sip_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/sip"
)

// TestAuthorizerElsewhere: a challenge from where the dialog began is answered, once; one from somewhere else is not.
func TestAuthorizerElsewhere(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ours, err := sip.NewStack(sip.Config{Listeners: []sip.Listener{{Transport: "udp", Addr: "127.0.0.1:0"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	// Two peers that challenge everything but INVITE; the first begins the dialog.
	peer := func() (netip.AddrPort, <-chan string) {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		got := make(chan string, 9)
		go func() {
			buf := make([]byte, 1<<16)
			for {
				n, from, err := conn.ReadFromUDPAddrPort(buf)
				if err != nil {
					return
				}
				msg := string(buf[:n])
				if strings.HasPrefix(msg, "ACK ") {
					continue
				}
				head := "SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n"
				if strings.HasPrefix(msg, "INVITE ") {
					head = "SIP/2.0 200 OK\r\nContact: <sip:x@" + conn.LocalAddr().String() + ">\r\n"
				} else {
					got <- msg
				}
				for line := range strings.SplitSeq(msg, "\r\n") {
					name, _, _ := strings.Cut(line, ":")
					switch name {
					case "To":
						if !strings.Contains(line, "tag=") {
							line += ";tag=peer"
						}
						fallthrough
					case "Via", "From", "Call-ID", "CSeq":
						head += line + "\r\n"
					}
				}
				_, _ = conn.WriteToUDPAddrPort([]byte(head+"Content-Length: 0\r\n\r\n"), from)
			}
		}()
		return conn.LocalAddr().(*net.UDPAddr).AddrPort(), got
	}
	first, asked := peer()
	second, elsewhere := peer()
	flow, err := ours.FlowTo(ctx, "udp", first)
	if err != nil {
		t.Fatal(err)
	}
	uri, _ := sip.ParseURI("sip:x@" + first.String())
	req := sip.NewRequest(sip.INVITE, uri)
	req.AppendHeader(&sip.FromHeader{Address: uri, Params: sip.HeaderParams{}})
	req.AppendHeader(&sip.ToHeader{Address: uri, Params: sip.HeaderParams{}})
	answered := answers{came: make(chan struct{}, 1)}
	s, err := ours.Invite(req, flow, answered)
	if err != nil {
		t.Fatal(err)
	}
	<-answered.came
	proofs := 0
	s.SetAuthorizer(func(_ *sip.Response, method, uri string) (sip.Header, bool) {
		proofs++
		return sip.NewHeader("Authorization", "Digest "+method), true
	})
	final := make(chan *sip.Response, 1)
	send := func() {
		t.Helper()
		if err := s.Send("INFO", "", nil, nil, func(res *sip.Response) { final <- res }); err != nil {
			t.Fatal(err)
		}
		if res := <-final; res.StatusCode != 401 {
			t.Fatalf("final %d", res.StatusCode)
		}
	}
	send()
	if plain, proved := <-asked, <-asked; strings.Contains(plain, "Authorization:") || !strings.Contains(proved, "Authorization: Digest INFO\r\n") || proofs != 1 {
		t.Fatalf("%d proofs:\n%s%s", proofs, plain, proved)
	}
	moved, err := ours.FlowTo(ctx, "udp", second)
	if err != nil {
		t.Fatal(err)
	}
	s.Move(moved)
	send()
	if <-elsewhere; proofs != 1 || len(elsewhere) != 0 {
		t.Fatalf("%d proofs", proofs)
	}
}

// answers tells of the answer.
type answers struct {
	sip.NopSessionHandler
	came chan struct{}
}

func (a answers) OnAnswer(*sip.Session, *sip.Response) { a.came <- struct{}{} }
