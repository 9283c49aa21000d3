package control

import (
	"strings"

	"github.com/talkpath/talkpath/internal/config"
)

// notRegistered is FreeSWITCH's contact of a user without registration.
const notRegistered = "error/user_not_registered"

const listUsersHead = "userid|context|domain|group|contact|callgroup|effective_caller_id_name|effective_caller_id_number\n"

// listUsers is mod_commands' table: a row for each membership of a user in a group, groups in document order.
func (c *Control) listUsers(args string) string {
	only := map[string]string{}
	words := strings.Fields(args)
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
			row := []string{u.ID, u.Context(), d.Name, m.Group, c.contacts("", u.ID, d.Name), u.Variable("callgroup"),
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

// user finds "user@domain"; without a domain it is the default one.
func (c *Control) user(address string) (*config.User, bool) {
	id, domain, ok := strings.Cut(address, "@")
	if !ok {
		domain, _ = c.Global("domain")
	}
	if id == "" {
		return nil, false
	}
	return c.deps.Config().Directory.User(id, domain)
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
	name := words[2]
	switch strings.ToLower(words[1]) {
	case "param":
		return u.Param(name)
	case "var":
		return u.Variable(name)
	case "attr":
		switch strings.ToLower(name) {
		case "id":
			return u.ID
		case "number-alias":
			return u.NumberAlias
		case "cidr":
			return u.CIDR
		case "domain-name":
			return u.Domain
		}
	}
	return ""
}

// userExists is "id user domain".
func (c *Control) userExists(args string) string {
	words := strings.Fields(args)
	if len(words) < 3 {
		return "false"
	}
	_, ok := c.deps.Config().Directory.User(words[1], words[2])
	return boolText(ok)
}

func (c *Control) domainExists(name string) string {
	if name == "" {
		return c.usage("domain_exists")
	}
	_, ok := c.deps.Config().Directory.Domain(name)
	return boolText(ok)
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
