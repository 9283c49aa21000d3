package extip

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/stun/v4"

	"github.com/talkpath/talkpath/internal/config"
)

// responder is a STUN server on loopback. answer makes its response; nil loses the request.
func responder(t *testing.T, network, addr string, answer func(request *stun.Message, from *net.UDPAddr) *stun.Message) config.Question {
	t.Helper()
	conn, err := net.ListenPacket(network, addr)
	if err != nil {
		t.Skipf("no %s: %v", network, err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { conn.Close(); wg.Wait() })
	wg.Go(func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			request := &stun.Message{Raw: append([]byte(nil), buf[:n]...)}
			if request.Decode() != nil || request.Type != stun.BindingRequest {
				continue
			}
			if response := answer(request, from.(*net.UDPAddr)); response != nil {
				_, _ = conn.WriteTo(response.Raw, from) // a lost answer is asked for again
			}
		}
	})
	return config.Question{STUN: conn.LocalAddr().String(), IPv6: network == "udp6"}
}

// says answers with an address, in the attribute of today's servers.
func says(ip string) func(*stun.Message, *net.UDPAddr) *stun.Message {
	return func(request *stun.Message, _ *net.UDPAddr) *stun.Message {
		return stun.MustBuild(request, stun.BindingSuccess, &stun.XORMappedAddress{IP: net.ParseIP(ip), Port: 4321}, stun.Fingerprint)
	}
}

func TestAnswer(t *testing.T) {
	dropped := new(atomic.Int32)
	for _, tc := range []struct {
		name, network, listen string
		answer                func(*stun.Message, *net.UDPAddr) *stun.Message
		want, fails           string
	}{
		{"XOR-MAPPED-ADDRESS", "udp4", "127.0.0.1:0", says("203.0.113.9"), "203.0.113.9", ""},
		{"what the server sees", "udp4", "127.0.0.1:0", func(m *stun.Message, from *net.UDPAddr) *stun.Message {
			return stun.MustBuild(m, stun.BindingSuccess, &stun.XORMappedAddress{IP: from.IP, Port: from.Port})
		}, "127.0.0.1", ""},
		{"IPv6", "udp6", "[::1]:0", says("2001:db8::9"), "2001:db8::9", ""},
		{"MAPPED-ADDRESS of an old server", "udp4", "127.0.0.1:0", func(m *stun.Message, _ *net.UDPAddr) *stun.Message {
			return stun.MustBuild(m, stun.BindingSuccess, &stun.MappedAddress{IP: net.IPv4(203, 0, 113, 8), Port: 1})
		}, "203.0.113.8", ""},
		{"the first request is lost", "udp4", "127.0.0.1:0", func(m *stun.Message, from *net.UDPAddr) *stun.Message {
			if dropped.Add(1) == 1 {
				return nil
			}
			return says("203.0.113.7")(m, from)
		}, "203.0.113.7", ""},
		{"a refusal", "udp4", "127.0.0.1:0", func(m *stun.Message, _ *net.UDPAddr) *stun.Message {
			return stun.MustBuild(m, stun.BindingError, stun.CodeServerError)
		}, "", "error response"},
		{"no address", "udp4", "127.0.0.1:0", func(m *stun.Message, _ *net.UDPAddr) *stun.Message { return stun.MustBuild(m, stun.BindingSuccess) }, "", errUseless.Error()},
		{"an address nobody has", "udp4", "127.0.0.1:0", says("0.0.0.0"), "", errUseless.Error()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := responder(t, tc.network, tc.listen, tc.answer)
			f := New(Config{Timeout: time.Minute})
			defer f.Close()
			addr, err := f.answer(t.Context(), q)
			switch {
			case tc.fails != "":
				if err == nil || !strings.Contains(err.Error(), tc.fails) {
					t.Errorf("answer %v, error %v; want an error with %q", addr, err, tc.fails)
				}
			case err != nil || addr.String() != tc.want:
				t.Errorf("answer %v, error %v; want %s", addr, err, tc.want)
			}
		})
	}
}

// TestForgedAnswer checks that an answer with another transaction's id does not count.
func TestForgedAnswer(t *testing.T) {
	sent := make(chan struct{}, 16)
	q := responder(t, "udp4", "127.0.0.1:0", func(*stun.Message, *net.UDPAddr) *stun.Message {
		sent <- struct{}{}
		return stun.MustBuild(stun.TransactionID, stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IPv4(198, 51, 100, 66), Port: 1})
	})
	f := New(Config{})
	defer f.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-sent; <-sent; cancel() }() // the client asked again after the forged answer
	if addr, err := f.answer(ctx, q); !errors.Is(err, context.Canceled) {
		t.Errorf("answer %v, error %v; want none", addr, err)
	}
}

// scripted is a resolver that answers in turn; the last answer stays.
type scripted struct {
	mu      sync.Mutex
	asked   int
	answers []string // "" fails
}

func (s *scripted) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := s.answers[min(s.asked, len(s.answers)-1)]
	s.asked++
	if answer == "" {
		return nil, errors.New("no network")
	}
	return []netip.Addr{netip.MustParseAddr(answer)}, nil
}

func (s *scripted) times() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// TestFollow goes through the life of a question: failures with growing pauses, an answer, the same answer, another one, failures again.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &scripted{answers: []string{"", "", "203.0.113.1", "203.0.113.1", "203.0.113.2", ""}}
		var log bytes.Buffer
		var found []string
		f := New(Config{Resolver: dns, Retry: time.Second, Refresh: time.Minute, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Found: func(_ config.Question, addr netip.Addr) { found = append(found, addr.String()) }})
		q := config.Question{Host: "pbx.example"}
		f.Ask([]config.Question{q})
		f.Ask([]config.Question{q}) // a reload asks for the same
		for _, step := range []struct {
			after time.Duration
			asked int
			known string
		}{
			{0, 1, ""},
			{time.Second, 2, ""},
			{time.Second, 2, ""}, // the second pause is twice as long
			{time.Second, 3, "203.0.113.1"},
			{time.Minute, 4, "203.0.113.1"},
			{time.Minute, 5, "203.0.113.2"},
			{time.Minute, 6, "203.0.113.2"}, // a failure leaves what was found
			{time.Second, 7, "203.0.113.2"},
		} {
			time.Sleep(step.after)
			synctest.Wait()
			known := ""
			if a, ok := f.Known()[q]; ok {
				known = a.String()
			}
			if dns.times() != step.asked || known != step.known {
				t.Fatalf("asked %d times, knows %q; want %d and %q", dns.times(), known, step.asked, step.known)
			}
		}
		f.Close()
		if got := strings.Join(found, " "); got != "203.0.113.1 203.0.113.2" {
			t.Errorf("told %s", got)
		}
		if n := strings.Count(log.String(), "not found"); n != 2 {
			t.Errorf("%d log lines for two rows of failures:\n%s", n, log.String())
		}
		f.Ask([]config.Question{{Host: "other.example"}})
		synctest.Wait()
		if dns.times() != 7 {
			t.Error("a closed Finder asks")
		}
	})
}

// TestAskLess checks that a question that is no longer in the configuration ends and its address is forgotten.
func TestAskLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &scripted{answers: []string{"203.0.113.1"}}
		f := New(Config{Resolver: dns, Refresh: time.Minute})
		defer f.Close()
		f.Ask([]config.Question{{Host: "pbx.example"}})
		synctest.Wait()
		f.Ask(nil)
		time.Sleep(time.Hour)
		if len(f.Known()) != 0 || dns.times() != 1 {
			t.Errorf("knows %v after %d questions", f.Known(), dns.times())
		}
	})
}
