package config

import (
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// Unsupported is something the tree asks for that is read and not done. Each Kind and Name stands once, with the first place.
type Unsupported struct {
	Kind string `json:"kind"` // module, application, parameter
	Name string `json:"name"` // of a parameter: WHERE/NAME, as in profile/sip-capture
	Note string `json:"note,omitempty"`
	File string `json:"file"`
	Line int    `json:"line"`
}

// unsupported notes something once.
func (r *reader) unsupported(n *fsxml.Node, kind, name, note string) {
	key := kind + " " + name
	if r.told[key] || len(r.notServed) >= maxUnsupported {
		return
	}
	if r.told == nil {
		r.told = map[string]bool{}
	}
	r.told[key] = true
	u := Unsupported{Kind: kind, Name: name, Note: note}
	if n != nil {
		u.File, u.Line = n.File, n.Line
	}
	r.notServed = append(r.notServed, u)
}

// maxUnsupported bounds the list for trees that are made up.
const maxUnsupported = 2000

// words makes a set of names.
func words(list ...string) map[string]bool {
	set := map[string]bool{}
	for _, l := range list {
		for _, w := range strings.Fields(l) {
			set[w] = true
		}
	}
	return set
}

// says reports whether a value is among a comma-separated list of values, flags by their meaning. "*" is any value.
func says(list, value, kind string) bool {
	if list == "*" {
		return true
	}
	for _, v := range strings.Split(list, ",") {
		if strings.EqualFold(strings.TrimSpace(v), strings.TrimSpace(value)) || kind == "flag" && v != "" && isTrue(v) == isTrue(value) {
			return true
		}
	}
	return strings.EqualFold(list, value)
}

// asksNothing is a value that switches something off.
func asksNothing(v string) bool {
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "", "false", "no", "off", "0", "none", "disabled", "n":
		return true
	}
	return false
}

// ProfileParams lists the parameters of a SIP profile that have a place in Profile, for documents made from the code.
func ProfileParams() []Param { return append([]Param(nil), profileParams...) }

// QuietProfileParams and KnownProfileParams list the other parameters FreeSWITCH has: without meaning here, and reported when set.
func QuietProfileParams() []string { return strings.Fields(quietParams) }

// KnownProfileParams are read and reported as not supported.
func KnownProfileParams() []string { return strings.Fields(knownParams) }

// paramTable says how to judge a parameter by its name.
type paramTable struct {
	acting map[string]Param
	quiet  map[string]bool
	known  map[string]bool
}

func newParamTable() *paramTable {
	t := &paramTable{acting: make(map[string]Param, len(profileParams)), quiet: words(quietParams), known: words(knownParams)}
	for _, p := range profileParams {
		t.acting[p.Name] = p
	}
	return t
}

// judge reports a profile's parameters that nothing follows.
func (t *paramTable) judge(r *reader, list []*fsxml.Node) {
	for _, n := range list {
		name, value := strings.ToLower(n.Attr("name")), n.Attr("value")
		p, acting := t.acting[name]
		switch {
		case name == "":
			r.problem(n, fsxml.Warning, "a param without a name is ignored")
		case strings.HasPrefix(name, "disable-auth-"), t.quiet[name], acting && p.Acts:
		case acting && (p.Ours == "" || p.Kind == "flag") && p.Ours != "true" && asksNothing(value):
		case acting && p.Ours != "" && says(p.Ours, value, p.Kind):
		case !acting && t.known[name] && asksNothing(value):
		case acting || t.known[name]:
			r.unsupported(n, "parameter", "profile/"+n.Attr("name"), "")
		default:
			r.unsupported(n, "parameter", "profile/"+n.Attr("name"), "unknown to FreeSWITCH too")
		}
	}
}

// unknownParams reports what stands in a <settings> list that nobody reads.
func (r *reader) unknownParams(where string, s settings, read map[string]bool) {
	for _, n := range s.list {
		if name := strings.ToLower(n.Attr("name")); !read[name] && !asksNothing(n.Attr("value")) {
			r.unsupported(n, "parameter", where+"/"+n.Attr("name"), "")
		}
	}
}
