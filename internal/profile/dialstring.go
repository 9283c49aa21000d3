package profile

import (
	"strings"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
)

// dialVariables are a user's params dial-var-NAME, which FreeSWITCH sets on each leg that rings the user.
func dialVariables(u *config.User) []call.Variable {
	var out []call.Variable
	for _, x := range u.Params.Merged() {
		if name, ok := strings.CutPrefix(x.Name, "dial-var-"); ok && name != "" {
			out = append(out, call.Variable{Name: name, Value: x.Value})
		}
	}
	return out
}

// dialString rings a user as its param dial-string says: {variables}, and targets of which those between commas ring at once, and those
// behind | when nobody before it could be rung at all. ${sofia_contact(…)} is the user's contacts; ${verto_contact(…)} is nobody. An
// empty one is the contacts.
func (s Set) dialString(p *Profile, snap *config.Snapshot, u *config.User, vars []call.Variable, depth int) ([]call.Destination, call.Cause) {
	text := u.DialString()
	if text == "" {
		return s.contacts(p, snap, u, append(dialVariables(u), vars...))
	}
	text = strings.NewReplacer("${dialed_user}", u.ID, "${dialed_domain}", u.Domain).Replace(text)
	given, targets := leadingVariables(text)
	own := append(append(dialVariables(u), given...), vars...) // the last of a name counts
	cause := call.UserNotRegistered
	for group := range strings.SplitSeq(targets, "|") {
		var out []call.Destination
		for target := range strings.SplitSeq(group, ",") {
			ds, why := s.target(p, snap, u, strings.TrimSpace(target), own, depth)
			for i := range ds {
				ds[i].Vars = withVariables(ds[i].Vars, given)
			}
			if out = append(out, ds...); why != "" && why != call.UserNotRegistered {
				cause = why
			}
		}
		if len(out) > 0 {
			return out, ""
		}
	}
	return nil, cause
}

// target is one target of a user's dial string.
func (s Set) target(p *Profile, snap *config.Snapshot, u *config.User, text string, vars []call.Variable, depth int) ([]call.Destination, call.Cause) {
	switch {
	case strings.HasPrefix(text, "${sofia_contact("):
		p.emitLookup(u.ID, u.Domain)
		return s.contacts(p, snap, u, vars)
	case text == "" || strings.HasPrefix(text, "${"):
		return nil, ""
	}
	if strings.HasPrefix(text, "[") {
		given, rest := bracketed(text, '[', ']')
		vars, text = append(given, vars...), rest
	}
	endpoint, dest, ok := strings.Cut(text, "/")
	if !ok || depth >= deepest {
		return nil, call.InvalidURL
	}
	return s.resolve(endpoint, dest, vars, depth+1)
}

// leadingVariables cuts {a=b,c=d} or {^^:a=b:c=d} off the front of a dial string.
func leadingVariables(text string) ([]call.Variable, string) { return bracketed(text, '{', '}') }

func bracketed(text string, open, end byte) ([]call.Variable, string) {
	var out []call.Variable
	for text = strings.TrimSpace(text); text != "" && text[0] == open; text = strings.TrimSpace(text) {
		i := strings.IndexByte(text, end)
		if i < 0 {
			return out, ""
		}
		inner, separator := text[1:i], ","
		text = text[i+1:]
		if strings.HasPrefix(inner, "^^") && len(inner) > 2 {
			separator, inner = inner[2:3], inner[3:]
		}
		for kv := range strings.SplitSeq(inner, separator) {
			if k, v, ok := strings.Cut(kv, "="); ok {
				out = append(out, call.Variable{Name: strings.TrimSpace(k), Value: strings.TrimSpace(v)})
			}
		}
	}
	return out, text
}

// withVariables adds variables that are not there yet.
func withVariables(all, more []call.Variable) []call.Variable {
	for _, v := range more {
		if value(all, v.Name, "") == "" {
			all = append(all, v)
		}
	}
	return all
}
