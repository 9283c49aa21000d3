// Package srtp protects and unprotects RTP and RTCP packets and reads and writes SDES keys.
//
// It owns the transforms (AES-CM with HMAC-SHA1, RFC 3711 and RFC 6188; AES-GCM, RFC 7714), the key derivation, the packet
// index and the replay windows, and the SDES crypto attribute (RFC 4568). It does not own sockets, goroutines, DTLS or SDP.
//
// A Context is one direction of one key and is not safe for concurrent use: its owner is whoever handles that direction of a
// leg. Packets are worked on in place and no packet allocates; only the first packet of a new SSRC does.
package srtp
