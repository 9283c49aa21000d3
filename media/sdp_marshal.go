package media

import "net/netip"

// Marshal writes the description with CRLF line ends.
func (d *Description) Marshal() []byte { return nil }

// HostCandidate is a host candidate for the RTP component, the value after "candidate:" (RFC 8839 §5.1). network is "udp" or
// "tcp" (passive, RFC 6544); n numbers the addresses, the first being the preferred one.
func HostCandidate(network string, addr netip.AddrPort, n int) string { return "" }
