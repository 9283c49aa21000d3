package profile

import (
	"strings"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/sip"
)

// asserted is who calls according to somebody whose word counts.
type asserted struct {
	name, number string
	hidden       hiding
	vars         []call.Variable
}

// assertedBy reads P-Asserted-Identity (RFC 3325), else Remote-Party-ID, and Privacy. It is asked only of a gateway's own address and of who is in an
// access list: anybody can write these headers. Of two identities the one with a telephone number or a user counts, which comes first.
func assertedBy(req *sip.Request) asserted {
	var a asserted
	var v vars
	if value := headerValue(req, "Remote-Party-ID"); value != "" {
		a.take(value)
		a.hide(parameter(value, "privacy"))
		v.wire("sip_Remote-Party-ID", value)
		v.own("sip_cid_type", "rpid")
	}
	if value := headerValue(req, "P-Asserted-Identity"); value != "" && a.take(value) {
		v.wire("sip_P-Asserted-Identity", a.number)
		v.own("sip_cid_type", "pid")
	}
	for h := range sip.FindHeaders(req, "Privacy") {
		a.hide(h.Value())
	}
	a.vars = v
	return a
}

// take takes the name and number of a name-addr.
func (a *asserted) take(value string) bool {
	display, rest, named := strings.Cut(value, "<")
	uri := value
	if named {
		uri, _, _ = strings.Cut(rest, ">")
	} else {
		display = ""
		uri, _, _ = strings.Cut(uri, ";")
	}
	number := ""
	if tel, ok := strings.CutPrefix(strings.TrimSpace(uri), "tel:"); ok {
		number, _, _ = strings.Cut(tel, ";")
	} else if u, err := sip.ParseURI(strings.TrimSpace(uri)); err == nil {
		number = u.User
	}
	if number = clean(number); number == "" {
		return false
	}
	a.number = number
	display = strings.TrimSpace(display)
	if inner, ok := strings.CutPrefix(display, `"`); ok {
		display = strings.TrimSuffix(inner, `"`)
	}
	a.name = clean(unquoteName(display))
	return true
}

// hide reads the words of Privacy and of Remote-Party-ID's parameter.
func (a *asserted) hide(words string) {
	for _, word := range strings.FieldsFunc(strings.ToLower(words), func(r rune) bool { return strings.ContainsRune(`;, "`, r) }) {
		switch word {
		case "id", "user", "header", "full":
			a.hidden.name, a.hidden.number = true, true
		case "name":
			a.hidden.name = true
		case "uri":
			a.hidden.number = true
		}
	}
}

// parameter is a parameter behind a name-addr.
func parameter(value, name string) string {
	if i := strings.LastIndexByte(value, '>'); i >= 0 {
		value = value[i+1:]
	}
	for kv := range strings.SplitSeq(value, ";") {
		if k, v, _ := strings.Cut(strings.TrimSpace(kv), "="); strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}
