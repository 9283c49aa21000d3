package digest

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func lookup1000(user, _ string) (HA1, bool) { return HA1{Password: "secret"}, user == "1000" }

func authorize(t *testing.T, c *Client, challenge, user, password string) string {
	t.Helper()
	v, err := c.Authorize(challenge, "REGISTER", "sip:example.com", user, password)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func verify(s *Server, header, method string, lookup Lookup) Result {
	c, err := s.Read(header)
	if err != nil {
		return Result{}
	}
	return s.Verify(&c, method, lookup)
}

func TestVerify(t *testing.T) {
	s := New(Config{SHA256: true})
	challenges := s.Challenge("example.com", "", false)
	if len(challenges) != 2 || !strings.Contains(challenges[0], "algorithm=MD5") {
		t.Fatalf("MD5 must come first: %q", challenges)
	}
	other := New(Config{}).Challenge("example.com", "", false)[0]
	noQop := func() string { return strings.Replace(s.Challenge("example.com", "", false)[0], `, qop="auth"`, "", 1) }()
	ha1 := md5Algorithm.hash("1000", "example.com", "secret")
	tests := []struct {
		name      string
		challenge string
		user, pw  string
		method    string
		lookup    Lookup
		ok, stale bool
	}{
		{"right", challenges[0], "1000", "secret", "REGISTER", lookup1000, true, false},
		{"right sha-256", challenges[1], "1000", "secret", "REGISTER", lookup1000, true, false},
		{"a1-hash", challenges[0], "1000", "secret", "REGISTER", func(string, string) (HA1, bool) { return HA1{MD5: ha1}, true }, true, false},
		{"no qop", noQop, "1000", "secret", "REGISTER", lookup1000, true, false},
		{"wrong password", challenges[0], "1000", "wrong", "REGISTER", lookup1000, false, false},
		{"unknown user", challenges[0], "1001", "secret", "REGISTER", lookup1000, false, false},
		{"other method", challenges[0], "1000", "secret", "INVITE", lookup1000, false, false},
		{"foreign nonce", other, "1000", "secret", "REGISTER", lookup1000, false, true},
		{"empty password", challenges[0], "1000", "", "REGISTER", func(string, string) (HA1, bool) { return HA1{}, true }, false, false},
		{"other realm", strings.Replace(challenges[0], "example.com", "evil.com", 1), "1000", "secret", "REGISTER", lookup1000, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clear(s.current) // each case uses its nonce for the first time
			r := verify(s, authorize(t, &Client{}, tt.challenge, tt.user, tt.pw), tt.method, tt.lookup)
			if r.OK != tt.ok || r.Stale != tt.stale || r.User != tt.user {
				t.Errorf("got %+v, want ok=%v stale=%v", r, tt.ok, tt.stale)
			}
		})
	}
}

func TestReplay(t *testing.T) {
	s := New(Config{})
	c := &Client{}
	ch := s.Challenge("r", "", false)[0]
	first := authorize(t, c, ch, "1000", "secret")
	if r := verify(s, first, "REGISTER", lookup1000); !r.OK {
		t.Fatalf("first use: %+v", r)
	}
	if r := verify(s, first, "REGISTER", lookup1000); r.OK || !r.Stale {
		t.Fatalf("replay: %+v", r)
	}
	if r := verify(s, authorize(t, c, ch, "1000", "secret"), "REGISTER", lookup1000); !r.OK {
		t.Fatalf("next count: %+v", r)
	}
	old := strings.Replace(ch, `, qop="auth"`, "", 1)
	if r := verify(s, authorize(t, c, old, "1000", "secret"), "REGISTER", lookup1000); r.OK {
		t.Fatal("a nonce without qop was accepted although it had been used")
	}
}

func TestReplayTableIsBounded(t *testing.T) {
	s := New(Config{Replays: 10})
	for i := range 20 {
		r := verify(s, authorize(t, &Client{}, s.Challenge("r", "", false)[0], "1000", "secret"), "REGISTER", lookup1000)
		if r.OK != (i < 10) {
			t.Fatalf("use %d: %+v", i, r)
		}
	}
}

func TestLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Lifetime: 30 * time.Second})
		c := &Client{}
		ch := s.Challenge("r", "", false)[0]
		for i, want := range []bool{true, true, true, false} {
			r := verify(s, authorize(t, c, ch, "1000", "secret"), "REGISTER", lookup1000)
			if r.OK != want || r.Stale == want {
				t.Fatalf("use %d at %ds: %+v", i, i*14, r)
			}
			time.Sleep(14 * time.Second)
		}
	})
}

func TestWindow(t *testing.T) {
	var w window
	for _, step := range []struct {
		nc   uint32
		want bool
	}{{1, true}, {1, false}, {3, true}, {2, true}, {2, false}, {200, true}, {3, false}, {137, true}, {136, false}, {1 << 31, true}, {200, false}} {
		if got := w.use(step.nc); got != step.want {
			t.Errorf("use(%d) = %v", step.nc, got)
		}
	}
}

// The example of RFC 2617 §3.5.
func TestResponseVector(t *testing.T) {
	ha1 := md5Algorithm.hash("Mufasa", "testrealm@host.com", "Circle Of Life")
	got := md5Algorithm.response(ha1, "dcd98b7102dd2f0e8b11d0f600bfb0c093", "00000001", "0a4f113b", "auth", "GET", "/dir/index.html")
	if want := "6629fae49393a05397450978507c4ef1"; got != want {
		t.Errorf("got %s want %s", got, want)
	}
}

func TestClientChoosesAlgorithm(t *testing.T) {
	for _, tt := range []struct {
		name, challenge string
		ok              bool
	}{
		{"default", `Digest realm="a", nonce="b"`, true},
		{"auth-int only", `Digest realm="a", nonce="b", qop="auth-int"`, false},
		{"both", `Digest realm="a", nonce="b", qop="auth-int, auth"`, true},
		{"unknown hash", `Digest realm="a", nonce="b", algorithm=SHA-512`, false},
		{"no nonce", `Digest realm="a"`, false},
		{"basic", `Basic realm="a"`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := (&Client{}).Authorize(tt.challenge, "GET", "/", "u", "p")
			if (err == nil) != tt.ok {
				t.Errorf("err %v", err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`Digest username="1000", realm="a \" b", nonce="n", qop=auth, nc=00000001, response="x"`)
	f.Add(`Digest a="`)
	f.Add(`digest a=b,,c="d" , e=f`)
	f.Fuzz(func(t *testing.T, s string) {
		p, err := Parse(s)
		if err != nil {
			return
		}
		for _, p := range p {
			again, err := Parse(fmt.Sprintf("Digest %s=%s", p.Name, quote(p.Value)))
			if err != nil || again.Get(p.Name) != p.Value {
				t.Fatalf("%q does not survive: %v %v", p, again, err)
			}
		}
		verify(New(Config{}), s, "REGISTER", lookup1000)
	})
}
