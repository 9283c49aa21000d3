package sip

import (
	"strconv"
	"strings"

	msg "github.com/emiago/sipgo/sip"
)

// known is the room for the headers that every request has, in one piece of memory: taken one by one they cost most of what parsing costs. It is for
// requests of which nothing is kept, as a header that is kept would keep them all.
type known struct {
	via           ViaHeader
	from          FromHeader
	to            ToHeader
	contact       ContactHeader
	callID        CallIDHeader
	cseq          CSeqHeader
	maxForwards   MaxForwardsHeader
	contentLength ContentLengthHeader
	used          [8]bool // in their order
	params        [8]HeaderKV
	taken         int // of params
}

// header reads a header in its usual form into its place. nil is not an error: the library reads what is not usual, and what comes a second time.
func (k *known) header(name, value string) Header {
	switch name {
	case "Via":
		if k.first(0) && k.readVia(value) {
			return &k.via
		}
	case "From":
		if k.first(1) && k.address(value, &k.from.DisplayName, &k.from.Address, &k.from.Params) {
			return &k.from
		}
	case "To":
		if k.first(2) && k.address(value, &k.to.DisplayName, &k.to.Address, &k.to.Params) {
			return &k.to
		}
	case "Contact":
		if k.first(3) && strings.IndexByte(value, ',') < 0 && k.address(value, &k.contact.DisplayName, &k.contact.Address, &k.contact.Params) {
			return &k.contact
		}
	case "Call-ID":
		if k.first(4) && value != "" {
			k.callID = CallIDHeader(value)
			return &k.callID
		}
	case "CSeq":
		number, method, ok := strings.Cut(value, " ")
		if n, plain := decimal(number); ok && plain && method != "" && k.first(5) {
			k.cseq = CSeqHeader{SeqNo: uint32(n), MethodName: RequestMethod(method)}
			return &k.cseq
		}
	case "Max-Forwards":
		if n, plain := decimal(value); plain && k.first(6) {
			k.maxForwards = MaxForwardsHeader(n)
			return &k.maxForwards
		}
	case "Content-Length":
		if n, plain := decimal(value); plain && k.first(7) {
			k.contentLength = ContentLengthHeader(n)
			return &k.contentLength
		}
	}
	return nil
}

// first takes a place, once.
func (k *known) first(place int) bool {
	was := k.used[place]
	k.used[place] = true
	return !was
}

// decimal reads a number of at most nine digits.
func decimal(s string) (n int, ok bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = 10*n + int(s[i]-'0')
	}
	return n, s != "" && len(s) <= 9
}

// room is where parameters go: at most two into ours, more where append finds it.
func (k *known) room() HeaderParams {
	const each = 2
	from := min(k.taken, len(k.params)-each)
	if k.taken > from {
		return nil
	}
	k.taken += each
	return k.params[from : from : from+each]
}

// readVia reads a Via with no blanks but one and no IPv6 address.
func (k *known) readVia(value string) bool {
	protocol, rest, ok := strings.Cut(value, " ")
	hop, params, more := strings.Cut(rest, ";")
	host, port, hasPort := strings.Cut(hop, ":")
	transport, plain := strings.CutPrefix(protocol, "SIP/2.0/")
	if !ok || !plain || !isToken(transport) || host == "" || !visible(hop) || hop[0] == '[' || strings.IndexByte(params, ',') >= 0 {
		return false
	}
	v := ViaHeader{ProtocolName: protocol[:3], ProtocolVersion: protocol[4:7], Transport: transport, Host: host}
	if hasPort {
		if v.Port, ok = decimal(port); !ok {
			return false
		}
	}
	if more {
		v.Params = k.room()
		if _, err := msg.UnmarshalHeaderParams(params, ';', '\r', &v.Params); err != nil {
			return false
		}
	}
	k.via = v
	return true
}

// visible says whether s is of ASCII that is seen.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// address reads a URI in angle brackets, with or without a name before it and parameters behind it.
func (k *known) address(value string, name *string, uri *Uri, params *HeaderParams) bool {
	before, rest, ok := strings.Cut(value, "<")
	text, behind, closed := strings.Cut(rest, ">")
	if !ok || !closed || strings.IndexByte(before, ';') >= 0 || !plainURI(text, uri) {
		return false
	}
	if quoted, is := strings.CutPrefix(before, `"`); is {
		inside, gap, ended := strings.Cut(quoted, `"`)
		if !ended || strings.TrimSpace(gap) != "" || strings.IndexByte(inside, '\\') >= 0 {
			return false
		}
		before = inside
	} else if strings.IndexByte(before, '"') >= 0 {
		return false
	} else {
		before = strings.TrimSpace(before)
	}
	*name = before
	if behind == "" {
		return true
	}
	*params = k.room()
	for more := true; more; {
		var param string
		param, behind, more = strings.Cut(behind, ";")
		if at := strings.LastIndexByte(param, '='); at > 0 {
			params.Add(param[:at], param[at+1:])
		} else if param != "" {
			params.Add(param, "")
		}
	}
	return true
}

// plainURI reads sip:user@host:port, user and port or not. It leaves u alone when a URI is anything else.
func plainURI(s string, u *Uri) bool {
	rest, ok := strings.CutPrefix(s, "sip:")
	if !ok || strings.ContainsAny(rest, "[;?*/") {
		return false
	}
	user, host, ok := strings.Cut(rest, "@")
	if !ok {
		user, host = "", rest
	}
	host, port, hasPort := strings.Cut(host, ":")
	if host == "" || strings.IndexByte(user, ':') >= 0 {
		return false
	}
	n := 0
	if hasPort {
		var err error
		if n, err = strconv.Atoi(port); err != nil || n < 0 || port[0] == '+' {
			return false
		}
	}
	*u = Uri{Scheme: s[:3], User: user, Host: host, Port: n}
	return true
}
