package config

import (
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// directory reads the section "directory". Of two domains of one name FreeSWITCH finds the first.
func (r *reader) directory(section *fsxml.Node) *Directory {
	d := &Directory{byName: map[string]*Domain{}}
	if section == nil {
		r.problem(nil, fsxml.Warning, "there is no directory section: nobody can register")
	}
	for _, n := range section.All("domain") {
		name := n.Attr("name")
		if name == "" {
			r.problem(n, fsxml.Error, "a domain needs a name; it is ignored")
			continue
		}
		if _, ok := d.Domain(name); ok {
			r.problem(n, fsxml.Error, "domain %q stands in the directory already; this one is ignored", name)
			continue
		}
		x := r.domain(name, n)
		d.domains = append(d.domains, x)
		d.byName[strings.ToLower(name)] = x
	}
	return d
}

// pairs reads <params><param/></params> or <variables><variable/></variables>, the last of a name.
func pairs(n *fsxml.Node, container, item string) Pairs {
	count := 0
	for _, list := range n.Children {
		if list.Name == container {
			count += len(list.Children)
		}
	}
	if count == 0 {
		return nil
	}
	all := make(Pairs, 0, count)
	for _, list := range n.Children {
		if list.Name != container {
			continue
		}
		for _, x := range list.Children {
			if x.Name != item {
				continue
			}
			name, value := x.Attr("name"), x.Attr("value")
			if _, again := all.Lookup(name); again {
				all = all.with(Pair{name, value})
				continue
			}
			all = append(all, Pair{name, value})
		}
	}
	return all
}

// with appends a pair and drops an earlier one of its name.
func (p Pairs) with(x Pair) Pairs {
	out := make(Pairs, 0, len(p)+1)
	for _, y := range p {
		if y.Name != x.Name {
			out = append(out, y)
		}
	}
	return append(out, x)
}

// under lets over override p: what is inherited comes first, as switch_xml_merge_user (switch_xml.c) leaves it.
func (p Pairs) under(over Pairs) Pairs {
	for _, x := range over {
		p = p.with(x)
	}
	return p
}

// userRecord is the content of a <user> element in the form users keep.
type userRecord struct {
	params, variables Pairs
	extra             []*fsxml.Node
}

func newUserRecord(n *fsxml.Node) *userRecord {
	rec := &userRecord{params: pairs(n, "params", "param"), variables: pairs(n, "variables", "variable")}
	for _, c := range n.Children {
		if c.Name != "params" && c.Name != "variables" && (len(c.Children) > 0 || len(c.Attrs) > 0 || c.Text != "") {
			rec.extra = append(rec.extra, c.Clone())
		}
	}
	return rec
}

// reduce keeps the users of the directory as records: an element is several times as large. Called by the loader for each element.
func (r *reader) reduce(n *fsxml.Node, above []*fsxml.Node) bool {
	if n.Name != "user" || len(above) < 3 {
		return false
	}
	for _, a := range above {
		if a.Name == "section" && strings.EqualFold(a.Attr("name"), "directory") {
			rec := newUserRecord(n)
			r.share(rec.params)
			r.share(rec.variables)
			r.records[n] = rec
			return true
		}
	}
	return false
}

// Names and values that are kept once however many users have them: toll_allow, user_context, callgroup and their like.
const (
	maxShared     = 1 << 16
	maxSharedText = 64
)

// share replaces names and values by earlier equal ones.
func (r *reader) share(list Pairs) {
	for i := range list {
		list[i] = Pair{r.one(list[i].Name), r.one(list[i].Value)}
	}
}

func (r *reader) one(s string) string {
	if first, ok := r.shared[s]; ok {
		return first
	}
	if len(s) <= maxSharedText && len(r.shared) < maxShared {
		r.shared[s] = s
	}
	return s
}

// members returns the user elements of a container, inside <users> or directly.
func members(n *fsxml.Node) []*fsxml.Node {
	var all []*fsxml.Node
	for _, c := range n.Children {
		switch c.Name {
		case "users":
			all = append(all, c.All("user")...)
		case "user":
			all = append(all, c)
		}
	}
	return all
}

func isPointer(n *fsxml.Node) bool { return strings.EqualFold(n.Attr("type"), "pointer") }

// domain reads one domain: first every user where it is defined, then the groups, whose pointers can then be resolved.
func (r *reader) domain(name string, n *fsxml.Node) *Domain {
	d := &Domain{Name: name,
		Params: pairs(n, "params", "param"), Variables: pairs(n, "variables", "variable")}
	var groups []*fsxml.Node
	for _, list := range n.All("groups") {
		groups = append(groups, list.All("group")...)
	}
	defined := map[*fsxml.Node]*User{}
	d.byID = make(map[string]*User, total(groups, n))
	for _, g := range groups {
		params, vars := d.Params.under(pairs(g, "params", "param")), d.Variables.under(pairs(g, "variables", "variable"))
		for _, u := range members(g) {
			defined[u] = r.user(d, u, params, vars)
		}
	}
	for _, u := range members(n) {
		r.user(d, u, d.Params, d.Variables)
	}
	for _, u := range d.Users { // a real id of another user beats an alias
		if u.NumberAlias == "" {
			continue
		}
		key := strings.ToLower(u.NumberAlias)
		if other, ok := d.byID[key]; ok && other != u {
			r.problem(&fsxml.Node{File: u.File, Line: u.Line}, fsxml.Warning, "number-alias %q of user %s is taken by user %s", u.NumberAlias, u.ID, other.ID)
			continue
		}
		d.byID[key] = u
	}
	d.byGroup = make(map[string]*Group, len(groups))
	for _, g := range groups {
		made := r.group(d, g, defined)
		d.Groups = append(d.Groups, made)
		if _, ok := d.byGroup[strings.ToLower(made.Name)]; !ok {
			d.byGroup[strings.ToLower(made.Name)] = made
		}
	}
	return d
}

// total is about how many users a domain has.
func total(groups []*fsxml.Node, n *fsxml.Node) int {
	sum := len(members(n))
	for _, g := range groups {
		sum += len(members(g))
	}
	return sum
}

// user adds one definition to its domain; nil for a pointer and for what cannot be a user.
func (r *reader) user(d *Domain, n *fsxml.Node, params, vars Pairs) *User {
	id := n.Attr("id")
	switch {
	case isPointer(n):
		return nil
	case id == "":
		r.problem(n, fsxml.Error, "a user needs an id; it is ignored")
		return nil
	case strings.ContainsAny(id, "|\r\n\x00@"):
		r.problem(n, fsxml.Error, "user id %q holds a character that separates fields; it is ignored", id)
		return nil
	}
	if first, ok := d.byID[strings.ToLower(id)]; ok {
		r.problem(n, fsxml.Error, "user %s@%s is defined at %s:%d already; this one is ignored", id, d.Name, first.File, first.Line)
		return nil
	}
	own := r.records[n]
	if own == nil {
		own = newUserRecord(n) // the tree was read without reducing it
	}
	u := &User{ID: id, Domain: d.Name, File: n.File, Line: n.Line, extra: own.extra,
		Params: Inherited{own.params, params}, Variables: Inherited{own.variables, vars}}
	for _, a := range n.Attrs {
		switch a.Name {
		case "id", "type":
		case "number-alias":
			u.NumberAlias = a.Value
		case "cidr":
			u.CIDR = a.Value
		default:
			u.Attrs = append(u.Attrs, Pair(a))
		}
	}
	if u.Password() == "" && u.A1Hash() == "" && !u.Blind() {
		r.problem(n, fsxml.Warning, "user %s@%s has neither password nor a1-hash: it cannot register", id, d.Name)
	}
	d.byID[strings.ToLower(id)] = u
	d.Users = append(d.Users, u)
	return u
}

func (r *reader) group(d *Domain, n *fsxml.Node, defined map[*fsxml.Node]*User) *Group {
	g := &Group{Name: n.Attr("name"), Users: make([]*User, 0, len(members(n)))}
	alone := []string{g.Name}
	if g.Name == "" {
		r.problem(n, fsxml.Warning, "a group without a name cannot be asked for")
	}
	for _, m := range members(n) {
		u := defined[m]
		if isPointer(m) {
			var ok bool
			if u, ok = d.User(m.Attr("id")); !ok {
				r.problem(m, fsxml.Error, "group %q points to user %q, whom domain %s does not have", g.Name, m.Attr("id"), d.Name)
			}
		}
		if u != nil {
			g.Users = append(g.Users, u)
			if u.Groups == nil {
				u.Groups = alone[:1:1] // most users are in one group: they share its list
			} else {
				u.Groups = append(u.Groups, g.Name)
			}
		}
	}
	return g
}
