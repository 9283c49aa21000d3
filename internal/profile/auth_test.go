package profile

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/talkpath/talkpath/sip"
)

func TestS17RegisterRefused(t *testing.T) {
	cases := []struct {
		name, user, password string
		as                   string // the address registered, when not the user's own
	}{
		{"wrong password", "1000", "no", ""},
		{"unknown user", "nobody", "no", ""},
		{"another user's address", "1000", "pw1000", "1001"},
	}
	var answers []string
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			p := s.phone("udp", tc.user, tc.password)
			res := p.authorized(func() *sip.Request {
				to := tc.user
				if tc.as != "" {
					to = tc.as
				}
				return p.request(sip.REGISTER, to)
			})
			want(t, "status", res.StatusCode, 403)
			want(t, "bindings", s.reg.Count(), 0)
			want(t, "events", s.names(3), []string{"sofia::pre_register", "sofia::register_attempt", "sofia::register_failure"})
			var names []string
			for _, h := range res.Headers() {
				names = append(names, h.Name())
			}
			answers = append(answers, res.StartLine()+" "+strings.Join(names, " "))
		})
	}
	want(t, "a guesser cannot tell an unknown user", answers[1], answers[0])
}

func TestS17Lockout(t *testing.T) {
	s := start(t)
	p := s.phone("udp", "1000", "no")
	for range lockAfter {
		want(t, "wrong", p.register("600").StatusCode, 403)
	}
	p.password = "pw1000"
	want(t, "right password while locked", p.register("600").StatusCode, 403)
	q := s.phone("udp", "1001", "pw1001")
	want(t, "another user of the address", q.register("600").StatusCode, 200)
}

func TestS17LockoutTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLockout()
		addr := "192.0.2.1"
		for i := range lockAfter - 1 {
			want(t, fmt.Sprint("failure ", i), l.failed(addr, "u"), time.Duration(0))
		}
		want(t, "first lock", l.failed(addr, "u"), lockFirst)
		want(t, "locked", l.locked(addr, "u"), true)
		want(t, "elsewhere", l.locked("192.0.2.2", "u"), false)
		time.Sleep(lockFirst)
		want(t, "over", l.locked(addr, "u"), false)
		want(t, "second lock", l.failed(addr, "u"), 2*lockFirst)
		for range 100 {
			l.failed(addr, "u")
		}
		want(t, "longest", l.failed(addr, "u"), lockLongest)
		time.Sleep(lockMemory + time.Second)
		want(t, "forgotten", l.failed(addr, "u"), time.Duration(0))
		l.succeeded(addr, "u")
		for i := range lockEntries + 100 {
			l.failed(addr, fmt.Sprint("u", i))
		}
		want(t, "bounded", len(l.entries), lockEntries)
	})
}

// TestS17GuesserAtTheSameAddress: guesses lock out nobody who is registered by a connection, even from the same address.
func TestS17GuesserAtTheSameAddress(t *testing.T) {
	s := start(t)
	victim, guesser := s.phone("ws", "1000", "pw1000"), s.phone("ws", "1000", "no")
	want(t, "register", victim.register("600").StatusCode, 200)
	for range lockAfter + 1 {
		want(t, "wrong", guesser.register("600").StatusCode, 403)
	}
	guesser.password = "pw1000"
	want(t, "right guess while locked", guesser.register("600").StatusCode, 403)
	want(t, "refresh", victim.register("600").StatusCode, 200)
}

// TestS17ForgedAddress: wrong passwords from a forged address count against who got the nonce, and without a nonce of ours not at all.
func TestS17ForgedAddress(t *testing.T) {
	s := start(t)
	p := s.phone("udp", "1000", "no")
	guess := func(challenge string) *sip.Response {
		req := p.request(sip.REGISTER, "1000")
		value, err := p.auth.Authorize(challenge, "REGISTER", req.Recipient.String(), "1000", p.password)
		if err != nil {
			t.Fatal(err)
		}
		req.AppendHeader(sip.NewHeader("Authorization", value))
		return p.send(req)
	}
	elsewhere := s.p.digest.Load().Challenge("example.com", "192.0.2.1", false)[0]
	for range lockAfter {
		want(t, "a nonce of another address", guess(elsewhere).StatusCode, 403)
		res := guess(`Digest realm="example.com", nonce="made-up", qop="auth"`)
		want(t, "made-up nonce", res.StatusCode, 401)
		want(t, "stale", strings.Contains(headerValue(res, "WWW-Authenticate"), "stale=true"), true)
	}
	p.password = "pw1000"
	want(t, "the guesser is locked", guess(elsewhere).StatusCode, 403)
	want(t, "the owner of the address is not", p.register("600").StatusCode, 200)
}

// TestS17LockEnds: a phone that keeps asking while it is locked does not prolong that.
func TestS17LockEnds(t *testing.T) {
	s := start(t)
	p := s.phone("udp", "1000", "no")
	for range lockAfter {
		p.register("600")
	}
	p.password = "pw1000"
	for range 3 {
		want(t, "locked", p.register("600").StatusCode, 403)
	}
	s.p.lock.mu.Lock()
	defer s.p.lock.mu.Unlock()
	want(t, "entries", len(s.p.lock.entries), 1)
	for _, el := range s.p.lock.entries {
		want(t, "failures", el.Value.(*lockEntry).fails, lockAfter)
	}
}

// TestDigestOfAnotherRequest: credentials serve for the method and number they were made for, once.
func TestDigestOfAnotherRequest(t *testing.T) {
	s := start(t)
	p := s.phone("udp", "1000", "pw1000")
	offer := func(to string) *sip.Request {
		req := p.request(sip.INVITE, to)
		req.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		req.SetBody([]byte(testOffer))
		return req
	}
	for _, tc := range []struct {
		name, method, uri, to string
		status                int // 0: taken
	}{
		{"its own", "INVITE", "sip:1001@example.com", "1001", 0},
		{"host, port and parameters differ", "INVITE", "sip:1001@10.0.0.1:5060;transport=ws", "1001", 0},
		{"without user", "INVITE", "sip:example.com", "1001", 0},
		{"another number", "INVITE", "sip:1001@example.com", "900123", 403},
		{"another method", "REGISTER", "sip:example.com", "1001", 403},
		{"without URI", "INVITE", "", "1001", 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p.callID = "digest-" + tc.name
			challenge := s.p.digest.Load().Challenge("example.com", "127.0.0.1", false)[0]
			value, err := p.auth.Authorize(challenge, tc.method, tc.uri, "1000", "pw1000")
			if err != nil {
				t.Fatal(err)
			}
			for i, status := range []int{tc.status, 407} { // the second time is a replay
				if tc.status != 0 && i > 0 {
					break
				}
				req, c := offer(tc.to), newPhoneCall()
				p.callID += "+"
				req.AppendHeader(sip.NewHeader("Proxy-Authorization", value))
				if _, err := p.stack.Invite(req, p.flow, c); err != nil {
					t.Fatal(err)
				}
				if status == 0 {
					recv(t, s.core.calls, "call")
					continue
				}
				want(t, fmt.Sprint("use ", i), recv(t, c.rejected, "refusal").StatusCode, status)
			}
		})
	}
}

func TestSameUser(t *testing.T) {
	for _, tc := range []struct {
		digest, target string
		same           bool
	}{
		{"sip:1001@a", "sip:1001@b:5070;transport=tcp", true},
		{"sip:+4930%31@a", "sip:+49301@a", true},
		{"sip:a%zz@a", "sip:a%zz@a", true},
		{"sip:a%zz@a", "sip:a@a", false},
		{"sip:1001@a", "sip:1002@a", false},
		{"sip:Bob@a", "sip:bob@a", false},
		{"sip:a", "sip:bob@a", true},
		{"*", "sip:bob@a", true},
	} {
		target, err := sip.ParseURI(tc.target)
		if err != nil {
			t.Fatal(err)
		}
		if got := sameUser(tc.digest, &target); got != tc.same {
			t.Errorf("%s for %s: %v", tc.digest, tc.target, got)
		}
	}
}
