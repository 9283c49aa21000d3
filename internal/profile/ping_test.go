package profile

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

// TestPingWheel: ten thousand contacts have their turns in thirty seconds, at most a thousand a second, each once; those that come all at once are
// spread; who is gone is forgotten.
func TestPingWheel(t *testing.T) {
	const contacts, interval, most = 10_000, 30, 1000
	var w pingWheel
	w.turn(1_000_000, most)
	for i := range contacts {
		w.add(pingKey{user: strconv.Itoa(i)}, 1_000_001) // all in the same second
	}
	w.add(pingKey{user: "7"}, 1_000_001) // again
	asked := map[string]int{}
	for now := int64(1_000_001); now <= 1_000_000+2*interval; now++ {
		due, _ := w.turn(now, most)
		if len(due) > most {
			t.Fatalf("%d in one second", len(due))
		}
		for _, c := range due {
			asked[c.key.user]++
			w.put(c, now+interval)
		}
	}
	if len(asked) != contacts {
		t.Fatalf("%d of %d contacts were asked", len(asked), contacts)
	}
	for user, n := range asked {
		if n != 2 {
			t.Fatalf("%s was asked %d times in two intervals", user, n)
		}
	}
	t.Run("later than the wheel is long", func(t *testing.T) {
		var w pingWheel
		w.turn(100, most)
		w.add(pingKey{user: "a"}, 100+3*pingSlots)
		for now := int64(101); now <= 100+3*pingSlots; now++ {
			due, _ := w.turn(now, most)
			if is := now == 100+3*pingSlots; is != (len(due) == 1) {
				t.Fatalf("second %d: %d due", now-100, len(due))
			}
			for _, c := range due {
				w.drop(c)
			}
		}
		want(t, "left", len(w.contacts), 0)
	})
	t.Run("after a sleep", func(t *testing.T) {
		var w pingWheel
		w.turn(100, most)
		w.add(pingKey{user: "a"}, 105)
		due, _ := w.turn(1_000_000, most)
		want(t, "due", len(due), 1)
	})
}

// withParams sets parameters of the profile, "name=value" each.
func withParams(t *testing.T, params ...string) func(*Config) {
	t.Helper()
	var b strings.Builder
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		fmt.Fprintf(&b, `<param name="%s" value="%s"/>`, name, value)
	}
	snap := loadTree(t, strings.Replace(testTree, `<param name="context"`, b.String()+`<param name="context"`, 1))
	return func(c *Config) { c.Snapshot = func() *config.Snapshot { return snap } }
}

// TestOptionsPing: a registered phone is asked by OPTIONS; when it stops to answer 200 or 486 it is unreachable, and when it answers again it is not.
func TestOptionsPing(t *testing.T) {
	s := startWith(t, registrar.Config{}, withParams(t, "all-reg-options-ping=true", "ping-mean-interval=1"))
	p := s.phone("udp", "1000", "pw1000")
	asked := make(chan *sip.Request, 9)
	answer := make(chan int, 1)
	status := 500
	p.options = func(tx *sip.ServerTx) {
		select {
		case status = <-answer:
		default:
		}
		select {
		case asked <- tx.Request():
		default:
		}
		_ = tx.Respond(tx.NewResponse(status, ""))
	}
	want(t, "register", p.register("600").StatusCode, 200)
	req := recv(t, asked, "OPTIONS")
	want(t, "target", req.Recipient.String(), p.contact.String())
	want(t, "To", req.To().Address.String(), "sip:1000@example.com")
	want(t, "From", req.From().Address.String(), s.p.URL())
	if _, after, ok := strings.Cut(callID(req), "_"); !ok || after != p.callID {
		t.Errorf("Call-ID %s, registered with %s", callID(req), p.callID)
	}
	e := s.until("sofia::sip_user_state")
	var got []string
	for _, h := range e.headers {
		got = append(got, h[0])
	}
	want(t, "headers", strings.Join(got, " "), "sip_contact profile-name sip_user from-user from-host call-id Ping-Status Status Phrase")
	want(t, "state", []string{header(e, "sip_user"), header(e, "Ping-Status"), header(e, "Status"), header(e, "Phrase")},
		[]string{"1000@example.com", "UNREACHABLE", "500", "Server Internal Error"})
	b := s.reg.Lookup("1000", "example.com")
	want(t, "bindings", len(b), 1)
	state, _ := s.p.Pinged(&b[0])
	want(t, "ping status", state, "Unreachable")
	answer <- 486
	e = s.until("sofia::sip_user_state")
	want(t, "state", []string{header(e, "Ping-Status"), header(e, "Status")}, []string{"REACHABLE", "486"})
	state, took := s.p.Pinged(&b[0])
	if state != "Reachable" || took <= 0 {
		t.Errorf("ping status %s after %v", state, took)
	}
}

// TestOptionsPingUnregisters: with unregister-on-options-fail a contact that does not answer is registered no more.
func TestOptionsPingUnregisters(t *testing.T) {
	s := startWith(t, registrar.Config{}, withParams(t, "nat-options-ping=true", "unregister-on-options-fail=true", "ping-mean-interval=1"))
	p := s.phone("ws", "1000", "pw1000")
	p.options = func(tx *sip.ServerTx) { _ = tx.Respond(tx.NewResponse(404, "")) }
	want(t, "register", p.register("600").StatusCode, 200)
	s.until("sofia::sip_user_state")
	want(t, "who", header(s.until("sofia::expire"), "user"), "1000")
	want(t, "left", s.reg.Count(), 0)
}

// TestWhoIsPinged: all contacts, those behind a NAT, those of them on UDP, or those of users who want it.
func TestWhoIsPinged(t *testing.T) {
	nat := registrar.Binding{User: "1000", Domain: "example.com", Transport: "udp", ContactHost: "10.0.0.1:5060"}
	plain := nat
	plain.ContactHost = "127.0.0.1:5060"
	plain.Remote, nat.Remote = netip.MustParseAddrPort("127.0.0.1:5060"), netip.MustParseAddrPort("127.0.0.1:5060")
	browser := nat
	browser.Transport = "wss"
	wanted := strings.Replace(testTree, `<user id="1000">`, `<user id="1000"><variables><variable name="force_ping" value="true"/></variables>`, 1)
	tests := []struct {
		name, param, tree   string
		plain, nat, browser bool
	}{
		{"nobody", `user-agent-string=x`, testTree, false, false, false},
		{"all", "all-reg-options-ping=true", testTree, true, true, true},
		{"behind NAT", "nat-options-ping=true", testTree, false, true, true},
		{"on UDP behind NAT", "nat-options-ping=udp-only", testTree, false, true, false},
		{"a user's own", "user-agent-string=x", wanted, true, true, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			name, value, _ := strings.Cut(test.param, "=")
			snap := loadTree(t, strings.Replace(test.tree, `<param name="context"`, `<param name="`+name+`" value="`+value+`"/><param name="context"`, 1))
			view := &snap.Profiles[0]
			got := []bool{wantsPing(snap, view, &plain), wantsPing(snap, view, &nat), wantsPing(snap, view, &browser)}
			want(t, "plain, nat, browser", got, []bool{test.plain, test.nat, test.browser})
		})
	}
}
