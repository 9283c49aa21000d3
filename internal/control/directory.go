package control

import (
	"errors"
	"strings"

	"github.com/talkpath/talkpath/internal/config"
)

// notRegistered is FreeSWITCH's contact of a user without registration.
const notRegistered = "error/user_not_registered"

const listUsersHead = "userid|context|domain|group|contact|callgroup|effective_caller_id_name|effective_caller_id_number\n"

// directoryCommands look users, groups and domains up.
func (c *Control) directoryCommands() map[string]command {
	return map[string]command{
		"list_users":    query(c.listUsers, "List Users configured in Directory", "[group <group>] [domain <domain>] [user <user>] [context <context>]"),
		"user_data":     query(c.userData, "Find user data", "<user>@<domain> [var|param|attr] <name>"),
		"domain_data":   query(c.domainData, "Find domain data", "<domain> [var|param|attr] <name>"),
		"user_exists":   query(c.userExists, "Find a user", "<key> <user> <domain>"),
		"find_user_xml": query(c.findUserXML, "Find a user", "<key> <user> <domain>"),
		"xml_locate":    action(c.xmlLocate, "Find some xml", "[root | <section> <tag> <tag_attr_name> <tag_attr_val>]"),
		"domain_exists": query(c.domainExists, "Check if a domain exists", "<domain>"),
		"in_group":      query(c.inGroup, "Determine if a user is in a group", "<user>[@<domain>] <group_name>"),
		"group_call":    query(c.groupCall, "Generate a dial string to call a group", "<group>[@<domain>]"),
	}
}

// listUsers is mod_commands' table: a row for each membership of a user in a group, groups in document order.
func (c *Control) listUsers(args string) string {
	only := map[string]string{}
	words := strings.Fields(args)
	if len(words) > 8 {
		return c.usage("list_users")
	}
	for i := 0; i+1 < len(words); i += 2 {
		only[strings.ToLower(words[i])] = words[i+1]
	}
	passes := func(key, value string) bool {
		want, ok := only[key]
		return !ok || strings.EqualFold(want, value)
	}
	var b strings.Builder
	b.WriteString(listUsersHead)
	for _, d := range c.deps.Config().Directory.Domains() {
		if !passes("domain", d.Name) {
			continue
		}
		for _, m := range d.Members() {
			u := m.User
			if !passes("group", m.Group) || !passes("user", u.ID) || !passes("context", u.Context()) {
				continue
			}
			row := []string{u.ID, u.Context(), d.Name, m.Group, c.contacts(address{user: u.ID, domain: d.Name}), u.Variable("callgroup"),
				u.Variable("effective_caller_id_name"), u.Variable("effective_caller_id_number")}
			for i, field := range row {
				if i > 0 {
					b.WriteByte('|')
				}
				b.WriteString(cell(field))
			}
			b.WriteByte('\n')
		}
	}
	b.WriteString("\n+OK\n")
	return b.String()
}

// cell keeps a field from making a column or a row of its own: contacts come from outside.
func cell(s string) string { return strings.ReplaceAll(oneLine(s), "|", "%7C") }

// domain is the one named, or else the default one.
func (c *Control) domain(name string) string {
	if name == "" {
		name, _ = c.Global("domain")
	}
	return name
}

// user finds "user@domain"; without a domain it is the default one.
func (c *Control) user(address string) (*config.User, bool) {
	id, domain, _ := strings.Cut(address, "@")
	if id == "" {
		return nil, false
	}
	return c.deps.Config().Directory.User(id, c.domain(domain))
}

// userData is "user@domain param|var|attr name". Whatever is not there is empty: Rocket.Chat takes the text for the password, so an
// error text must never be among the answers.
func (c *Control) userData(args string) string {
	words := strings.Fields(args)
	if len(words) < 3 {
		return ""
	}
	u, ok := c.user(words[0])
	if !ok {
		return ""
	}
	switch strings.ToLower(words[1]) {
	case "attr":
		if words[2] == "domain-name" {
			return u.Domain
		}
		return u.Attr(words[2])
	case "var":
		return u.Variable(words[2])
	default:
		return u.Param(words[2])
	}
}

// domainData is the same for a domain's own params and variables.
func (c *Control) domainData(args string) string {
	words := strings.Fields(args)
	if len(words) < 3 {
		return ""
	}
	d, ok := c.deps.Config().Directory.Domain(words[0])
	if !ok {
		return ""
	}
	switch strings.ToLower(words[1]) {
	case "attr":
		if words[2] == "name" {
			return d.Name
		}
		return ""
	case "var":
		return d.Variables.Value(words[2])
	default:
		return d.Params.Value(words[2])
	}
}

// find is "key user domain"; the key says whether user is an id, a number-alias or, as id:number-alias, either.
func (c *Control) find(args string) (u *config.User, problem string) {
	words := strings.Fields(args)
	if len(words) < 3 {
		return nil, "bad args"
	}
	u, ok := c.deps.Config().Directory.User(words[1], words[2])
	for _, key := range strings.Split(words[0], ":") {
		if ok && strings.EqualFold(u.Attr(key), words[1]) {
			return u, ""
		}
	}
	return nil, "can't find user"
}

func (c *Control) userExists(args string) string {
	_, problem := c.find(args)
	return boolText(problem == "")
}

// findUserXML is the user with all it inherits.
func (c *Control) findUserXML(args string) string {
	u, problem := c.find(args)
	if problem != "" {
		return "-ERR " + problem + "\n"
	}
	var b strings.Builder
	b.WriteString(`<user id="` + escapeXML(u.ID) + `"`)
	attr := func(name, value string) {
		if value != "" {
			b.WriteString(" " + name + `="` + escapeXML(value) + `"`)
		}
	}
	attr("number-alias", u.NumberAlias)
	attr("cidr", u.CIDR)
	for _, a := range u.Attrs {
		attr(a.Name, a.Value)
	}
	attr("domain-name", u.Domain)
	b.WriteString(">\n  <profile-variables></profile-variables>\n")
	list := func(outer, inner string, pairs config.Pairs) {
		b.WriteString("  <" + outer + ">\n")
		for _, p := range pairs {
			b.WriteString("    <" + inner + ` name="` + escapeXML(p.Name) + `" value="` + escapeXML(p.Value) + `"></` + inner + ">\n")
		}
		b.WriteString("  </" + outer + ">\n")
	}
	list("params", "param", u.Params.Merged())
	list("variables", "variable", u.Variables.Merged())
	b.WriteString("</user>\n")
	return b.String()
}

// xmlLocate is "root", a section, or a section with the tag, attribute and value of one of its children.
func (c *Control) xmlLocate(args string) string {
	w := words(args, 16)
	if len(w) != 1 && len(w) != 4 {
		return "-ERR bad args\n"
	}
	if strings.EqualFold(w[0], "root") {
		w[0] = ""
	}
	w = append(w, "", "", "")
	text, err := c.deps.Config().Locate(w[0], w[1], w[2], w[3])
	switch {
	case errors.Is(err, config.ErrNotFound):
		return "can't find anything\n"
	case err != nil:
		return "-ERR too large\n"
	}
	return text
}

func (c *Control) domainExists(name string) string {
	if name == "" {
		return c.usage("domain_exists")
	}
	_, ok := c.deps.Config().Directory.Domain(name)
	return boolText(ok)
}

// group finds "name@domain".
func (c *Control) group(address string) (g *config.Group, domain string, ok bool) {
	name, domain, _ := strings.Cut(address, "@")
	d, ok := c.deps.Config().Directory.Domain(c.domain(domain))
	if !ok {
		return nil, "", false
	}
	g, ok = d.Group(name)
	return g, d.Name, ok
}

// inGroup is "user@domain,group".
func (c *Control) inGroup(args string) string {
	part := arguments(args, ',', 2)
	if len(part) < 2 {
		return "false"
	}
	id, domain, _ := strings.Cut(part[0], "@")
	g, _, ok := c.group(part[1] + "@" + domain)
	if !ok {
		return "false"
	}
	for _, u := range g.Users {
		if u.ID == id {
			return "true"
		}
	}
	return "false"
}

// groupCall is "group@domain+X": a dial string of all members, at once (A, the default), one after the other (F) or each as a call of its
// own (E). It names users, not what they registered, so nothing of a contact gets into it.
func (c *Control) groupCall(args string) string {
	name, flags, _ := strings.Cut(args, "+")
	separator := ","
	for _, flag := range flags {
		switch flag {
		case 'A':
			separator = ","
		case 'F':
			separator = "|"
		case 'E':
			separator = ":_:"
		}
	}
	g, domain, ok := c.group(strings.TrimSpace(name))
	if !ok || len(g.Users) == 0 {
		return "error/NO_ROUTE_DESTINATION"
	}
	all := make([]string, len(g.Users))
	for i, u := range g.Users {
		all[i] = "user/" + u.ID + "@" + domain
	}
	return strings.Join(all, separator)
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
