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

// User is one user of a domain. Params and Variables include what it inherits: its own first, then its group's, then its domain's,
// as switch_xml_merge_user in switch_xml.c orders them.
type User struct {
	ID, Domain  string
	NumberAlias string
	CIDR        string
	Groups      []string // in document order; pointers included
	Params      Pairs
	Variables   Pairs
	File        string
	Line        int
}

// Param returns a param, "" when it is missing.
func (u *User) Param(name string) string { return u.Params.Value(name) }

// Variable returns a variable, "" when it is missing.
func (u *User) Variable(name string) string { return u.Variables.Value(name) }

// Password is the SIP password, "" when the user has none (then it may have an A1Hash).
func (u *User) Password() string { return u.Param("password") }

// A1Hash is MD5(user:realm:password) in hexadecimal, "" when none is configured.
func (u *User) A1Hash() string { return u.Param("a1-hash") }

// DialString is the dial-string param, unexpanded.
func (u *User) DialString() string { return u.Param("dial-string") }

// Context is the dialplan context of the user's calls: user_context, "" when not configured.
func (u *User) Context() string { return u.Variable("user_context") }

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

	byID map[string]*User
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
	for _, g := range d.Groups {
		if strings.EqualFold(g.Name, name) {
			return g, true
		}
	}
	return nil, false
}

// Directory is the users by domain.
type Directory struct {
	domains []*Domain
}

// Domains lists the domains in document order.
func (d *Directory) Domains() []*Domain { return d.domains }

// Domain finds a domain by name, without case; a port in name is ignored.
func (d *Directory) Domain(name string) (*Domain, bool) {
	host := name
	if h, _, err := net.SplitHostPort(name); err == nil {
		host = h
	}
	for _, x := range d.domains {
		if strings.EqualFold(x.Name, name) || strings.EqualFold(x.Name, host) {
			return x, true
		}
	}
	return nil, false
}

// User finds a user by id or number-alias in a domain. A domain that is not in the directory has no users: a profile with
// force-register-domain asks for that one instead.
func (d *Directory) User(id, domain string) (*User, bool) {
	x, _ := d.Domain(domain)
	return x.User(id)
}
