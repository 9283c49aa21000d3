// Package media owns everything of a call that is not signalling: the UDP and TCP ports, the relay of RTP and RTCP between two legs,
// ICE, DTLS-SRTP and SDES, DTMF, playbacks, recordings and mixers, offers and answers, and the figures of a leg. It knows no SIP and no calls.
//
// # Shape
//
// An Engine has a few shards, by default one less than processors. A shard owns legs and the packet loop that serves them; the two legs of a bridge are
// on one shard. Shards are filled one after the other: many packets at one wake-up are cheaper than few at each of several. All ICE legs share
// one UDP port, on which each shard has a socket (SO_REUSEPORT), and one TCP port (RFC 6544); a packet that arrives at another shard than its
// leg's is handed over through a bounded queue without locks. Plain RTP and SDES legs have a port pair each. A loop reads batches, classifies
// by the first byte (RFC 7983), decrypts, rewrites and encrypts in the receive buffer and writes batches: no goroutine per call, no allocation,
// no lock and no log line per packet.
//
// What is played, recorded or mixed is made and heard by the pacer, one goroutine of the engine that runs only while there is something to
// do. It gives the loop a batch of packets every 20 ms, and takes from it copies of the packets of those legs that somebody listens to.
// One more goroutine writes recordings to their sinks.
//
// # Concurrency
//
// A Session is the control side of one leg and may be used from any goroutine. What the loop owns (struct leg and everything below it)
// is touched by the loop of the leg's shard alone: sessions post commands to it. Events are delivered by one goroutine of the engine, in order. Voices (what the
// pacer does for a leg) are guarded by the pacer's lock, which the loop never takes.
//
// # Sources
//
// RFC 3550 (RTP), 3551, 3711 (SRTP), 4571 and 6544 (ICE-TCP), 4733 (telephone-event), 5761 (rtcp-mux), 5763/5764/8842 (DTLS-SRTP), 7675
// (consent), 7983 (demultiplexing), 8445 (ICE, §2.5 lite), 8489 (STUN).
package media

import "errors"

// Errors of the control side. Those that come from a description mean that the peer's SDP is not acceptable (SIP 488).
var (
	ErrClosed        = errors.New("media: closed")
	ErrNoCodec       = errors.New("media: no common codec")
	ErrNoCommonCodec = errors.New("media: the legs share no codec")
	ErrNoOffer       = errors.New("media: no offer to answer")
	ErrNoAnswer      = errors.New("media: not negotiated yet")
	ErrNoPort        = errors.New("media: RTP port range exhausted")
	ErrNoCrypto      = errors.New("media: no usable SDES crypto attribute")
	ErrFingerprint   = errors.New("media: DTLS fingerprint missing or mismatched")
	ErrNoDTMF        = errors.New("media: peer takes no telephone-event")
	ErrBadDigits     = errors.New("media: not a DTMF digit")
	ErrQueueFull     = errors.New("media: DTMF queue full")
	ErrKindChanged   = errors.New("media: transport changed within a session")
)
