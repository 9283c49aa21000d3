package media

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"
	"net/netip"
	"strings"

	"github.com/talkpath/talkpath/srtp"
)

// Kind is how the audio of a leg travels.
type Kind uint8

// The kinds of media legs.
const (
	KindRTP    Kind = iota // plain RTP: RTP/AVP, RTP/AVPF
	KindSDES               // SRTP keyed by a=crypto: RTP/SAVP[F], or RTP/AVP[F] with a=crypto as an option
	KindWebRTC             // SRTP keyed by DTLS over ICE: UDP/TLS/RTP/SAVP[F], or RTP/SAVP[F] with fingerprint and ICE
)

// String names the kind for logs.
func (k Kind) String() string {
	switch k {
	case KindSDES:
		return "sdes"
	case KindWebRTC:
		return "webrtc"
	}
	return "rtp"
}

// Direction is a media direction as its sender sees it, RFC 3264 §5.1. The zero value is sendrecv, the default of RFC 8866 §6.7.
type Direction uint8

// The directions.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

// String is the attribute name.
func (d Direction) String() string {
	switch d {
	case SendOnly:
		return "sendonly"
	case RecvOnly:
		return "recvonly"
	case Inactive:
		return "inactive"
	}
	return "sendrecv"
}

// Sends tells whether the describing side sends media.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives tells whether the describing side takes media.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// Answer is the widest direction that may answer the offered direction d by a side that itself wants own, RFC 3264 §6.1.
func (d Direction) Answer(own Direction) Direction {
	send, recv := own.Sends() && d.Receives(), own.Receives() && d.Sends()
	switch {
	case send && recv:
		return SendRecv
	case send:
		return SendOnly
	case recv:
		return RecvOnly
	}
	return Inactive
}

// withoutReceiving is the direction of a side that takes no media.
func (d Direction) withoutReceiving() Direction {
	if d.Sends() {
		return SendOnly
	}
	return Inactive
}

// Setup is the DTLS role of RFC 4145 §4, RFC 8842 §5.
type Setup uint8

// The setup roles. SetupNone is an absent or unknown attribute.
const (
	SetupNone Setup = iota
	SetupActpass
	SetupActive  // DTLS client
	SetupPassive // DTLS server
)

// String is the attribute value, "" for SetupNone.
func (s Setup) String() string {
	switch s {
	case SetupActpass:
		return "actpass"
	case SetupActive:
		return "active"
	case SetupPassive:
		return "passive"
	}
	return ""
}

// Answer is the role we take against the peer's: client wherever the peer leaves the choice, because then the handshake begins as soon
// as ICE has a path (RFC 8842 §5.3). An absent attribute means active (RFC 4145 §4).
func (s Setup) Answer() Setup {
	if s == SetupActpass || s == SetupPassive {
		return SetupActive
	}
	return SetupPassive
}

// Fingerprint is a certificate fingerprint, RFC 8122 §5.
type Fingerprint struct {
	Hash  string // "sha-256", "sha-384" or "sha-512"
	Value []byte
}

// CertificateFingerprint is the SHA-256 fingerprint of a certificate in DER form.
func CertificateFingerprint(der []byte) Fingerprint {
	sum := sha256.Sum256(der)
	return Fingerprint{Hash: "sha-256", Value: sum[:]}
}

// Matches tells whether the certificate has this fingerprint. An empty or unknown fingerprint matches nothing.
func (f Fingerprint) Matches(der []byte) bool {
	var sum []byte
	switch f.Hash {
	case "sha-256":
		s := sha256.Sum256(der)
		sum = s[:]
	case "sha-384":
		s := sha512.Sum384(der)
		sum = s[:]
	case "sha-512":
		s := sha512.Sum512(der)
		sum = s[:]
	default:
		return false
	}
	return subtle.ConstantTimeCompare(sum, f.Value) == 1
}

// Equal compares two fingerprints.
func (f Fingerprint) Equal(g Fingerprint) bool {
	return f.Hash == g.Hash && bytes.Equal(f.Value, g.Value)
}

// String is the attribute value: hash, space, upper-case bytes with colons.
func (f Fingerprint) String() string {
	var b strings.Builder
	b.WriteString(f.Hash)
	for i, v := range f.Value {
		sep := byte(':')
		if i == 0 {
			sep = ' '
		}
		fmt.Fprintf(&b, "%c%02X", sep, v)
	}
	return b.String()
}

// RejectedMedia is an m-line that is not ours: an answer repeats it in its place with port 0 (RFC 3264 §6).
type RejectedMedia struct {
	Index   int    // place among all m-lines
	Media   string // audio, video, application, image …
	Proto   string
	Formats []string
	Mid     string
}

// Description is one audio session out of a session description, parsed or to be written. Attributes that SDP allows at session
// level are already inherited.
type Description struct {
	Kind  Kind
	Proto string // transport of the m-line, as received; an answer repeats it

	Addr      netip.AddrPort // where the describing side wants RTP; for WebRTC the default candidate. Invalid or unspecified address: unknown
	RTCPAddr  netip.AddrPort // a=rtcp, else port+1; with RTCPMux equal to Addr
	RTCPMux   bool
	RTCPRsize bool      // reduced-size RTCP, RFC 5506
	Direction Direction // with hold by c=0.0.0.0 folded in: such a side does not receive
	ZeroHold  bool      // the connection address is 0.0.0.0 or :: and the leg is not WebRTC (hold of RFC 2543)

	Codecs   []Codec // in order of preference, telephone-event and others included
	Ptime    int     // milliseconds, 0 = not said
	MaxPtime int

	ICEUfrag, ICEPwd string
	ICELite          bool
	Candidates       []string // values after "candidate:"; those with .local names are left out
	EndOfCandidates  bool
	Fingerprint      Fingerprint
	Setup            Setup
	Crypto           []srtp.SDES // those we understand, in order

	Mid    string
	Bundle []string // the mids of the BUNDLE group that contains Mid; nil when there is none
	SSRC   uint32   // 0 = not said
	CNAME  string
	MSID   string // "stream track"

	SessionID, SessionVersion uint64
	AudioIndex                int             // place of our m-line among all m-lines
	Rejected                  []RejectedMedia // the others, in order of Index
}

// OptionalSRTP tells whether the peer offers SRTP on a plain profile (RTP/AVP with a=crypto): it may be answered without a=crypto,
// which makes the leg plain RTP.
func (d *Description) OptionalSRTP() bool {
	return d.Kind == KindSDES && !strings.Contains(d.Proto, "SAVP")
}

// NewAnswer makes the frame of an answer to the offer d: what must mirror the offer (kind, transport, place among the m-lines,
// rejected lines, mid, BUNDLE, rtcp-mux, reduced-size RTCP, DTLS role, direction for an own wish of sendrecv, ptime). The caller
// fills in address, codecs, keys, ICE and session ids. Crypto holds no key: the caller answers one of d.Crypto with its tag.
func (d *Description) NewAnswer() *Description {
	a := &Description{
		Kind: d.Kind, Proto: d.Proto, RTCPMux: d.RTCPMux, RTCPRsize: d.RTCPRsize,
		Direction: d.Direction.Answer(SendRecv), Ptime: d.Ptime,
		Mid: d.Mid, AudioIndex: d.AudioIndex,
		Rejected: append([]RejectedMedia(nil), d.Rejected...),
	}
	if d.Kind == KindWebRTC {
		a.Setup = d.Setup.Answer()
	}
	if d.Mid != "" && len(d.Bundle) > 0 {
		a.Bundle = []string{d.Mid} // RFC 8843 §7.3.1: rejected lines leave the group
	}
	return a
}

// NewOffer makes the frame of an offer of one audio line of the given kind; the caller fills in address, codecs, keys, ICE and
// session ids. WebRTC gets mid 0, BUNDLE, rtcp-mux and actpass as browsers want them.
func NewOffer(kind Kind) *Description {
	d := &Description{Kind: kind}
	switch kind {
	case KindWebRTC:
		d.Proto, d.RTCPMux, d.RTCPRsize, d.Setup = "UDP/TLS/RTP/SAVPF", true, true, SetupActpass
		d.Mid, d.Bundle = "0", []string{"0"}
	case KindSDES:
		d.Proto = "RTP/SAVP"
	default:
		d.Proto = "RTP/AVP"
	}
	return d
}

// SDPError tells why a session description cannot be used. The SIP answer is 488 Not Acceptable Here (RFC 3261 §21.4.26).
type SDPError struct {
	Reason string
	Err    error // may be nil
}

// Error describes the reason.
func (e *SDPError) Error() string {
	if e.Err != nil {
		return "media: sdp: " + e.Reason + ": " + e.Err.Error()
	}
	return "media: sdp: " + e.Reason
}

// Unwrap is the underlying error.
func (e *SDPError) Unwrap() error { return e.Err }

// Status is the SIP response code that tells a peer about it.
func (e *SDPError) Status() int { return 488 }
