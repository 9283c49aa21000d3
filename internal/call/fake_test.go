package call

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/internal/event"
	"github.com/talkpath/talkpath/internal/fsxml"
	"github.com/talkpath/talkpath/media"
)

// sdpA and sdpB are the offer and the answer of the recorded phones.
const (
	sdpA = "v=0\r\no=- 1000 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 42266 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
	sdpB = "v=0\r\no=- 1000 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 44978 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)

// plan compiles a context "plain" (and "default") from extensions in XML.
func plan(t *testing.T, extensions string) *dialplan.Plan {
	t.Helper()
	text := `<document type="freeswitch/xml"><section name="dialplan"><context name="plain">` + extensions + `</context></section></document>`
	l := fsxml.Loader{FS: fstest.MapFS{"freeswitch.xml": {Data: []byte(text)}}, Root: "freeswitch.xml"}
	tree, err := l.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, section := range tree.Root.Children {
		if section.Name == "section" {
			p, problems := dialplan.Compile(section)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			return p
		}
	}
	t.Fatal("no section")
	return nil
}

const plainPlan = `
<extension name="users"><condition field="destination_number" expression="^(10\d\d)$">
  <action application="set" data="hangup_after_bridge=true"/><action application="bridge" data="user/$1@127.0.0.1"/></condition></extension>
<extension name="short"><condition field="destination_number" expression="^q(10\d\d)$">
  <action application="export" data="dialed_extension=$1"/><action application="set" data="call_timeout=6"/><action application="set" data="hangup_after_bridge=true"/>
  <action application="bridge" data="user/$1@127.0.0.1"/></condition></extension>
<extension name="go on"><condition field="destination_number" expression="^c(10\d\d)$">
  <action application="set" data="continue_on_fail=USER_BUSY"/><action application="bridge" data="user/$1@127.0.0.1"/><action application="hangup" data="CALL_REJECTED"/></condition></extension>
<extension name="serial"><condition field="destination_number" expression="^serial$">
  <action application="bridge" data="user/1001@127.0.0.1|user/1002@127.0.0.1"/></condition></extension>
<extension name="park"><condition field="destination_number" expression="^5900$">
  <action application="answer"/><action application="park"/></condition></extension>
<extension name="refuse"><condition field="destination_number" expression="^respond$">
  <action application="respond" data="480 Not now"/></condition></extension>
<extension name="nosuch"><condition field="destination_number" expression="^nosuch$">
  <action application="no_such_app" data="x"/></condition></extension>
<extension name="boom"><condition field="destination_number" expression="^boom$">
  <action application="boom"/></condition></extension>
<extension name="answer and bridge"><condition field="destination_number" expression="^a(10\d\d)$">
  <action application="answer"/><action application="bridge" data="user/$1@127.0.0.1"/></condition></extension>
<extension name="echo"><condition field="destination_number" expression="^9196$">
  <action application="answer"/><action application="echo"/></condition></extension>`

// fakeLeg is a signalling leg that notes what it is told.
type fakeLeg struct {
	t  *testing.T
	h  LegHandler
	o  Outbound
	mu sync.Mutex
	// calls are "ring", "early", "answer", "hangup CAUSE STATUS PHRASE", "info BODY"
	calls   []string
	sdp     []byte
	headers atomic.Pointer[[]Variable]
	seen    chan string
	// reoffer answers re-INVITEs, with nil it refuses one; nil cannot send them.
	reoffer func(sdp []byte) []byte
	pending atomic.Int32 // so many are not sent, because another is under way
	silent  atomic.Bool  // they are not answered
}

func newFakeLeg(t *testing.T) *fakeLeg { return &fakeLeg{t: t, seen: make(chan string, 64)} }

func (l *fakeLeg) note(s string) {
	l.mu.Lock()
	l.calls = append(l.calls, s)
	l.mu.Unlock()
	l.seen <- s
}

func (l *fakeLeg) SetHeaders(list []Variable) { l.headers.Store(&list) }

func (l *fakeLeg) Ring(sdp []byte) error {
	if sdp == nil {
		l.note("ring")
	} else {
		l.note("early")
	}
	return nil
}

func (l *fakeLeg) Answer(sdp []byte) error {
	l.mu.Lock()
	l.sdp = sdp
	l.mu.Unlock()
	l.note("answer")
	return nil
}

func (l *fakeLeg) Hangup(h HangupReason) {
	s := "hangup " + string(h.Cause)
	if h.Status > 0 {
		s += fmt.Sprintf(" %d %s", h.Status, h.Phrase)
	}
	if h.Silent {
		s += " silent"
	}
	l.mu.Lock()
	again := slices.ContainsFunc(l.calls, func(c string) bool { return strings.HasPrefix(c, "hangup") })
	l.mu.Unlock()
	if !again {
		l.note(s)
	}
}

func (l *fakeLeg) Reoffer(sdp []byte, done func([]byte, error)) error {
	if l.reoffer == nil {
		return errors.New("not here")
	}
	if l.pending.Add(-1) >= 0 {
		return ErrOfferPending
	}
	l.note("reoffer")
	if l.silent.Load() {
		return nil
	}
	answer, err := l.reoffer(sdp), error(nil)
	if answer == nil {
		err = errors.New("488")
	}
	done(answer, err)
	return nil
}

func (l *fakeLeg) SendInfo(_ string, body []byte) error {
	l.note("info " + strings.ReplaceAll(string(body), "\r\n", " "))
	return nil
}

func (l *fakeLeg) Request(r Request) error {
	s := r.Method
	for _, h := range r.Headers {
		s += " " + h.Name + "=" + h.Value
	}
	l.note(strings.TrimSpace(s + " " + r.ContentType + " " + string(r.Body)))
	return nil
}

func (l *fakeLeg) Redirect(contacts []string) error {
	l.note("redirect " + strings.Join(contacts, " "))
	return nil
}
func (l *fakeLeg) Refer(target string) error {
	l.note("refer " + target)
	return nil
}

// want waits until the leg was told s.
func (l *fakeLeg) want(s string) {
	l.t.Helper()
	select {
	case got := <-l.seen:
		if got != s {
			l.t.Fatalf("leg was told %q, want %q", got, s)
		}
	case <-time.After(20 * time.Second):
		l.t.Fatalf("leg was not told %q", s)
	}
}

// fakeDialer resolves user/N to the legs it was given.
type fakeDialer struct {
	given []Variable // of the last Resolve
	t     *testing.T
	dests map[string][]Destination
	cause Cause
	rung  chan *fakeLeg
}

func (d *fakeDialer) Resolve(endpoint, dest string, vars []Variable) ([]Destination, Cause) {
	d.given = vars
	if list := d.dests[endpoint+"/"+dest]; list != nil {
		return list, ""
	}
	return nil, d.cause
}

// add gives a user a destination; its leg appears at rung when it is dialled.
func (d *fakeDialer) add(user string, vars ...Variable) {
	l := Destination{ChannelName: "sofia/internal/" + user + "@127.0.0.1:6016", CalleeNum: user, PresenceID: user + "@127.0.0.1",
		Vars: vars, CodecPrefs: "PCMU"}
	l.Dial = func(o Outbound, h LegHandler) (Leg, error) {
		leg := newFakeLeg(d.t)
		leg.h, leg.o = h, o
		d.rung <- leg
		return leg, nil
	}
	key := "user/" + user + "@127.0.0.1"
	d.dests[key] = append(d.dests[key], l)
}

func (d *fakeDialer) next() *fakeLeg {
	d.t.Helper()
	select {
	case l := <-d.rung:
		return l
	case <-time.After(5 * time.Second):
		d.t.Fatal("nobody was called")
		return nil
	}
}

// fakeMedia agrees on PCMU with telephone-event without any socket.
type fakeMedia struct {
	mu      sync.Mutex
	bridges int
	pair    [2]mediaSession // the last bridge
	refuse  bool            // no common codec
	all     []*fakeSession
}

func (m *fakeMedia) newSession(cfg media.SessionConfig) mediaSession {
	s := &fakeSession{cfg: cfg, m: m}
	m.mu.Lock()
	m.all = append(m.all, s)
	m.mu.Unlock()
	return s
}

func (m *fakeMedia) bridge(a, b mediaSession) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bridges++
	m.pair = [2]mediaSession{a, b}
	x, _ := a.Codec()
	y, _ := b.Codec()
	if m.refuse || !x.Same(y) {
		return errNoCodec
	}
	return nil
}

type fakeSession struct {
	m             *fakeMedia
	cfg           media.SessionConfig
	mu            sync.Mutex
	local, remote []byte
	desc          *media.Description
	codecs        []media.Codec
	agreed        bool
	digits        string
	closed, muted bool
	levels        []string // that were set
	sound         fakeSound
	secure        string
	kind          media.Kind
	crossed       []string // the places that the peer was told of
	aside         bool
}

func (s *fakeSession) take(sdp []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := media.ParseDescription(sdp)
	if err != nil {
		return err
	}
	s.remote, s.desc = sdp, d
	return nil
}

func (s *fakeSession) SetRemoteOffer(sdp []byte) error { return s.take(sdp) }
func (s *fakeSession) RemoteCodecs() []media.Codec {
	if s.desc == nil {
		return nil
	}
	return s.desc.Codecs
}
func (s *fakeSession) Kind() media.Kind { return s.kind }
func (s *fakeSession) Straight() ([]byte, error) {
	if s.kind != media.KindRTP {
		return nil, media.ErrSecured
	}
	return s.RemoteSDP(), nil
}
func (s *fakeSession) CrossOffer(peer []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := media.ParseDescription(peer)
	if err == nil {
		s.crossed = append(s.crossed, d.Addr.String()+" "+d.Direction.String())
	}
	return peer, err
}
func (s *fakeSession) CrossAnswer(_, peer []byte) ([]byte, error) { return peer, nil }
func (s *fakeSession) StandAside(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aside = on
}
func (s *fakeSession) Answer(codecs []media.Codec) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codecs = media.Narrow(media.Intersect(s.desc.Codecs, codecs))
	if s.codecs == nil {
		return nil, errNoCodec
	}
	s.agreed = true
	s.local = []byte(sdpA)
	return s.local, nil
}
func (s *fakeSession) Offer(_ media.Kind, codecs []media.Codec) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codecs, s.local = codecs, []byte(sdpA)
	return s.local, nil
}
func (s *fakeSession) SetRemoteAnswer(sdp []byte) error {
	if err := s.take(sdp); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codecs = media.Narrow(media.Intersect(s.desc.Codecs, s.codecs))
	s.agreed = s.codecs != nil
	if !s.agreed {
		return errNoCodec
	}
	return nil
}
func (s *fakeSession) LocalSDP() []byte { return s.local }
func (s *fakeSession) RemoteSDP() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remote
}
func (s *fakeSession) Codec() (media.Codec, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.agreed {
		return media.Codec{}, false
	}
	return s.codecs[0], true
}
func (s *fakeSession) Codecs() []media.Codec {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.agreed {
		return nil
	}
	return s.codecs
}
func (s *fakeSession) Secure() string { return s.secure }
func (s *fakeSession) RemoteDirection() media.Direction {
	if s.desc == nil {
		return media.SendRecv
	}
	return s.desc.Direction
}
func (s *fakeSession) Echo(bool) {}
func (s *fakeSession) Level(said bool, level int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.levels = append(s.levels, fmt.Sprint(said, " ", level))
	return nil
}

func (s *fakeSession) Mute(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.muted = on
}
func (s *fakeSession) Reoffer(dir media.Direction) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.local = []byte(strings.Replace(sdpA, "sendrecv", dir.String(), 1))
	return s.local, nil
}
func (s *fakeSession) SendDTMF(digits string, _ int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.digits += digits
	return nil
}
func (s *fakeSession) Stats() media.Stats {
	return media.Stats{PacketsIn: 100, BytesIn: 17200, PacketsOut: 99, BytesOut: 17028, MOS: 4.5}
}
func (s *fakeSession) Unbridge() {}
func (s *fakeSession) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// rig is a core with fakes around it and every event of it.
type rig struct {
	t      *testing.T
	core   *Core
	dialer *fakeDialer
	media  *fakeMedia
	sub    *event.Subscription
	events []*esl.Event
}

func newRig(t *testing.T) *rig {
	t.Helper()
	bus := event.NewBus(event.Identity{CoreUUID: "core", Hostname: "vm", Switchname: "vm", IPv4: "127.0.0.1", IPv6: "::1"})
	p := plan(t, plainPlan)
	d := &fakeDialer{t: t, dests: map[string][]Destination{}, cause: UserNotRegistered, rung: make(chan *fakeLeg, 16)}
	c := NewCore(Config{Bus: bus, Plan: func() *dialplan.Plan { return p }, Dialer: d, Hostname: "vm"})
	m := &fakeMedia{}
	c.media = m
	c.apps["boom"] = func(*Channel, dialplan.Expanded) string { panic("boom") }
	r := &rig{t: t, core: c, dialer: d, media: m, sub: bus.Subscribe(event.Limit{})}
	r.sub.Select(esl.Selection{All: true})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error("channels do not end:", err)
		}
		if n := len(c.channels); n != 0 {
			t.Errorf("%d channels left", n)
		}
		for _, s := range m.all {
			if !s.closed {
				t.Error("a media session is left open")
			}
		}
		r.sub.Close()
	})
	return r
}

// call lets 1015 call a number.
func (r *rig) call(number string, vars ...Variable) *fakeLeg {
	r.t.Helper()
	l := newFakeLeg(r.t)
	h, err := r.core.NewInbound(Inbound{Leg: l, ChannelName: "sofia/internal/1015@127.0.0.1", Profile: "internal", CallerName: "1015",
		CallerNum: "1015", Username: "1015", ANI: "1015", NetworkAddr: "127.0.0.1", Destination: number, Dialplan: "XML", Context: "plain",
		PresenceID: "1015@127.0.0.1", SDP: []byte(sdpA), CodecPrefs: "OPUS,G722,PCMU,PCMA",
		Vars: append([]Variable{{Name: "sip_from_user", Value: "1015"}, {Name: "effective_caller_id_name", Value: "Extension 1015"},
			{Name: "effective_caller_id_number", Value: "1015"}}, vars...)})
	if err != nil {
		r.t.Fatal(err)
	}
	l.h = h
	return l
}

// until collects events until n channels in all are destroyed.
func (r *rig) until(n int) {
	r.t.Helper()
	gone := func(e *esl.Event) bool {
		return e.Name() == "CHANNEL_STATE" && e.Value("Channel-State") == "CS_DESTROY"
	}
	for _, e := range r.events {
		if gone(e) {
			n--
		}
	}
	if n <= 0 {
		return
	}
	r.read(func(e *esl.Event) bool {
		if gone(e) {
			n--
		}
		return n == 0
	})
}

// untilEvent collects events up to the first one of a name on the channel with that direction.
func (r *rig) untilEvent(name, direction string) *esl.Event {
	r.t.Helper()
	return r.read(func(e *esl.Event) bool { return e.Name() == name && e.Value("Call-Direction") == direction })
}

func (r *rig) read(stop func(*esl.Event) bool) *esl.Event {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for {
		e, err := r.sub.Next(ctx)
		if err != nil {
			r.t.Fatalf("%v after:\n%s", err, r.script())
		}
		r.events = append(r.events, e)
		if stop(e) {
			return e
		}
	}
}

// script is the events so far, one a line.
func (r *rig) script() string { return strings.Join(digest(r.events), "\n") }

// digest shows what must agree with the recordings: leg, name, states, answer state, whose call, partner, cause.
func digest(events []*esl.Event) []string {
	letters := map[string]string{}
	letter := func(uuid string) string {
		if uuid == "" {
			return "-"
		}
		if _, ok := letters[uuid]; !ok {
			letters[uuid] = string(rune('A' + len(letters)))
		}
		return letters[uuid]
	}
	var out []string
	for _, e := range events {
		if e.Value("Unique-ID") == "" || e.Value("Channel-State") == "" || ignoredEvent(e.Name()) {
			continue
		}
		leg := letter(e.Value("Unique-ID"))
		line := []string{leg, strings.TrimPrefix(e.Name(), "CHANNEL_"), e.Value("Channel-State"), e.Value("Channel-State-Number"),
			e.Value("Channel-Call-State"), e.Value("Answer-State"), letter(e.Value("Channel-Call-UUID"))}
		line = append(line, orDash(e.Value("Other-Type")), letter(e.Value("Other-Leg-Unique-ID")), orDash(e.Value("Hangup-Cause")),
			orDash(e.Value("Application")))
		out = append(out, strings.Join(line, " "))
	}
	return out
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// ignoredEvent names what depends on the machine: music on hold that was not there when FreeSWITCH was recorded.
func ignoredEvent(name string) bool { return name == "PRIVATE_COMMAND" }
