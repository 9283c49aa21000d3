package sip

import (
	"net/netip"
	"strconv"
	"strings"
)

// appendValue writes a header's value as its Value method does, without the strings that makes on the way.
func appendValue(b []byte, h Header) []byte {
	switch h := h.(type) {
	case *ViaHeader:
		return appendParams(appendHop(b, h), h.Params)
	case *FromHeader:
		return appendAddress(b, h.DisplayName, &h.Address, h.Params)
	case *ToHeader:
		return appendAddress(b, h.DisplayName, &h.Address, h.Params)
	case *ContactHeader:
		if h.Address.Wildcard {
			return append(b, '*')
		}
		return appendAddress(b, h.DisplayName, &h.Address, h.Params)
	case *RouteHeader:
		return appendAddress(b, "", &h.Address, nil)
	case *RecordRouteHeader:
		return appendAddress(b, "", &h.Address, nil)
	case *CSeqHeader:
		b = strconv.AppendUint(b, uint64(h.SeqNo), 10)
		return append(append(b, ' '), h.MethodName...)
	case *MaxForwardsHeader:
		return strconv.AppendUint(b, uint64(*h), 10)
	}
	return append(b, h.Value()...)
}

// appendHop writes a Via without its parameters.
func appendHop(b []byte, v *ViaHeader) []byte {
	b = append(append(b, v.ProtocolName...), '/')
	b = append(append(b, v.ProtocolVersion...), '/')
	b = append(append(b, v.Transport...), ' ')
	b = appendHost(b, v.Host)
	if v.Port > 0 {
		b = strconv.AppendInt(append(b, ':'), int64(v.Port), 10)
	}
	return b
}

func appendAddress(b []byte, name string, u *Uri, ps HeaderParams) []byte {
	if name != "" {
		b = append(append(append(b, '"'), name...), `" `...)
	}
	b = append(AppendURI(append(b, '<'), u), '>')
	return appendParams(b, ps)
}

// AppendURI writes a URI behind b.
func AppendURI(b []byte, u *Uri) []byte {
	scheme := u.Scheme
	if scheme == "" {
		scheme = "sip"
	}
	b = append(append(b, scheme...), ':')
	if raw := u.Raw(); raw != "" {
		return append(b, raw...)
	}
	if u.HierarhicalSlashes {
		b = append(b, "//"...)
	}
	if u.User != "" {
		b = append(b, u.User...)
		if u.Password != "" {
			b = append(append(b, ':'), u.Password...)
		}
		b = append(b, '@')
	}
	b = appendHost(b, u.Host)
	if u.Port > 0 {
		b = strconv.AppendInt(append(b, ':'), int64(u.Port), 10)
	}
	b = appendParams(b, u.UriParams)
	for i, kv := range u.Headers {
		b = appendParam(append(b, "?&"[min(i, 1)]), kv)
	}
	return b
}

// appendHost puts brackets around IPv6, unless it is IPv4 in that.
func appendHost(b []byte, host string) []byte {
	if strings.IndexByte(host, ':') >= 0 {
		if a, err := netip.ParseAddr(host); err == nil && a.Is6() && !a.Is4In6() && a.Zone() == "" {
			return append(append(append(b, '['), host...), ']')
		}
	}
	return append(b, host...)
}

func appendParams(b []byte, ps HeaderParams) []byte {
	for _, kv := range ps {
		b = appendParam(append(b, ';'), kv)
	}
	return b
}

func appendParam(b []byte, kv HeaderKV) []byte {
	b = append(b, kv.K...)
	switch {
	case kv.V == "":
		return b
	case strings.IndexByte(kv.V, ' ') >= 0 || strings.IndexByte(kv.V, '\t') >= 0:
		return append(append(append(b, `="`...), kv.V...), '"')
	}
	return append(append(b, '='), kv.V...)
}
