package config

import (
	"net"
	"strings"
)

// Pair is one param or variable.
type Pair struct{ Name, Value string }

// Pairs is an ordered list of them, each name once.
type Pairs []Pair

// Lookup returns a value and whether it is there.
func (p Pairs) Lookup(name string) (string, bool) {
	for _, x := range p {
		if x.Name == name {
			return x.Value, true
		}
	}
	return "", false
}

// Value returns a value, "" when it is missing.
func (p Pairs) Value(name string) string {
	v, _ := p.Lookup(name)
	return v
}

// Group is one group of a domain.
type Group struct {
	Name  string
	Users []*User // members in document order, pointers resolved
}

// Domain is one domain of the directory.
type Domain struct {
	Name      string
	Params    Pairs
	Variables Pairs
	Groups    []*Group
	Users     []*User // each user once, in document order of its definition

	byID    map[string]*User
	byGroup map[string]*Group
}

// Membership is one row of list_users.
type Membership struct {
	Group string // "" for a user outside of all groups
	User  *User
}

// Members lists (group, user) pairs in document order, a user in several groups several times.
func (d *Domain) Members() []Membership {
	var all []Membership
	for _, g := range d.Groups {
		for _, u := range g.Users {
			all = append(all, Membership{g.Name, u})
		}
	}
	for _, u := range d.Users {
		if len(u.Groups) == 0 {
			all = append(all, Membership{"", u})
		}
	}
	return all
}

// User finds a user by id or number-alias, without case.
func (d *Domain) User(id string) (*User, bool) {
	if d == nil {
		return nil, false
	}
	u, ok := d.byID[strings.ToLower(id)]
	return u, ok
}

// Group finds a group by name, without case.
func (d *Domain) Group(name string) (*Group, bool) {
	if d == nil {
		return nil, false
	}
	g, ok := d.byGroup[strings.ToLower(name)]
	return g, ok
}

// Directory is the users by domain.
type Directory struct {
	domains []*Domain
	byName  map[string]*Domain
}

// Domains lists the domains in document order.
func (d *Directory) Domains() []*Domain { return d.domains }

// Domain finds a domain by name, without case; a port in name is ignored.
func (d *Directory) Domain(name string) (*Domain, bool) {
	if x, ok := d.byName[strings.ToLower(name)]; ok {
		return x, true
	}
	host, _, err := net.SplitHostPort(name)
	if err != nil {
		return nil, false
	}
	x, ok := d.byName[strings.ToLower(host)]
	return x, ok
}

// User finds a user by id or number-alias in a domain. A domain that is not in the directory has no users: a profile with
// force-register-domain asks for that one instead.
func (d *Directory) User(id, domain string) (*User, bool) {
	x, _ := d.Domain(domain)
	return x.User(id)
}

// Users is the number of users of all domains.
func (d *Directory) Users() int {
	n := 0
	for _, x := range d.domains {
		n += len(x.Users)
	}
	return n
}
