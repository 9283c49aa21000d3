package sip_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/siptest"
)

// answering answers every call.
type answering struct {
	sip.NopSessionHandler
	bye chan struct{}
}

func (a answering) OnBye(*sip.Session, *sip.Request) { a.bye <- struct{}{} }

// TestSetListeners: a call on a UDP socket that is taken away goes on until it ends; then the socket is closed. Connections stay.
func TestSetListeners(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	h := answering{bye: make(chan struct{}, 1)}
	st, err := sip.NewStack(sip.Config{
		Listeners: []sip.Listener{{Transport: "udp", Addr: "127.0.0.1:0"}, {Transport: "tcp", Addr: "127.0.0.1:0"}},
		Limits:    sip.Limits{Ping: 40 * time.Millisecond},
		Handler: sip.HandlerFunc(func(tx *sip.ServerTx) {
			if tx.Request().Method != sip.INVITE {
				_ = tx.Respond(tx.NewResponse(200, ""))
				return
			}
			if s, err := tx.Stack().AcceptSession(tx, h); err == nil {
				_ = s.Accept([]byte("v=0\r\n"))
			}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	udp, tcp := st.Addr("udp").String(), st.Addr("tcp").String()
	dial := func(transport, addr string) *siptest.UA {
		ua, err := siptest.Dial(ctx, siptest.Config{Transport: transport, Addr: addr})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(ua.Close)
		return ua
	}
	phone, connected := dial("udp", udp), dial("tcp", tcp)
	if _, err := connected.Do(ctx, connected.Request("OPTIONS", "x", "", nil)); err != nil {
		t.Fatal(err)
	}
	c, err := phone.Invite("x", []byte("v=0\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.WaitAnswered(ctx); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := st.SetListeners([]sip.Listener{{Transport: "udp", Addr: "127.0.0.1:0"}, {Transport: "tcp", Addr: taken.Addr().String()}}); err == nil {
		t.Fatal("bound an address that is taken")
	}
	if st.Addr("udp").String() != udp || st.Addr("tcp").String() != tcp {
		t.Fatal("a failure changed listeners")
	}
	if err := st.SetListeners([]sip.Listener{{Transport: "udp", Addr: "127.0.0.2:0"}}); err != nil {
		t.Fatal(err)
	}
	if st.Addr("tcp") != nil || st.Addr("udp").String() == udp {
		t.Fatalf("listens on %v and %v", st.Addr("udp"), st.Addr("tcp"))
	}
	if _, err := net.DialTimeout("tcp", tcp, time.Second); err == nil {
		t.Fatal("the old TCP listener still takes connections")
	}
	if _, err := connected.Do(ctx, connected.Request("OPTIONS", "x", "", nil)); err != nil {
		t.Fatalf("the old connection: %v", err)
	}
	other := dial("udp", st.Addr("udp").String())
	if _, err := other.Do(ctx, other.Request("OPTIONS", "x", "", nil)); err != nil {
		t.Fatalf("the new socket: %v", err)
	}
	if err := c.Bye(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-h.bye:
	case <-ctx.Done():
		t.Fatal("no BYE on the old socket")
	}
	for { // until the sweep has closed it
		probe, err := net.ListenPacket("udp", udp)
		if err == nil {
			probe.Close()
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal("the old UDP socket is still open")
		case <-time.After(10 * time.Millisecond):
		}
	}
}
