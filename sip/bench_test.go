package sip_test

import (
	"testing"

	"github.com/talkpath/talkpath/sip"
	"github.com/talkpath/talkpath/sip/siptest"
)

// BenchmarkRegister is one REGISTER without challenge, client and server in one process.
func BenchmarkRegister(b *testing.B) {
	for _, transport := range []string{"udp", "tcp", "ws"} {
		b.Run(transport, func(b *testing.B) {
			s := &testServer{}
			stack, err := sip.NewStack(sip.Config{Listeners: []sip.Listener{{Transport: transport, Addr: "127.0.0.1:0"}},
				Handler: sip.HandlerFunc(func(tx *sip.ServerTx) { _ = tx.Respond(tx.NewResponse(200, "")) })})
			if err != nil {
				b.Fatal(err)
			}
			s.Stack = stack
			defer s.Close()
			ua, err := siptest.Dial(b.Context(), siptest.Config{Transport: transport, Addr: stack.Addr(transport).String()})
			if err != nil {
				b.Fatal(err)
			}
			defer ua.Close()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ua.Register(b.Context(), "1000", "secret", 600); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
