package registrar

import (
	"net/netip"
	"strconv"
	"strings"
)

// NAT says whether the contact's host is not where the REGISTER came from, so that only its flow reaches the client.
func (b *Binding) NAT() bool {
	if b.WebSocket() {
		return true
	}
	ap, err := netip.ParseAddrPort(b.ContactHost)
	if err != nil {
		addr, err := netip.ParseAddr(strings.Trim(b.ContactHost, "[]"))
		return err != nil || addr.Unmap() != b.Remote.Addr().Unmap()
	}
	return ap.Addr().Unmap() != b.Remote.Addr().Unmap()
}

// Status is the binding's status as FreeSWITCH words it: Registered(UDP), Registered(WSS-NAT) …
func (b *Binding) Status() string {
	s := strings.ToUpper(b.Transport)
	if b.NAT() {
		s += "-NAT"
	}
	return "Registered(" + s + ")"
}

// URI is the contact as FreeSWITCH keeps it: one behind a NAT or a WebSocket carries the way back in fs_path.
func (b *Binding) URI() string {
	return FreeSWITCHContact(b.Contact, b.ContactUser, b.Transport, b.Remote, b.NAT())
}

// FreeSWITCHContact appends fs_nat and fs_path to a contact URI when nat is set, as sofia_reg.c of FreeSWITCH writes them.
func FreeSWITCHContact(contact, user, transport string, remote netip.AddrPort, nat bool) string {
	if !nat {
		return contact
	}
	_, params, _ := strings.Cut(contact, ";")
	path := "sip:" + user + "@" + remote.Addr().Unmap().String() + ":" + strconv.Itoa(int(remote.Port()))
	if remote.Addr().Unmap().Is6() {
		path = "sip:" + user + "@" + remote.String()
	}
	for p := range strings.SplitSeq(params, ";") {
		name, _, _ := strings.Cut(p, "=")
		switch {
		case p == "":
		case strings.EqualFold(name, "transport"):
			path += ";transport=" + transport
		default:
			path += ";" + p
		}
	}
	return contact + ";fs_nat=yes;fs_path=" + escape(path)
}

// escape percent-encodes all but what RFC 3986 calls unreserved and FreeSWITCH leaves alone.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; alnum(c) || strings.IndexByte("-_.!~*'()", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}
