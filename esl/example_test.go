package esl_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/esl/esltest"
)

// exampleSwitch is an event socket in this process, with password "ClueCon", in place of an exchange.
func exampleSwitch() (address string, b *esltest.Backend, stop func()) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	b = &esltest.Backend{Answers: map[string][]string{
		"status": {"UP 0 years, 0 days, 1 hour\n"}, "originate user/1000 &park()": {"+OK 7b0c3ee2-0f4b-4a30-9a3a-1c9f7a8e4d51\n"},
	}}
	s := &esl.Server{Password: func() string { return "ClueCon" }, Backend: b}
	go s.Serve(ln)
	return ln.Addr().String(), b, func() { s.Shutdown(context.Background()) }
}

func ExampleDial() {
	address, _, stop := exampleSwitch()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	c, err := esl.Dial(ctx, address, "ClueCon")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	text, err := c.API(ctx, "status")
	fmt.Print(text, err)
	// Output:
	// UP 0 years, 0 days, 1 hour
	// <nil>
}

func ExampleClient_BGAPI() {
	address, _, stop := exampleSwitch()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	c, err := esl.Dial(ctx, address, "ClueCon")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	text, err := c.BGAPI(ctx, "originate user/1000 &park()") // returns when the phone was answered
	fmt.Print(text, err)
	// Output:
	// +OK 7b0c3ee2-0f4b-4a30-9a3a-1c9f7a8e4d51
	// <nil>
}

func ExampleClient_Subscribe() {
	address, b, stop := exampleSwitch()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	c, err := esl.Dial(ctx, address, "ClueCon")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	if err := c.Subscribe(ctx, "CHANNEL_CREATE", "CUSTOM", "sofia::register"); err != nil {
		fmt.Println(err)
		return
	}

	e := b.NewEvent("CHANNEL_CREATE") // the exchange says that a call begins
	e.Add("Caller-Caller-ID-Number", "1000")
	b.Publish(e)

	for e := range c.Events() {
		fmt.Println(e.Name(), e.Value("Caller-Caller-ID-Number"))
		break
	}
	// Output:
	// CHANNEL_CREATE 1000
}

func ExampleReconnector() {
	address, b, stop := exampleSwitch()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())

	r := &esl.Reconnector{
		Dialer:    esl.Dialer{Address: address, Password: "ClueCon"},
		Subscribe: []string{"HEARTBEAT"},
		Connected: func(ctx context.Context, c *esl.Client, gap *esl.Gap) error {
			fmt.Println("connected, missed events:", gap != nil)
			b.Publish(b.NewEvent("HEARTBEAT"))
			return nil
		},
		Event: func(e *esl.Event) {
			fmt.Println(e.Name())
			cancel()
		},
	}
	fmt.Println(r.Run(ctx))
	// Output:
	// connected, missed events: false
	// HEARTBEAT
	// esl: reconnect: context canceled
}

func ExampleOutboundServer() {
	srv := &esl.OutboundServer{
		Handler: func(ctx context.Context, s *esl.Session) {
			fmt.Println("call of", s.Variable("sip_from_user"))
			if _, err := s.Execute(ctx, "answer", ""); err != nil {
				return
			}
			e, err := s.Execute(ctx, "playback", "tone_stream://%(200,0,440)")
			if err != nil {
				return
			}
			fmt.Println(e.Value("Application-Response"))
			s.Hangup(ctx, "NORMAL_CLEARING")
		},
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go srv.Serve(ln)
	defer srv.Close()

	call := &esltest.Call{ // an exchange whose dialplan says: socket 127.0.0.1:PORT async full
		UUID:      "d158c589-36b8-4894-9200-eedfed255f73",
		Variables: map[string]string{"sip_from_user": "1000"},
		Run:       func(application, argument string) string { return "FILE PLAYED" },
	}
	if err := call.Dial(context.Background(), ln.Addr().String()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// call of 1000
	// FILE PLAYED
}
