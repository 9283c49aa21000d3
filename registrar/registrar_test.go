package registrar

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// client is a REGISTER sender without wire.
type client struct {
	t         *testing.T
	r         *Registrar
	user      string
	transport string
	remote    string
	flow      string
	callID    string
	cseq      uint32
	closed    chan struct{}
}

func newClient(t *testing.T, r *Registrar, user, transport, remote string) *client {
	return &client{
		t: t, r: r, user: user, transport: transport, remote: remote, flow: transport + ":" + remote, callID: "call-" + remote,
		closed: make(chan struct{}),
	}
}

func (c *client) request(expires int, uris ...string) registration {
	c.cseq++
	reg := registration{
		profile: "internal", user: c.user, domain: "example.com", callID: c.callID, cseq: c.cseq, userAgent: "test",
		from: source{id: c.flow, transport: c.transport, remote: netip.MustParseAddrPort(c.remote), closed: c.closed},
	}
	for _, u := range uris {
		host := u[strings.Index(u, "@")+1:]
		host, _, _ = strings.Cut(host, ";")
		reg.contacts = append(reg.contacts, contact{uri: u, user: "x", host: host, listable: true})
	}
	if expires >= 0 {
		reg.expires, reg.hasExpires = time.Duration(expires)*time.Second, true
	}
	return reg
}

func (c *client) do(reg registration) outcome {
	c.t.Helper()
	var got outcome
	c.r.handle(reg, func(o outcome) { got = o })
	return got
}

func (c *client) register(expires int, uris ...string) outcome {
	c.t.Helper()
	return c.do(c.request(expires, uris...))
}

func (c *client) star() outcome {
	reg := c.request(0)
	reg.wildcard = true
	return c.do(reg)
}

func open(t *testing.T, cfg Config) *Registrar {
	t.Helper()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func contacts(bs []Binding) []string {
	var out []string
	for _, b := range bs {
		out = append(out, b.Contact)
	}
	return out
}

// uris are those of listed bindings.
func uris(listed []string) []string {
	var out []string
	for _, v := range listed {
		uri, _, _ := strings.Cut(strings.TrimPrefix(v, "<"), ">")
		out = append(out, uri)
	}
	return out
}

// expires is what a listed binding was granted.
func expires(listed string) time.Duration {
	_, v, _ := strings.Cut(listed, ";expires=")
	n, _ := strconv.Atoi(v)
	return time.Duration(n) * time.Second
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func TestBindingIdentity(t *testing.T) {
	const a = "sip:1000@10.0.0.1:5060"
	cases := []struct {
		name     string
		second   func(c *client) // changes the client before its second REGISTER
		contact  string
		bindings int
	}{
		{"refresh", func(*client) {}, a, 1},
		{"another contact of the same client", func(*client) {}, "sip:1000@10.0.0.1:5062", 2},
		{"UDP phone restarted behind a NAT: new port, new Call-ID", func(c *client) {
			c.remote, c.flow, c.callID = "192.0.2.1:6000", "udp:192.0.2.1:6000", "new"
		}, a, 1},
		{"another phone with the same private address", func(c *client) {
			c.remote, c.flow, c.callID = "192.0.2.99:6000", "udp:192.0.2.99:6000", "other"
		}, a, 2},
		{"the client moved to another network within its Call-ID", func(c *client) {
			c.remote, c.flow = "192.0.2.99:6000", "udp:192.0.2.99:6000"
		}, a, 1},
		{"host in other letters", func(*client) {}, "SIP:1000@10.0.0.1:5060", 1},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			r := open(t, Config{})
			c := newClient(t, r, "1000", "udp", "192.0.2.1:5060")
			want(t, "status", c.register(600, a).status, 200)
			tc.second(c)
			out := c.register(600, tc.contact)
			want(t, "status", out.status, 200)
			want(t, "bindings", len(out.bindings), tc.bindings)
			want(t, "count", r.Count(), tc.bindings)
		})
	}
}

func TestInstanceReplacesContact(t *testing.T) {
	r := open(t, Config{})
	c := newClient(t, r, "1000", "wss", "192.0.2.1:1")
	first := c.request(600, "sip:a@x.invalid")
	first.contacts[0].instance, first.contacts[0].regID = `"<urn:uuid:1>"`, "1"
	c.do(first)
	d := newClient(t, r, "1000", "wss", "192.0.2.1:2")
	second := d.request(600, "sip:b@y.invalid")
	second.contacts[0].instance, second.contacts[0].regID = `"<urn:uuid:1>"`, "1"
	want(t, "bindings", uris(d.do(second).bindings), []string{"sip:b@y.invalid"})
	close(c.closed) // the old connection's end must not take the new binding with it
	third := d.request(600, "sip:b@y.invalid")
	third.contacts[0].instance, third.contacts[0].regID = `"<urn:uuid:1>"`, "2"
	want(t, "second flow of the instance", len(d.do(third).bindings), 2)
}

func TestExpiresRules(t *testing.T) {
	r := open(t, Config{MinExpires: 60 * time.Second, MaxExpires: 2 * time.Hour, DefaultExpires: 30 * time.Minute})
	c := newClient(t, r, "1000", "udp", "192.0.2.1:5060")
	out := c.register(5, "sip:1000@192.0.2.1")
	want(t, "too short", out.status, 423)
	want(t, "Min-Expires", out.minExpires, time.Minute)
	want(t, "nothing bound", r.Count(), 0)
	want(t, "capped", expires(c.register(99999, "sip:1000@192.0.2.1").bindings[0]), 2*time.Hour)
	want(t, "default", expires(c.register(-1, "sip:1000@192.0.2.1").bindings[0]), 30*time.Minute)
	own := c.request(600, "sip:1000@192.0.2.1")
	own.contacts[0].expires, own.contacts[0].hasExpires = 100*time.Second, true
	want(t, "the parameter counts before the header", expires(c.do(own).bindings[0]), 100*time.Second)
	want(t, "fetch", len(c.register(-1).bindings), 1)
	gone := c.register(0, "sip:1000@192.0.2.1")
	want(t, "unregister", gone.status, 200)
	want(t, "nothing left", r.Count(), 0)
	want(t, "unregister again", c.register(0, "sip:1000@192.0.2.1").status, 200)
}

func TestCSeqOrder(t *testing.T) {
	r := open(t, Config{})
	c := newClient(t, r, "1000", "udp", "192.0.2.1:5060")
	c.cseq = 10
	c.register(600, "sip:1000@192.0.2.1")
	late := c.request(0, "sip:1000@192.0.2.1")
	late.cseq = 11
	want(t, "old CSeq", c.do(late).status, 500)
	want(t, "still bound", r.Count(), 1)
	star := c.request(0)
	star.cseq, star.wildcard = 11, true
	want(t, "old CSeq of a wildcard", c.do(star).status, 500)
	other := c.request(0, "sip:1000@192.0.2.1")
	other.cseq, other.callID = 1, "rebooted"
	want(t, "another Call-ID starts anew", c.do(other).status, 200)
	want(t, "gone", r.Count(), 0)
}

func TestWildcard(t *testing.T) {
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprintf("strict=%v", strict), func(t *testing.T) {
			r := open(t, Config{StrictWildcard: strict})
			a := newClient(t, r, "1000", "wss", "192.0.2.1:1")
			b := newClient(t, r, "1000", "wss", "192.0.2.1:2")
			a.register(600, "sip:a@x.invalid")
			b.register(600, "sip:b@y.invalid")
			out := a.star()
			want(t, "status", out.status, 200)
			if strict {
				want(t, "left", r.Count(), 0)
			} else {
				want(t, "left", contacts(r.Lookup("1000", "EXAMPLE.com")), []string{"sip:b@y.invalid"})
			}
			bad := a.request(600)
			bad.wildcard = true
			want(t, "without Expires: 0", a.do(bad).status, 400)
			mixed := a.request(0, "sip:a@x.invalid")
			mixed.wildcard = true
			want(t, "with another contact", a.do(mixed).status, 400)
		})
	}
}

func TestTooManyContacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []string
		r := open(t, Config{MaxContacts: 2, OnEvent: func(e Event) { events = append(events, e.Type.String()+" "+e.Binding.Contact) }})
		for i := range 3 {
			c := newClient(t, r, "1000", "udp", fmt.Sprintf("192.0.2.1:%d", 5060+i))
			c.register(600, fmt.Sprintf("sip:1000@192.0.2.1:%d", 5060+i))
			time.Sleep(time.Second)
		}
		want(t, "the oldest made room", contacts(r.Lookup("1000", "example.com")), []string{"sip:1000@192.0.2.1:5061", "sip:1000@192.0.2.1:5062"})
		want(t, "events", events[3], "replaced sip:1000@192.0.2.1:5060")
		c := newClient(t, r, "1000", "udp", "192.0.2.2:1")
		want(t, "too many at once", c.register(600, "sip:a@h", "sip:b@h", "sip:c@h").status, 403)
	})
}

func TestExpiryWithGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []string
		r := open(t, Config{OnEvent: func(e Event) { events = append(events, e.Type.String()) }})
		c := newClient(t, r, "1000", "udp", "192.0.2.1:5060")
		c.register(5, "sip:1000@192.0.2.1")
		time.Sleep(64 * time.Second)
		want(t, "still rings in the grace period", r.Count(), 1)
		want(t, "but is not listed", len(c.register(-1).bindings), 0)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		want(t, "gone", r.Count(), 0)
		want(t, "events", events, []string{"registered", "expired"})
	})
}

func TestRefreshMovesExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Config{Grace: -1})
		c := newClient(t, r, "1000", "udp", "192.0.2.1:5060")
		d := newClient(t, r, "1001", "udp", "192.0.2.1:5061")
		c.register(100, "sip:1000@192.0.2.1")
		d.register(150, "sip:1001@192.0.2.1")
		time.Sleep(90 * time.Second)
		c.register(100, "sip:1000@192.0.2.1")
		time.Sleep(61 * time.Second)
		synctest.Wait()
		want(t, "only the other one ran out", contacts(r.All()), []string{"sip:1000@192.0.2.1"})
		c.register(5, "sip:1000@192.0.2.1")
		time.Sleep(6 * time.Second)
		synctest.Wait()
		want(t, "a shorter time counts at once", r.Count(), 0)
	})
}

func TestFlowClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []string
		r := open(t, Config{OnEvent: func(e Event) { events = append(events, e.Type.String()+" "+e.Binding.Contact) }})
		a := newClient(t, r, "1000", "wss", "192.0.2.1:1")
		b := newClient(t, r, "1000", "wss", "192.0.2.1:2")
		a.register(600, "sip:a@x.invalid")
		b.register(600, "sip:b@y.invalid")
		close(a.closed)
		synctest.Wait()
		want(t, "left", contacts(r.Lookup("1000", "example.com")), []string{"sip:b@y.invalid"})
		want(t, "event", events[2], "flow-closed sip:a@x.invalid")
		// A client that reconnects with its contact and Call-ID takes its binding along; the end of the old socket is no matter then.
		b2 := newClient(t, r, "1000", "wss", "192.0.2.1:3")
		b2.callID, b2.cseq = b.callID, b.cseq
		want(t, "one binding", len(b2.register(600, "sip:b@y.invalid").bindings), 1)
		close(b.closed)
		synctest.Wait()
		want(t, "still there", r.Count(), 1)
		r.Suspend("internal")
		close(b2.closed)
		synctest.Wait()
		want(t, "kept while the server stops", r.Count(), 1)
	})
}

// TestSuspendOneProfile: a profile that restarts keeps its phones, loses its browsers, and leaves another profile alone.
func TestSuspendOneProfile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []string
		r := open(t, Config{OnEvent: func(e Event) { events = append(events, e.Type.String()+" "+e.Binding.Contact) }})
		phone, browser := newClient(t, r, "1000", "tcp", "192.0.2.1:1"), newClient(t, r, "1000", "wss", "192.0.2.1:2")
		other := newClient(t, r, "1000", "wss", "192.0.2.1:3")
		phone.register(600, "sip:phone@192.0.2.1")
		browser.register(600, "sip:browser@x.invalid")
		reg := other.request(600, "sip:other@y.invalid")
		reg.profile = "external"
		other.do(reg)
		r.Suspend("internal")
		for _, c := range []*client{phone, browser, other} {
			close(c.closed)
		}
		synctest.Wait()
		want(t, "while suspended", contacts(r.Lookup("1000", "example.com")), []string{"sip:phone@192.0.2.1", "sip:browser@x.invalid"})
		r.Resume("internal")
		want(t, "afterwards", contacts(r.Lookup("1000", "example.com")), []string{"sip:phone@192.0.2.1"})
		want(t, "its connection", r.All()[0].FlowID, "")
		want(t, "events", events[3:], []string{"flow-closed sip:other@y.invalid", "flow-closed sip:browser@x.invalid"})
		again := newClient(t, r, "1001", "wss", "192.0.2.1:4")
		again.register(600, "sip:again@z.invalid")
		close(again.closed)
		synctest.Wait()
		want(t, "connections count again", len(r.Lookup("1001", "example.com")), 0)
	})
}

func TestForcedExpiresAndRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Config{})
		c := newClient(t, r, "1000", "udp", "192.0.2.1:5060")
		reg := c.request(3600, "sip:a@192.0.2.1")
		reg.grant = func(time.Duration) time.Duration { return 90 * time.Second }
		want(t, "granted", expires(c.do(reg).bindings[0]), 90*time.Second)
		reg = c.request(600, "sip:b@192.0.2.1:5070")
		reg.refuse, reg.maxContacts = true, 1
		want(t, "one too many", c.do(reg).status, 403)
		reg = c.request(600, "sip:a@192.0.2.1")
		reg.refuse, reg.maxContacts = true, 1
		want(t, "a refresh", c.do(reg).status, 200)
		reg = c.request(0, "sip:a@192.0.2.1")
		reg.grant = func(time.Duration) time.Duration { return 90 * time.Second }
		want(t, "sign off", len(c.do(reg).bindings), 0)
	})
}

func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	start := func() *Registrar {
		s, err := OpenBolt(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := New(Config{Store: s})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := start()
	phone := newClient(t, r, "1000", "udp", "192.0.2.1:5060")
	reg := phone.request(600, "sip:1000@192.0.2.1:5060")
	reg.contacts[0].params = []Param{{"q", "0.5"}}
	phone.do(reg)
	newClient(t, r, "1001", "wss", "192.0.2.1:1").register(600, "sip:b@y.invalid")
	gone := newClient(t, r, "1002", "tcp", "192.0.2.1:7")
	gone.register(600, "sip:1002@192.0.2.1:7")
	gone.register(0, "sip:1002@192.0.2.1:7")
	before := r.Lookup("1000", "example.com")[0]
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, "closed", phone.register(600, "sip:1000@192.0.2.1").status, 503)

	r = start()
	defer r.Close()
	want(t, "restored", contacts(r.All()), []string{"sip:1000@192.0.2.1:5060"})
	after := r.All()[0]
	want(t, "call id", after.CallID, before.CallID)
	want(t, "params", after.Params, before.Params)
	want(t, "deadline", after.Deadline.Equal(before.Deadline), true)
	again := newClient(t, r, "1000", "udp", "192.0.2.1:5060")
	again.callID = "rebooted"
	want(t, "a refresh finds it", len(again.register(600, "sip:1000@192.0.2.1:5060").bindings), 1)
}

func TestStoreDropsWhatRanOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := OpenBolt(path)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Apply(map[string][]byte{
		"old": []byte(`{"User":"1000","Domain":"d","Contact":"sip:x@y","Transport":"udp","Deadline":"2001-01-01T00:00:00Z","Remote":"192.0.2.1:1"}`),
		"bad": []byte(`{`),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := open(t, Config{Store: s})
	want(t, "count", r.Count(), 0)
	left, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "left in the store", len(left), 0)
}

func TestFreeSWITCHForms(t *testing.T) {
	b := Binding{
		Contact: "sip:m78mahpr@crt0ubgkcopr.invalid;transport=ws;ob", ContactUser: "m78mahpr", ContactHost: "crt0ubgkcopr.invalid",
		Transport: "wss", Remote: netip.MustParseAddrPort("127.0.0.1:57556"),
	}
	want(t, "browser", b.URI(), "sip:m78mahpr@crt0ubgkcopr.invalid;transport=ws;ob;fs_nat=yes;fs_path=sip%3Am78mahpr%40127.0.0.1%3A57556%3Btransport%3Dwss%3Bob")
	want(t, "status", b.Status(), "Registered(WSS-NAT)")
	b = Binding{Contact: "sip:1010@127.0.0.1:6010", ContactHost: "127.0.0.1:6010", Transport: "udp", Remote: netip.MustParseAddrPort("127.0.0.1:6010")}
	want(t, "phone", b.URI(), b.Contact)
	want(t, "status", b.Status(), "Registered(UDP)")
}

func TestFlush(t *testing.T) {
	r := open(t, Config{})
	for i, user := range []string{"1000", "1001", "1002"} {
		c := newClient(t, r, user, "udp", fmt.Sprintf("192.0.2.1:%d", 5060+i))
		c.register(600, fmt.Sprintf("sip:%s@192.0.2.1:%d", user, 5060+i))
	}
	want(t, "another profile", r.Flush("external", ""), 0)
	want(t, "by Call-ID", r.Flush("internal", "call-192.0.2.1:5060"), 1)
	want(t, "by user", r.Flush("internal", "1001@EXAMPLE.com"), 1)
	want(t, "all", r.Flush("internal", ""), 1)
	want(t, "left", r.Count(), 0)
}
