package registrar

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/talkpath/talkpath/sip"
)

// source is where a REGISTER came from.
type source struct {
	flow      *sip.Flow
	id        string
	transport string
	remote    netip.AddrPort
	closed    <-chan struct{}
}

// registration is a REGISTER without its wire form.
type registration struct {
	profile, user, domain string
	callID, userAgent     string
	cseq                  uint32
	contacts              []contact
	wildcard, strict      bool
	expires               time.Duration // of the Expires header
	hasExpires            bool
	maxContacts           int
	maxExpires            time.Duration
	grant                 func(time.Duration) time.Duration // nil: as asked
	refuse                bool
	from                  source
	request               *sip.Request
}

// outcome is the answer to a REGISTER.
type outcome struct {
	status     int
	phrase     string
	minExpires time.Duration
	bindings   []string // current ones, as they are listed
	outbound   bool     // one of the request's own serves RFC 5626
	events     []Event
}

func refuse(status int, phrase string) outcome { return outcome{status: status, phrase: phrase} }

// granted works out the time each contact gets, or refuses (RFC 3261 §10.3 step 7).
func (r *Registrar) granted(reg *registration) ([]time.Duration, outcome) {
	times := make([]time.Duration, len(reg.contacts))
	longest := r.cfg.MaxExpires
	if reg.maxExpires > 0 {
		longest = min(longest, reg.maxExpires)
	}
	for i, c := range reg.contacts {
		d := r.cfg.DefaultExpires
		if c.hasExpires {
			d = c.expires
		} else if reg.hasExpires {
			d = reg.expires
		}
		if d > 0 && reg.grant != nil {
			d = max(reg.grant(d), time.Second)
		}
		if d > 0 && d < r.cfg.MinExpires && d < time.Hour {
			return nil, outcome{status: 423, minExpires: r.cfg.MinExpires}
		}
		times[i] = min(d, longest)
	}
	return times, outcome{}
}

// apply changes the bindings as reg asks, all of it or nothing. RFC 3261 §10.3.
func (r *Registrar) apply(reg registration) outcome {
	if reg.wildcard && (len(reg.contacts) > 0 || !reg.hasExpires || reg.expires != 0) {
		return refuse(400, "Invalid Wildcard")
	}
	times, out := r.granted(&reg)
	if out.status != 0 {
		return out
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return refuse(503, "")
	}
	if reg.wildcard {
		return r.applyWildcard(&reg, now)
	}
	key := aorKey(reg.user, reg.domain)
	targets := make([]*entry, len(reg.contacts))
	added := 0
	for i := range reg.contacts {
		e := r.match(key, &reg, &reg.contacts[i])
		if e != nil && e.CallID == reg.callID && reg.cseq <= e.CSeq {
			return refuse(500, "CSeq Out Of Order")
		}
		if e == nil && times[i] > 0 {
			added++
		}
		targets[i] = e
	}
	limit := r.cfg.MaxContacts
	if reg.maxContacts > 0 {
		limit = reg.maxContacts
	}
	if added > limit || reg.refuse && added > 0 && added+r.contactsOf(key) > limit {
		r.refused++
		return refuse(403, "Too Many Contacts")
	}
	if added > 0 && r.count+added > r.cfg.MaxBindings {
		r.refused++
		return refuse(503, "Registrar Full")
	}
	out = outcome{status: 200}
	for i := range reg.contacts {
		out.events = r.applyContact(out.events, &reg, &reg.contacts[i], targets[i], times[i], now)
	}
	out.events = append(out.events, r.makeRoom(key, limit)...)
	r.schedule()
	r.list(&out, key, &reg, now)
	return out
}

// contactsOf counts the bindings of an address of record. Called with mu held.
func (r *Registrar) contactsOf(key string) int {
	if rec := r.aors[key]; rec != nil {
		return len(rec.entries)
	}
	return 0
}

// applyContact adds, refreshes or removes one binding and adds what happened to the events. Called with mu held.
func (r *Registrar) applyContact(events []Event, reg *registration, c *contact, e *entry, granted time.Duration, now time.Time) []Event {
	if e != nil && e.index < 0 {
		e = nil // the same contact twice in one request: already replaced
	}
	if granted == 0 {
		if e == nil {
			return events
		}
		r.remove(e)
		return append(events, Event{Type: Unregistered, Binding: e.Binding, Request: reg.request})
	}
	b := Binding{
		Profile: reg.profile, User: reg.user, Domain: reg.domain,
		Contact: c.uri, ContactUser: c.user, ContactHost: c.host, Params: c.params, listable: c.listable,
		Expires: now.Add(granted), Deadline: now.Add(granted + r.cfg.Grace), Granted: granted,
		Flow: reg.from.flow, FlowID: reg.from.id, Transport: reg.from.transport, Remote: reg.from.remote,
		CallID: reg.callID, CSeq: reg.cseq, UserAgent: reg.userAgent, Instance: c.instance, RegID: c.regID,
		Since: now, Updated: now,
	}
	typ := Registered
	if e != nil {
		typ = Refreshed
		b.Since = e.Since
		b.own(&e.Binding)
		r.replace(e, b)
	} else {
		b.own(&Binding{})
		e = r.insert(b)
	}
	r.watch(e, reg.from.closed)
	r.remember(e)
	return append(events, Event{Type: typ, Binding: e.Binding, Request: reg.request})
}

// match finds the binding a contact refreshes. Called with mu held.
//
// With an instance and reg-id it is theirs (RFC 5626 §6). Otherwise it is the one with an equal URI (RFC 3261 §10.3), if it came over
// the same flow, in the same Call-ID (a client that reconnected), or by UDP from the same host (a phone that restarted behind NAT).
// An equal URI on another living connection is another device with the same private address: both are kept.
func (r *Registrar) match(key string, reg *registration, c *contact) *entry {
	rec := r.aors[key]
	if rec == nil {
		return nil
	}
	if c.instance != "" && c.regID != "" {
		for _, e := range rec.entries {
			if e.Instance == c.instance && e.RegID == c.regID {
				return e
			}
		}
		return nil
	}
	for _, e := range rec.entries {
		if e.Instance != "" && e.RegID != "" {
			continue
		}
		if !strings.EqualFold(e.ContactHost, c.host) || e.Contact != c.uri && !sameURI(e.Contact, c.uri) {
			continue
		}
		sameFlow := e.FlowID != "" && e.FlowID == reg.from.id
		restored := e.FlowID == ""
		sameHost := e.Transport == "udp" && reg.from.transport == "udp" && e.Remote.Addr() == reg.from.remote.Addr()
		if sameFlow || sameHost || e.CallID == reg.callID || restored && e.Remote.Addr() == reg.from.remote.Addr() {
			return e
		}
	}
	return nil
}

// sameURI compares URIs that are equal but for letter case outside the user part (RFC 3261 §19.1.4).
func sameURI(a, b string) bool {
	ua, ra, oka := strings.Cut(a, "@")
	ub, rb, okb := strings.Cut(b, "@")
	if !oka || !okb {
		return strings.EqualFold(a, b)
	}
	_, ua, _ = strings.Cut(ua, ":")
	_, ub, _ = strings.Cut(ub, ":")
	return ua == ub && strings.EqualFold(ra, rb)
}

// applyWildcard removes what "Contact: *" means. Called with mu held.
func (r *Registrar) applyWildcard(reg *registration, now time.Time) outcome {
	key := aorKey(reg.user, reg.domain)
	out := outcome{status: 200}
	var gone []*entry
	if rec := r.aors[key]; rec != nil {
		for _, e := range rec.entries {
			mine := e.FlowID != "" && e.FlowID == reg.from.id || e.CallID == reg.callID
			if !mine && !r.cfg.StrictWildcard && !reg.strict {
				continue
			}
			if e.CallID == reg.callID && reg.cseq <= e.CSeq {
				return refuse(500, "CSeq Out Of Order")
			}
			gone = append(gone, e)
		}
	}
	for _, e := range gone {
		r.remove(e)
		out.events = append(out.events, Event{Type: Unregistered, Binding: e.Binding, Request: reg.request})
	}
	r.schedule()
	r.list(&out, key, reg, now)
	return out
}

// makeRoom removes the contacts longest without a REGISTER until limit is kept: somebody who opens one tab too many expects the new
// one to ring, and what is oldest is most likely dead. Called with mu held.
func (r *Registrar) makeRoom(key string, limit int) (events []Event) {
	for rec := r.aors[key]; rec != nil && len(rec.entries) > limit; rec = r.aors[key] {
		oldest := rec.entries[0]
		for _, e := range rec.entries[1:] {
			if e.Updated.Before(oldest.Updated) {
				oldest = e
			}
		}
		r.remove(oldest)
		r.replaced++
		events = append(events, Event{Type: Replaced, Binding: oldest.Binding})
	}
	return events
}

// list writes down the bindings whose granted time is not over. An odd contact is shown to who registered it only. Called with mu held.
func (r *Registrar) list(out *outcome, key string, reg *registration, now time.Time) {
	rec := r.aors[key]
	if rec == nil {
		return
	}
	for _, e := range rec.entries {
		own := slices.ContainsFunc(reg.contacts, func(c contact) bool { return c.uri == e.Contact })
		if e.Expired(now) || !e.listable && !own {
			continue
		}
		out.bindings = append(out.bindings, e.value(now))
		out.outbound = out.outbound || own && e.Instance != "" && e.RegID != ""
	}
}
