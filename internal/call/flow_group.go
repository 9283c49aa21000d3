package call

import (
	"strings"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// groupRealm is where the members of the groups that calls make are kept: key NAME, value a list of dial strings one a line.
const groupRealm = "_group"

const (
	groupUsage = "-USAGE: [insert|delete|call]:<group name>:<val>\n"
	maxMembers = 256
)

// Group is the command group of mod_db: insert|delete|call:NAME[:VALUE]. call gives a dial string of the members, all at once or with
// the value "order" one after the other.
func (s *Store) Group(args string) string {
	verb, rest, _ := strings.Cut(args, ":")
	name, value, given := strings.Cut(rest, ":")
	switch verb = strings.ToLower(verb); {
	case verb == "insert" && name != "" && given:
		return okOr(s.enter(name, value))
	case verb == "delete" && name != "" && given:
		return okOr(s.leave(name, value))
	case verb == "call" && name != "":
		members := s.members(name)
		if len(members) == 0 {
			return "error/USER_NOT_REGISTERED"
		}
		if strings.Contains(value, "order") {
			return strings.Join(members, "|")
		}
		return strings.Join(members, ",")
	}
	return groupUsage
}

func (s *Store) members(name string) []string {
	v, ok := s.db.Find(groupRealm, name)
	if !ok || v == "" {
		return nil
	}
	return strings.Split(v, "\n")
}

// enter adds a member; one that is there stays.
func (s *Store) enter(name, member string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.members(name)
	for _, m := range list {
		if m == member {
			return nil
		}
	}
	if list = append(list, member); len(list) > maxMembers {
		list = list[1:]
	}
	return s.db.Put(groupRealm, name, strings.Join(list, "\n"))
}

// leave takes a member out, with "*" all.
func (s *Store) leave(name, member string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rest []string
	for _, m := range s.members(name) {
		if m != member && member != "*" {
			rest = append(rest, m)
		}
	}
	if len(rest) == 0 {
		return s.db.Delete(groupRealm, name)
	}
	return s.db.Put(groupRealm, name, strings.Join(rest, "\n"))
}

// appGroup is group insert|delete:NAME:VALUE. The members become part of dial strings, so one with syntax from outside is refused.
func appGroup(ch *Channel, data dialplan.Expanded) string {
	p := data.Split(':', 3)
	if len(p) < 3 {
		ch.log.Warn("group needs insert:name:value or delete:name:value", "data", data.String())
		return responseNone
	}
	for _, v := range p[2] {
		if v.Wire && strings.ContainsAny(v.Text, ",|[]{}<>^:/\\'\"$") {
			ch.log.Warn("group: a member from outside holds syntax of dial strings")
			return responseNone
		}
	}
	member := headerText(p[2].String())
	if member == "" || strings.HasPrefix(member, "error/") || strings.HasPrefix(member, "-ERR") {
		return responseNone
	}
	var err error
	switch strings.ToLower(p[0].String()) {
	case "insert":
		err = ch.core.store.enter(p[1].String(), member)
	case "delete":
		err = ch.core.store.leave(p[1].String(), member)
	}
	if err != nil {
		ch.log.Error("group", "error", err)
	}
	return responseNone
}
