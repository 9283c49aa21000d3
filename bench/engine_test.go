package bench

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/media"
)

// TestEngineRelays makes calls of all kinds through the media engine alone.
func TestEngineRelays(t *testing.T) {
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.LocalAddr().String()
	free.Close()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	var out, errs bytes.Buffer
	go func() {
		ended <- Program{Name: "bench", Stdout: &out, Stderr: &errs}.Run(ctx, []string{"engine", "-ng", address})
	}()
	for _, legs := range []string{"plain", "plain,sdes", "browser,plain", "browser"} {
		t.Run(legs, func(t *testing.T) {
			code, stdout, stderr := run(t, "relay", "-ng", address, "-legs", legs, "-calls", "4", "-hold", "300ms", "-timeout", "20s", "-quiet")
			if code != 0 || !strings.Contains(stdout, "4 succeeded, 0 failed") {
				t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
			}
		})
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d, %s", code, &errs)
	}
}

// TestEngineRequests asks for what cannot be done, and twice for what can.
func TestEngineRequests(t *testing.T) {
	e, err := media.NewEngine(media.Config{ListenIP: netip.MustParseAddr("127.0.0.1"), MuxTCPPort: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s := &ngServer{engine: e, calls: map[string]*ngCall{}}
	for _, c := range []struct {
		name    string
		request string
		want    string // "" = no reply
	}{
		{"ping", "c1 d7:command4:pinge", "c1 d6:result4:ponge"},
		{"the same again", "c1 d7:command4:quite", "c1 d6:result4:ponge"},
		{"no bencode", "c2 hello", ""},
		{"no dictionary", "c3 i1e", ""},
		{"nothing", "", ""},
		{"unknown command", "c4 d7:command4:quite", "c4 d12:error-reason20:unrecognized command6:result5:errore"},
		{"no call", "c5 d7:command6:answere", "c5 d12:error-reason15:unknown call-id6:result5:errore"},
		{"unknown transport", "c6 d7:command5:offere", `c6 d12:error-reason21:transport-protocol ""6:result5:errore`},
		{"end of no call", "c7 d7:command6:deletee", "c7 d6:result2:oke"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(s.reply([]byte(c.request))); got != c.want {
				t.Errorf("%q, not %q", got, c.want)
			}
		})
	}
	bad := s.reply(appendBencode([]byte("c8 "), map[string]any{"command": "offer", "call-id": "x", "transport-protocol": "RTP/AVP", "sdp": "v=1"}))
	if !strings.Contains(string(bad), "error-reason") {
		t.Errorf("%q", bad)
	}
}
