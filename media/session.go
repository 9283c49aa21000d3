package media

import (
	"net/netip"
	"time"
)

// SessionConfig configures one leg.
type SessionConfig struct {
	// Label names the leg in logs.
	Label string
	// OnEvent is called off the packet path, in order, and must not block.
	OnEvent func(Event)
	// RTPTimeout fires EventTimeout when no packet came for so long although media should flow; 0 = off.
	RTPTimeout time.Duration
	// PeerIP is where the peer's signalling comes from. RTP from there may be latched even if the SDP names another address (a phone
	// behind NAT); zero = only the address of the SDP.
	PeerIP netip.Addr
}

// Session is the media of one leg.
type Session struct {
}

// SetRemoteOffer takes the peer's first or new offer. An error means 488.
func (s *Session) SetRemoteOffer(sdp []byte) error { return nil }

// RemoteCodecs are the codecs of the peer's last description, in its order.
func (s *Session) RemoteCodecs() []Codec { return nil }

// Kind is the transport of the session.
func (s *Session) Kind() Kind { return 0 }

// Answer answers the last offer and starts receiving. codecs restricts and orders what is accepted; nil = the engine's. It may be called
// again for a re-offer and keeps ICE credentials, fingerprint, DTLS role, SSRC and SDES key then.
func (s *Session) Answer(codecs []Codec) ([]byte, error) { return nil, nil }

// Offer makes the first offer of a leg that we call.
func (s *Session) Offer(kind Kind, codecs []Codec) ([]byte, error) { return nil, nil }

// SetRemoteAnswer takes the peer's answer to the last offer.
func (s *Session) SetRemoteAnswer(sdp []byte) error { return nil }

// Reoffer offers the current parameters again with another direction.
func (s *Session) Reoffer(dir Direction) ([]byte, error) { return nil, nil }

// LocalSDP is the last description made; nil before.
func (s *Session) LocalSDP() []byte { return nil }

// RemoteSDP is the last description taken; nil before.
func (s *Session) RemoteSDP() []byte { return nil }

// Codec is the negotiated audio codec.
func (s *Session) Codec() (Codec, bool) { return Codec{}, false }

// Secure says how media is encrypted: "", "srtp:dtls:PROFILE", "srtp:sdes:PROFILE".
func (s *Session) Secure() string { return "" }

// LocalAddr is the address that the peer was told; zero before.
func (s *Session) LocalAddr() netip.AddrPort { return netip.AddrPort{} }

// RemoteAddr is where media goes; zero before it is known.
func (s *Session) RemoteAddr() netip.AddrPort { return netip.AddrPort{} }

// RemoteDirection is what the peer asked for in its last description: SendOnly or Inactive is hold.
func (s *Session) RemoteDirection() Direction { return SendRecv }

// Echo sends the peer's media back to it.
func (s *Session) Echo(on bool) {}

// SendDTMF sends digits (0-9 * # A-D, w and W pause 0.5 and 1 s) of ms milliseconds each to the peer by RFC 4733.
func (s *Session) SendDTMF(digits string, ms int) error { return nil }

// Stats returns the live figures of the leg.
func (s *Session) Stats() Stats { return Stats{} }

// Close ends the leg's media and frees its ports. Idempotent.
func (s *Session) Close() {}
