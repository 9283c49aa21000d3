package profile

import (
	"context"
	cryptorand "crypto/rand"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

// pings ask registered contacts by OPTIONS whether they are there (nat-options-ping, all-reg-options-ping, a user's force_ping), as sofia_reg.c
// does. Only the registrar says who is registered: a contact that is gone is dropped at its turn.
type pings struct {
	mu     sync.Mutex // guards what follows
	wheel  pingWheel
	warned bool
}

// pinging asks contacts until the profile is closed.
func (p *Profile) pinging() {
	for _, b := range p.cfg.Registrar.All() {
		if b.Profile == p.cfg.Name {
			p.pingSoon(&b)
		}
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case now := <-ticker.C:
			p.pingDue(now)
		}
	}
}

// pingSoon gives a new contact its turn, anywhere in the first interval: after a restart not all are asked at once.
func (p *Profile) pingSoon(b *registrar.Binding) {
	interval := pingInterval(p.view(p.cfg.Snapshot()))
	p.pings.mu.Lock()
	defer p.pings.mu.Unlock()
	p.pings.wheel.add(keyOf(b), time.Now().Unix()+rand.Int64N(interval+1))
}

func keyOf(b *registrar.Binding) pingKey { return pingKey{b.User, b.Domain, b.CallID, b.Contact} }

// pingInterval is ping-mean-interval in seconds, at least one.
func pingInterval(view *config.Profile) int64 { return max(int64(view.PingInterval/time.Second), 1) }

// pingDue asks those whose turn it is.
func (p *Profile) pingDue(now time.Time) {
	snap := p.cfg.Snapshot()
	view := p.view(snap)
	interval := pingInterval(view)
	p.pings.mu.Lock()
	due, late := p.pings.wheel.turn(now.Unix(), pingsAtMost)
	warn := late > 0 && !p.pings.warned
	p.pings.warned = p.pings.warned || warn
	p.pings.mu.Unlock()
	if warn {
		p.log.Warn("more contacts than can be pinged in time: ping-mean-interval is stretched", "contacts", p.pings.size(), "perSecond", pingsAtMost)
	}
	for _, c := range due {
		b, ok := p.bindingOf(c.key)
		p.pings.mu.Lock()
		ask := ok && !c.waiting && wantsPing(snap, view, &b)
		if ok {
			c.waiting = c.waiting || ask
			p.pings.wheel.put(c, now.Unix()+interval)
		} else {
			p.pings.wheel.drop(c)
		}
		p.pings.mu.Unlock()
		if ask {
			p.ping(c, &b, view)
		}
	}
}

func (s *pings) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.wheel.contacts)
}

// bindingOf is the registration of a contact as it is now.
func (p *Profile) bindingOf(key pingKey) (registrar.Binding, bool) {
	for _, b := range p.cfg.Registrar.Lookup(key.user, key.domain) {
		if b.Profile == p.cfg.Name && keyOf(&b) == key {
			return b, true
		}
	}
	return registrar.Binding{}, false
}

// wantsPing says whether a contact is asked: all, those behind a NAT, those of them on UDP, or a user's own.
func wantsPing(snap *config.Snapshot, view *config.Profile, b *registrar.Binding) bool {
	switch {
	case view.AllOptionsPing:
		return true
	case view.NATOptionsPing && b.NAT() && (!view.UDPNATOptionsPing || b.Transport == "udp"):
		return true
	}
	u, ok := snap.Directory.User(b.User, b.Domain)
	return ok && isTrue(u.Variable("force_ping"))
}

// ping sends one OPTIONS. FreeSWITCH's Call-ID ends with that of the registration.
func (p *Profile) ping(c *pinged, b *registrar.Binding, view *config.Profile) {
	sent := time.Now()
	err := p.sendPing(b, view, func(res *sip.Response) {
		if res.StatusCode >= 200 {
			p.pong(c, res.StatusCode, res.Reason, time.Since(sent))
		}
	})
	if err != nil {
		p.pong(c, 503, err.Error(), 0)
	}
}

func (p *Profile) sendPing(b *registrar.Binding, view *config.Profile, answered func(*sip.Response)) error {
	target, err := sip.ParseURI(b.Contact)
	if err != nil {
		return err
	}
	target.Headers = nil
	flow, err := p.flowOf(b)
	if err != nil {
		return err
	}
	self, err := sip.ParseURI(p.url(view))
	if err != nil {
		return err
	}
	req := sip.NewRequest(sip.OPTIONS, target)
	req.AppendHeader(&sip.FromHeader{Address: self, Params: sip.HeaderParams{}})
	req.AppendHeader(&sip.ToHeader{Address: sip.Uri{Scheme: "sip", User: escapeUser(b.User), Host: b.Domain}, Params: sip.HeaderParams{}})
	id := sip.CallIDHeader(cryptorand.Text() + "_" + clean(b.CallID[:min(len(b.CallID), 200)]))
	req.AppendHeader(&id)
	req.AppendHeader(p.contact(flow))
	return p.stack.Send(req, flow, answered)
}

// flowOf is the way to a contact that needs no new connection.
func (p *Profile) flowOf(b *registrar.Binding) (*sip.Flow, error) {
	switch {
	case b.Flow != nil:
		return b.Flow, nil
	case b.Transport == "udp": // registered before a restart
		return p.stack.FlowTo(context.Background(), "udp", b.Remote)
	}
	return nil, sip.ErrFlowClosed
}

// pong takes an answer in: 200 and 486 mean that the phone is there. The counts are those of sofia_handle_sip_r_options: with the defaults a new
// contact is lost at its first failure, one that has answered three times at the third in a row.
func (p *Profile) pong(c *pinged, status int, phrase string, took time.Duration) {
	snap := p.cfg.Snapshot()
	view := p.view(snap)
	p.pings.mu.Lock()
	was := c.lost
	c.waiting, c.took = false, took
	if status == 200 || status == 486 {
		c.count = min(c.count+1, view.PingMax)
		c.lost = c.lost && c.count < view.PingMin
	} else {
		c.lost = c.lost || c.count-1 < view.PingMin
		c.count = max(c.count-1, 0)
	}
	lost := c.lost
	p.pings.mu.Unlock()
	if lost == was {
		return
	}
	b, ok := p.bindingOf(c.key)
	if !ok {
		return
	}
	p.log.Warn("registered contact is "+strings.ToLower(reachable(lost)), "user", b.User+"@"+b.Domain, "peer", b.Remote, "status", status)
	p.emitUserState(&b, lost, status, phrase)
	if lost && view.UnregisterOnOptionsFail {
		p.cfg.Registrar.Expire(&b)
	}
}

// reachable is Ping-Status.
func reachable(lost bool) string {
	if lost {
		return "Unreachable"
	}
	return "Reachable"
}

// Pinged says what the last OPTIONS to a registered contact has shown: Reachable or Unreachable, and how long the answer took.
func (p *Profile) Pinged(b *registrar.Binding) (status string, took time.Duration) {
	p.pings.mu.Lock()
	defer p.pings.mu.Unlock()
	c := p.pings.wheel.contacts[keyOf(b)]
	if c == nil {
		return reachable(false), 0
	}
	return reachable(c.lost), c.took
}

// emitUserState tells that a contact has stopped to answer, or answers again.
func (p *Profile) emitUserState(b *registrar.Binding, lost bool, status int, phrase string) {
	if !p.wanted("sip_user_state") {
		return
	}
	hs := [][2]string{
		{"sip_contact", `"" <` + b.URI() + ">"}, {"profile-name", p.cfg.Name}, {"sip_user", b.User + "@" + b.Domain},
		{"from-user", b.User}, {"from-host", b.Domain}, {"call-id", b.CallID},
		{"Ping-Status", strings.ToUpper(reachable(lost))}, {"Status", strconv.Itoa(status)},
	}
	if phrase != "" {
		hs = append(hs, [2]string{"Phrase", clean(phrase)})
	}
	p.emit("sip_user_state", Origin{"sofia_reg.c", "sofia_reg_fire_custom_sip_user_state_event", 192}, hs)
}
