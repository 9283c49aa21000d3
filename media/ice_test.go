package media

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// iceClient is a bare ICE agent: a socket that sends checks.
type iceClient struct {
	conn *net.UDPConn
	to   netip.AddrPort
	desc *Description // the session's
}

func newICEClient(t testing.TB, e *Engine, local []byte) *iceClient {
	t.Helper()
	d, err := ParseDescription(local)
	if err != nil {
		t.Fatal(err)
	}
	c := &iceClient{conn: udpConn(t), to: e.MuxAddr(), desc: d}
	t.Cleanup(func() { c.conn.Close() })
	return c
}

// check sends a Binding request built of the setters; the username is put first.
func (c *iceClient) check(t testing.TB, user string, setters ...stun.Setter) {
	t.Helper()
	all := append([]stun.Setter{stun.TransactionID, stun.BindingRequest, stun.NewUsername(user)}, setters...)
	m, err := stun.Build(all...)
	if err != nil {
		t.Fatal(err)
	}
	c.write(t, m.Raw)
}

func (c *iceClient) write(t testing.TB, raw []byte) {
	t.Helper()
	if _, err := c.conn.WriteToUDPAddrPort(raw, c.to); err != nil {
		t.Fatal(err)
	}
}

// answer waits for a response; nil when none comes.
func (c *iceClient) answer(t testing.TB, wait time.Duration) *stun.Message {
	t.Helper()
	buf := make([]byte, 2048)
	if err := c.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	n, err := c.conn.Read(buf)
	if err != nil {
		return nil
	}
	m := &stun.Message{Raw: buf[:n]}
	if err := m.Decode(); err != nil {
		t.Fatal(err)
	}
	return m
}

func (c *iceClient) user() string { return c.desc.ICEUfrag + ":peer" }

func (c *iceClient) integrity() stun.Setter { return stun.NewShortTermIntegrity(c.desc.ICEPwd) }

// useCandidate and controlled are attributes of a check.
type attr struct {
	t stun.AttrType
	v []byte
}

func (a attr) AddTo(m *stun.Message) error { m.Add(a.t, a.v); return nil }

func TestS02STUNAuthentication(t *testing.T) {
	e := newTestEngine(t, nil)
	s := e.NewSession(SessionConfig{})
	local, err := s.Offer(KindWebRTC, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newICEClient(t, e, local)
	bad := []struct {
		name string
		user string
		with []stun.Setter
	}{
		{"no integrity", c.user(), []stun.Setter{stun.Fingerprint}},
		{"wrong password", c.user(), []stun.Setter{stun.NewShortTermIntegrity("not the password at all"), stun.Fingerprint}},
		{"empty password", c.user(), []stun.Setter{stun.NewShortTermIntegrity(""), stun.Fingerprint}},
		{"no fingerprint", c.user(), []stun.Setter{c.integrity()}},
		{"unknown fragment", "nobody:peer", []stun.Setter{c.integrity(), stun.Fingerprint}},
		{"no colon", c.desc.ICEUfrag, []stun.Setter{c.integrity(), stun.Fingerprint}},
		{"empty user", "", []stun.Setter{c.integrity(), stun.Fingerprint}},
	}
	for i, b := range bad {
		t.Run(b.name, func(t *testing.T) {
			c.check(t, b.user, b.with...)
			waitFor(t, "drop", func() bool { return e.Stats().DropSTUN == uint64(i+1) })
			if n := e.Stats().STUNRequests; n != 0 {
				t.Errorf("accepted %d", n)
			}
		})
	}
	if s.RemoteAddr().IsValid() {
		t.Errorf("path from unauthenticated check: %v", s.RemoteAddr())
	}
	if m := c.answer(t, 20*time.Millisecond); m != nil {
		t.Errorf("answered: %v", m)
	}
	c.check(t, c.user(), c.integrity(), stun.Fingerprint)
	m := c.answer(t, 5*time.Second)
	if m == nil {
		t.Fatal("good check not answered")
	}
	var mapped stun.XORMappedAddress
	if err := mapped.GetFrom(m); err != nil || mapped.Port != int(addrPort(c.conn.LocalAddr()).Port()) {
		t.Errorf("mapped %v, %v", mapped, err)
	}
	if err := stun.NewShortTermIntegrity(c.desc.ICEPwd).Check(m); err != nil {
		t.Error(err)
	}
	if err := stun.Fingerprint.Check(m); err != nil {
		t.Error(err)
	}
}

func TestICERoleConflict(t *testing.T) {
	e := newTestEngine(t, nil)
	s := e.NewSession(SessionConfig{})
	local, err := s.Offer(KindWebRTC, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newICEClient(t, e, local)
	c.check(t, c.user(), attr{stun.AttrICEControlled, make([]byte, 8)}, c.integrity(), stun.Fingerprint)
	m := c.answer(t, 5*time.Second)
	var code stun.ErrorCodeAttribute
	if m == nil || code.GetFrom(m) != nil || code.Code != stun.CodeRoleConflict {
		t.Fatalf("got %v, want 487", m)
	}
	if s.RemoteAddr().IsValid() {
		t.Error("a check in conflict made a path")
	}
}

func TestICENominationAndPathBound(t *testing.T) {
	e := newTestEngine(t, nil)
	s := e.NewSession(SessionConfig{})
	local, err := s.Offer(KindWebRTC, nil)
	if err != nil {
		t.Fatal(err)
	}
	first := newICEClient(t, e, local)
	first.check(t, first.user(), attr{stun.AttrUseCandidate, nil}, first.integrity(), stun.Fingerprint)
	if first.answer(t, 5*time.Second) == nil {
		t.Fatal("no answer")
	}
	want := addrPort(first.conn.LocalAddr())
	for range 3 * maxPaths { // other pairs, never nominated: they do not move the selected one and stay bounded
		c := newICEClient(t, e, local)
		c.check(t, c.user(), c.integrity(), stun.Fingerprint)
		if c.answer(t, 5*time.Second) == nil {
			t.Fatal("no answer")
		}
	}
	if got := s.RemoteAddr(); got != want {
		t.Errorf("selected %v, want %v", got, want)
	}
	var paths, addrs int
	s.inLoop(func(l *leg) { paths, addrs = len(l.ice.paths), l.sh.all.addrs.len() })
	if paths > maxPaths || addrs > maxPaths {
		t.Errorf("%d paths, %d addresses kept, bound is %d", paths, addrs, maxPaths)
	}
	second := newICEClient(t, e, local)
	second.check(t, second.user(), attr{stun.AttrUseCandidate, nil}, second.integrity(), stun.Fingerprint)
	if second.answer(t, 5*time.Second) == nil {
		t.Fatal("no answer")
	}
	if got := s.RemoteAddr(); got != addrPort(second.conn.LocalAddr()) {
		t.Errorf("the last nomination does not win: %v", got)
	}
}

func TestICERestart(t *testing.T) {
	e := newTestEngine(t, nil)
	s := e.NewSession(SessionConfig{})
	b := newBrowser(t, "audio/PCMU", 8000, 0, 0, false)
	defer b.close()
	offer := b.offerSDP(t, true)
	d, err := ParseDescription(offer)
	if err != nil {
		t.Fatal(err)
	}
	var answers []*Description
	for i, ufrag := range []string{d.ICEUfrag, d.ICEUfrag, "restarted"} {
		d.ICEUfrag = ufrag
		d.SessionVersion++
		if err := s.SetRemoteOffer(d.Marshal()); err != nil {
			t.Fatal(err)
		}
		ans, err := s.Answer(nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := ParseDescription(ans)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
		c := newICEClient(t, e, ans)
		c.check(t, c.user(), c.integrity(), stun.Fingerprint)
		if c.answer(t, 5*time.Second) == nil {
			t.Fatalf("check %d not answered", i)
		}
	}
	if a, b := answers[0], answers[1]; a.ICEUfrag != b.ICEUfrag || a.ICEPwd != b.ICEPwd || a.SSRC != b.SSRC || a.Setup != b.Setup || !a.Fingerprint.Equal(b.Fingerprint) {
		t.Error("a re-offer changed ICE, DTLS or SSRC")
	}
	if answers[1].SessionVersion != answers[0].SessionVersion+1 || answers[1].SessionID != answers[0].SessionID {
		t.Error("o= line: want same id, next version")
	}
	if answers[2].ICEUfrag == answers[1].ICEUfrag {
		t.Error("a restart must change our fragment")
	}
	old := newICEClient(t, e, answers[1].Marshal())
	old.check(t, old.user(), old.integrity(), stun.Fingerprint)
	if old.answer(t, 5*time.Second) == nil {
		t.Error("the former credentials must stay good while the peer moves over")
	}
	// An offer that is refused restarts nothing: what we offer next names fragments that are answered.
	d.ICEUfrag, d.Codecs = "refused", CodecsByName("G729")
	if err := s.SetRemoteOffer(d.Marshal()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Answer(pcmu()); !errors.Is(err, ErrNoCodec) {
		t.Fatalf("answered: %v", err)
	}
	again, err := s.Reoffer(SendOnly)
	if err != nil {
		t.Fatal(err)
	}
	c := newICEClient(t, e, again)
	c.check(t, c.user(), c.integrity(), stun.Fingerprint)
	if c.answer(t, 5*time.Second) == nil || c.desc.ICEUfrag != answers[2].ICEUfrag {
		t.Error("a refused offer changed the credentials")
	}
}
