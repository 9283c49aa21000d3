package registrar

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/sip"
)

// contact is one Contact of a REGISTER.
type contact struct {
	uri, user, host string
	params          []Param
	instance, regID string
	expires         time.Duration
	hasExpires      bool
	listable        bool // another client's strict parser will take it
}

// maxContactURI bounds what one contact may add to every 200 of its address of record.
const maxContactURI = 1024

// maxExpiresSeconds is the largest delta-seconds (RFC 3261 §20.19: 2**32-1); larger or unreadable values are treated as absent.
const maxExpiresSeconds = 1<<32 - 1

func parseExpires(s string) (time.Duration, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return 0, false
	}
	return time.Duration(min(n, maxExpiresSeconds)) * time.Second, true
}

// readContacts takes the Contact headers of a REGISTER apart. wildcard is "Contact: *". ok is false for a header that must not be
// kept or echoed.
func readContacts(req *sip.Request) (contacts []contact, wildcard, ok bool) {
	for h := range sip.FindHeaders(req, "Contact") {
		ch, is := h.(*sip.ContactHeader)
		if !is {
			return nil, false, false
		}
		if ch.Address.Wildcard {
			wildcard = true
			continue
		}
		var buf [128]byte
		c := contact{uri: string(sip.AppendURI(buf[:0], &ch.Address)), user: ch.Address.User, host: hostPort(ch.Address)}
		if ch.Address.Host == "" || len(c.uri) > maxContactURI || !printable(c.uri) || strings.ContainsAny(c.uri, `<>"`) {
			return nil, false, false
		}
		if s := strings.ToLower(ch.Address.Scheme); s != "sip" && s != "sips" {
			return nil, false, false
		}
		c.listable = strictURI(&ch.Address)
		for _, kv := range ch.Params {
			name := strings.ToLower(strings.TrimSpace(kv.K))
			switch {
			case name == "expires":
				c.expires, c.hasExpires = parseExpires(kv.V)
				continue
			case !isToken(name) || !printable(kv.V) || strings.ContainsAny(strings.Trim(kv.V, `"`), `"\`) || len(kv.V) > 256:
				continue
			case name == "+sip.instance":
				c.instance = kv.V
			case name == "reg-id":
				c.regID = kv.V
			}
			if len(c.params) < 16 {
				c.params = append(c.params, Param{strings.TrimSpace(kv.K), kv.V})
			}
		}
		if !slices.ContainsFunc(contacts, func(o contact) bool { return o.uri == c.uri }) {
			contacts = append(contacts, c)
		}
	}
	return contacts, wildcard, true
}

func hostPort(u sip.Uri) string {
	host := u.Host
	if strings.IndexByte(host, ':') >= 0 {
		if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
			host = "[" + host + "]"
		}
	}
	if u.Port <= 0 {
		return host
	}
	var buf [128]byte
	return string(strconv.AppendInt(append(append(buf[:0], host...), ':'), int64(u.Port), 10))
}

// printable refuses what could end a header line, leave the angle brackets or start another contact.
func printable(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x21 && c != ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

func isToken(s string) bool {
	return s != "" && all(s, func(c byte) bool { return alnum(c) || strings.IndexByte("-.!%*_+`'~", c) >= 0 })
}

func alnum(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func all(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

// strictURI says whether u follows the grammar of RFC 3261 §25.1 narrowly. SIP.js throws the whole 200 away when it cannot parse one
// Contact in it, so an odd contact of one device is not listed to the others.
func strictURI(u *sip.Uri) bool {
	user := func(c byte) bool { return alnum(c) || strings.IndexByte("-_.!~*'()%&=+$,;?/", c) >= 0 }
	param := func(c byte) bool { return alnum(c) || strings.IndexByte("-_.!~*'()%[]/:&+$", c) >= 0 }
	if !all(u.User, user) || !all(u.Password, user) || len(u.Headers) > 0 || u.Port < 0 || u.Port > 65535 {
		return false
	}
	host := strings.Trim(u.Host, "[]")
	if _, err := netip.ParseAddr(host); err != nil {
		if !all(host, func(c byte) bool { return alnum(c) || c == '-' || c == '.' || c == '_' }) || strings.Trim(host, ".-_") != host {
			return false
		}
	}
	for _, kv := range u.UriParams {
		if kv.K == "" || !all(kv.K, param) || !all(kv.V, param) {
			return false
		}
	}
	return true
}

// value writes the binding as a Contact header value for a 200: every one needs its expires, or SIP.js refreshes without end.
func (b *Binding) value(now time.Time) string {
	var buf [256]byte
	s := append(append(append(buf[:0], '<'), b.Contact...), '>')
	for _, p := range b.Params {
		s = append(append(s, ';'), p.Name...)
		if p.Value != "" {
			s = append(append(s, '='), p.Value...)
		}
	}
	left := max(b.Expires.Sub(now).Round(time.Second), time.Second)
	return string(strconv.AppendInt(append(s, ";expires="...), int64(left/time.Second), 10))
}
