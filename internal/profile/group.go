package profile

import (
	"strings"

	"github.com/talkpath/talkpath/internal/call"
)

const (
	deepest  = 4   // how far dial strings of users lead to other users
	mostRung = 256 // how many contacts one group rings
)

// Group gives what a call to a group rings: NAME@DOMAIN with +A (all at once, which is the default), +F (one after the other) or +E (each
// on its own). separator joins the members' dial strings: "," "|" or ":_:". A target "group/…" that is left to Resolve rings all at once;
// who wants another order builds a dial string of these first.
func (s Set) Group(ref string) (members []string, separator string, ok bool) {
	name, order, _ := cutLast(ref, "+")
	separator = map[string]string{"F": "|", "E": ":_:"}[strings.ToUpper(order)]
	if separator == "" {
		separator = ","
	}
	if len(s) == 0 {
		return nil, separator, false
	}
	p := s[0]
	snap := p.cfg.Snapshot()
	name, domain, found := cutLast(name, "@")
	if !found {
		domain = snap.Vars["domain"]
	}
	d, ok := snap.Directory.Domain(domain)
	if !ok {
		d, ok = snap.Directory.Domain(p.domain(snap, p.view(snap), domain))
	}
	if !ok {
		return nil, separator, false
	}
	g, ok := d.Group(name)
	if !ok {
		return nil, separator, false
	}
	for _, u := range g.Users {
		members = append(members, "user/"+u.ID+"@"+u.Domain)
	}
	return members, separator, true
}

// resolveGroup rings every contact of every member.
func (s Set) resolveGroup(ref string, vars []call.Variable, depth int) ([]call.Destination, call.Cause) {
	members, _, ok := s.Group(ref)
	if !ok {
		return nil, call.NoRouteDestination
	}
	var out []call.Destination
	for _, m := range members {
		if len(out) >= mostRung {
			break
		}
		ds, _ := s.resolveUser(strings.TrimPrefix(m, "user/"), vars, depth+1)
		out = append(out, ds...)
	}
	if len(out) == 0 {
		return nil, call.UserNotRegistered
	}
	return out, ""
}
