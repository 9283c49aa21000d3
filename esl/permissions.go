package esl

import "strings"

const replyDenied = "-ERR permission denied"

// User is who signed in with userauth, as the directory has it.
type User struct {
	// Password is esl-password; a user without one cannot sign in.
	Password string
	// AllowedEvents and AllowedAPI are esl-allowed-events and esl-allowed-api, lists separated by commas or by blanks. nil: everything.
	AllowedEvents, AllowedAPI *string
	// DenyLog is an esl-allowed-log that says no.
	DenyLog bool
}

// Users is implemented by a Backend that knows users for userauth.
type Users interface {
	// EventSocketUser finds a user of a domain.
	EventSocketUser(name, domain string) (User, bool)
}

// permissions are what one connection may do; the zero value may do everything. It never changes after authentication.
type permissions struct {
	events *Selection // nil: all
	api    map[string]bool
	noLog  bool
}

func newPermissions(u User) permissions {
	p := permissions{noLog: u.DenyLog}
	if u.AllowedEvents != nil {
		p.events = &Selection{}
		words := listed(*u.AllowedEvents)
		for i, word := range words {
			switch name, ok := eventName(word); {
			case !ok:
				continue
			case name == all:
				p.events.All = true
			default:
				p.events.addName(name)
			}
			if strings.EqualFold(word, custom) {
				for _, sub := range words[i+1:] {
					p.events.addSubclass(sub)
				}
				break
			}
		}
	}
	if u.AllowedAPI != nil {
		p.api = map[string]bool{}
		for _, name := range listed(*u.AllowedAPI) {
			p.api[strings.ToLower(name)] = true
		}
	}
	return p
}

// listed reads a list as mod_event_socket does: blanks separate when there are any, else commas.
func listed(list string) []string {
	if strings.Contains(list, " ") {
		return strings.Fields(list)
	}
	return strings.Split(list, ",")
}

// announce are the lines that tell a user after "+OK accepted".
func (p permissions) announce(u User) []string {
	text := func(list *string) string {
		if list == nil {
			return "all"
		}
		return oneLine(*list)
	}
	mayLog := "true"
	if p.noLog {
		mayLog = "false"
	}
	return []string{"Allowed-Events: " + text(u.AllowedEvents), "Allowed-API: " + text(u.AllowedAPI), "Allowed-LOG: " + mayLog}
}

// mayHear says whether a selection is within what is allowed.
func (p permissions) mayHear(sel Selection) bool {
	if p.events == nil || p.events.All && len(sel.Subclasses) == 0 {
		return true
	}
	if sel.All && !p.events.All {
		return false
	}
	for name := range sel.Names {
		if !p.events.All && !p.events.Names[name] {
			return false
		}
	}
	for sub := range sel.Subclasses {
		if !p.events.Subclasses[sub] {
			return false
		}
	}
	return true
}

// within leaves of names what is allowed.
func (p permissions) within(names []string) []string {
	if p.events == nil || p.events.All {
		return names
	}
	var kept []string
	for _, name := range names {
		if p.events.Names[name] {
			kept = append(kept, name)
		}
	}
	return kept
}

// carriers are the commands whose arguments are a command line again; each word of theirs must be allowed too.
var carriers = map[string]bool{"bgapi": true, "sched_api": true, "eval": true, "expand": true, "xml_wrap": true}

// mayRun says whether a command line is allowed.
func (p permissions) mayRun(line string) bool {
	if p.api == nil {
		return true
	}
	for _, word := range strings.Fields(line) {
		word = strings.ToLower(word)
		if !p.api[word] {
			return false
		}
		if !carriers[word] {
			return true
		}
	}
	return line != ""
}
