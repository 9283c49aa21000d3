package config

import (
	"math/rand/v2"
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// User is one user of a domain. Params and Variables include what it inherits from its group and its domain.
type User struct {
	ID, Domain  string
	NumberAlias string
	CIDR        string   // addresses from which it needs no password, for access lists with domain=
	Groups      []string // in document order; pointers included
	Params      Inherited
	Variables   Inherited
	Attrs       Pairs // other attributes of its element: mailbox, cacheable …
	File        string
	Line        int

	extra []*fsxml.Node // other elements in it: gateways, vcard, skinny; nil for almost all
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

// TollAllow is the kinds of calls the user may make (toll_allow).
func (u *User) TollAllow() []string {
	v := u.Variable("toll_allow")
	if v == "" {
		return nil
	}
	list := strings.Split(v, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// ForbidRegister says whether the user must not register (sip-forbid-register).
func (u *User) ForbidRegister() bool { return isTrue(u.Param("sip-forbid-register")) }

// DeniesLog says whether the user may not read the log over the event socket (esl-allowed-log).
func (u *User) DeniesLog() bool {
	value, ok := u.Params.Lookup("esl-allowed-log")
	return ok && !isTrue(value)
}

// AuthACL names the access list that the user's devices must be in, "" for any address (auth-acl).
func (u *User) AuthACL() string { return u.Param("auth-acl") }

// Expires is how long a registration lasts that asks for some seconds: sip-force-expires-min, -max and sip-force-expires, each from the user's variables
// or else from the profile, and up to sip-expires-max-deviation more or less, so that not all phones come back at once (sofia_reg.c). user may be nil.
func (p *Profile) Expires(user *User, asked int) int {
	limit := func(name string, profile int) int {
		if user != nil {
			if v := atoi(user.Variable(name)); v != 0 {
				return v
			}
		}
		return profile
	}
	if v := limit("sip-force-expires-min", p.ForceExpiresMin); v > 0 {
		asked = max(asked, v)
	}
	if v := limit("sip-force-expires-max", p.ForceExpiresMax); v > 0 {
		asked = min(asked, v)
	}
	if v := limit("sip-force-expires", p.ForceExpires); v > 0 {
		asked = v
	}
	if v := limit("sip-expires-max-deviation", p.ExpiresMaxDeviation); v > 0 {
		v = min(v, asked/2)
		asked += rand.IntN(2*v+1) - v
	}
	return asked
}

// MaxCalls is the variable max_calls, 0 when there is no limit.
func (u *User) MaxCalls() int { return max(atoi(u.Variable("max_calls")), 0) }

// ReverseAuth is the name and password with which this server answers a challenge of the user's device.
// Both are empty unless both are set, as in sofia_reg.c.
func (u *User) ReverseAuth() (user, password string) {
	user, password = u.Param("reverse-auth-user"), u.Param("reverse-auth-pass")
	if user == "" || password == "" {
		return "", ""
	}
	return user, password
}

// Blind says whether the user may register without a password (allow-empty-password with none set).
func (u *User) Blind() bool {
	return u.Password() == "" && u.A1Hash() == "" && isTrue(u.Param("allow-empty-password"))
}

// Mailbox is the attribute mailbox, or the id.
func (u *User) Mailbox() string { return firstOf(u.Attrs.Value("mailbox"), u.ID) }

// Attr returns an attribute of the user's element.
func (u *User) Attr(name string) string {
	switch name {
	case "id":
		return u.ID
	case "number-alias":
		return u.NumberAlias
	case "cidr":
		return u.CIDR
	}
	return u.Attrs.Value(name)
}

// Element makes the <user> element again, for find_user_xml and xml_locate: the tree itself keeps users in a smaller form. With merged set, what is
// inherited stands in it too.
func (u *User) Element(merged bool) *fsxml.Node {
	n := &fsxml.Node{Name: "user", File: u.File, Line: u.Line, Attrs: []fsxml.Attr{{Name: "id", Value: u.ID}}}
	for _, a := range append(Pairs{{"number-alias", u.NumberAlias}, {"cidr", u.CIDR}}, u.Attrs...) {
		if a.Value != "" {
			n.Attrs = append(n.Attrs, fsxml.Attr(a))
		}
	}
	for _, x := range u.extra {
		n.Children = append(n.Children, x.Clone())
	}
	list := func(container, item string, from Inherited) {
		pairs := from.Own
		if merged {
			pairs = from.Merged()
		}
		if len(pairs) == 0 {
			return
		}
		c := &fsxml.Node{Name: container}
		for _, p := range pairs {
			c.Children = append(c.Children, &fsxml.Node{Name: item, Attrs: []fsxml.Attr{{Name: "name", Value: p.Name}, {Name: "value", Value: p.Value}}})
		}
		n.Children = append(n.Children, c)
	}
	list("params", "param", u.Params)
	list("variables", "variable", u.Variables)
	return n
}
