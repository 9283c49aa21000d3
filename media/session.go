package media

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/talkpath/talkpath/srtp"
)

// SessionConfig configures one leg.
type SessionConfig struct {
	// Label names the leg in logs.
	Label string
	// OnEvent is called off the packet path, in order, and must not block.
	OnEvent func(Event)
	// RTPTimeout fires EventTimeout when no packet came for so long although media should flow; 0 = off. Loss of ICE consent (30 s without
	// a check of the peer) fires it in any case.
	RTPTimeout time.Duration
	// HoldTimeout is the same while the peer has said that it sends nothing, or was told not to.
	HoldTimeout time.Duration
	// PeerIP is where the peer's signalling comes from. RTP from there may be latched even if the SDP names another address (a phone
	// behind NAT); zero = only the address of the SDP.
	PeerIP netip.Addr
	// AdvertisedIP is the one address this peer is told (ext-rtp-ip, for peers outside); zero = the engine's.
	AdvertisedIP netip.Addr
}

// Session is the media of one leg. Its methods may be called from any goroutine.
type Session struct {
	e    *Engine
	cfg  SessionConfig
	over atomic.Bool // no more events
	ssrc uint32
	id   uint64
	name [8]byte // of cname

	mu         sync.Mutex // guards what follows
	closed     bool
	kind       Kind
	direction  Direction // of remoteSDP
	unanswered bool      // remoteSDP is an offer
	restart    bool      // and it restarts ICE
	offering   bool      // there was an offer of ours
	wish       Direction // what we want ourselves
	role       Setup
	rtpPort    uint16
	version    uint32 // of localSDP
	leg        *leg   // nil before the first offer or answer of ours
	localSDP   []byte
	remoteSDP  []byte       // last taken, answered or not
	local      *Description // of localSDP; nil unless it is being negotiated, see ours
	remote     *Description // of remoteSDP, the same, see theirs
	formats    []format8
	sdes       *sessionSDES // nil but for KindSDES
	ufrag, pwd string
	final      *Stats // after Close
}

// sdesPair are the keys in use.
type sdesPair struct{ in, out srtp.SDES }

// sessionSDES is what only SDES sessions have.
type sessionSDES struct {
	pair    sdesPair
	offered []srtp.SDES // of our last offer
}

// theirs is the peer's description; nil when there is none. A call that talks keeps the text alone.
func (s *Session) theirs() *Description {
	if s.remote == nil && s.remoteSDP != nil {
		s.remote, _ = ParseDescription(s.remoteSDP) // it was read before
	}
	return s.remote
}

// ours is our description, the same way.
func (s *Session) ours() *Description {
	if s.local == nil && s.localSDP != nil {
		s.local, _ = ParseDescription(s.localSDP)
	}
	return s.local
}

// agreed lets go of what only a negotiation needs.
func (s *Session) agreed() { s.local, s.remote = nil, nil }

func newSession(e *Engine, cfg SessionConfig) *Session {
	var raw [20]byte
	rand.Read(raw[:]) // never fails: crypto/rand ends the process instead
	s := &Session{e: e, cfg: cfg}
	s.ssrc = binary.BigEndian.Uint32(raw[:]) | 1 // never 0
	s.id = binary.BigEndian.Uint64(raw[4:]) >> 2 // fits 63 bits, RFC 8829 §5.2.1
	copy(s.name[:], raw[12:])
	return s
}

// cname is the name of what we send, RFC 3550 §6.5.1.
func (s *Session) cname() string { return hex.EncodeToString(s.name[:]) }

// deliver hands an event to the owner.
func (s *Session) deliver(ev Event) {
	if s.cfg.OnEvent != nil && !s.over.Load() {
		s.cfg.OnEvent(ev)
	}
}

// RemoteCodecs are the codecs of the peer's last description, in its order.
func (s *Session) RemoteCodecs() []Codec {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.theirs()
	if d == nil {
		return nil
	}
	return append([]Codec(nil), d.Codecs...)
}

// Codecs are the negotiated codecs, the audio codec first, with the payload types of the peer; nil before.
func (s *Session) Codecs() []Codec {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Codec
	for _, f := range s.formats {
		c := *f.codec
		c.PayloadType = f.tx
		out = append(out, c)
	}
	return out
}

// Kind is the transport of the session.
func (s *Session) Kind() Kind {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kind
}

// LocalSDP is the last description made; nil before.
func (s *Session) LocalSDP() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.localSDP
}

// RemoteSDP is the last description taken; nil before.
func (s *Session) RemoteSDP() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remoteSDP
}

// Codec is the negotiated audio codec.
func (s *Session) Codec() (Codec, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.formats {
		if f.codec.IsAudio() {
			c := *f.codec
			c.PayloadType = f.tx
			return c, true
		}
	}
	return Codec{}, false
}

// RemoteDirection is what the peer asked for in its last description: SendOnly or Inactive in an offer is hold. (An answer mirrors what we
// offered.)
func (s *Session) RemoteDirection() Direction {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.direction
}

// LocalAddr is the address that the peer was told; zero before.
func (s *Session) LocalAddr() netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.ours()
	if d == nil {
		return netip.AddrPort{}
	}
	return d.Addr
}

// RemoteAddr is where media goes; zero before it is known.
func (s *Session) RemoteAddr() (addr netip.AddrPort) {
	s.inLoop(func(l *leg) {
		if addr = l.remote; l.kind == KindWebRTC {
			addr = l.ice.selected.addr
		}
	})
	return addr
}

// Secure says how media is encrypted: "", "srtp:dtls:PROFILE", "srtp:sdes:PROFILE". DTLS shows once its handshake is done.
func (s *Session) Secure() (secure string) {
	s.inLoop(func(l *leg) {
		if l.out == nil {
			return
		}
		secure = "srtp:sdes:" + l.out.Profile().String()
		if l.kind == KindWebRTC {
			secure = "srtp:dtls:" + l.out.Profile().String()
		}
	})
	return secure
}

// packetLeg is the packet side, nil before the first description of ours and after Close.
func (s *Session) packetLeg() *leg {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	return s.leg
}

// inLoop runs f in the packet loop and waits; false when there is no leg.
func (s *Session) inLoop(f func(*leg)) bool {
	l := s.packetLeg()
	if l == nil {
		return false
	}
	ran := false
	l.do(func() {
		if ran = !l.closed; ran {
			f(l)
		}
	})
	return ran
}

// Echo sends the peer's media back to it.
func (s *Session) Echo(on bool) { s.inLoop(func(l *leg) { l.route(on) }) }

// Mute drops what the peer sends before a bridge or an echo gets it. Recordings and detectors still hear it.
func (s *Session) Mute(on bool) { s.inLoop(func(l *leg) { l.mute(on) }) }

// SendDTMF sends digits (0-9 * # A-D, w and W pause 0.5 and 1 s) of ms milliseconds each to the peer by RFC 4733.
func (s *Session) SendDTMF(digits string, ms int) error {
	ds, err := parseDigits(digits, ms)
	if err != nil {
		return err
	}
	if !s.inLoop(func(l *leg) { err = l.queueDigits(ds) }) {
		return ErrNoAnswer
	}
	return err
}

// Close ends the leg's media and frees its ports. Idempotent.
func (s *Session) Close() {
	s.over.Store(true)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	l, port := s.leg, s.rtpPort
	s.mu.Unlock()
	s.e.pacer.drop(s)
	if l != nil {
		var st Stats
		l.do(func() {
			st = l.snapshot()
			l.sh.removeLeg(l)
		})
		s.e.all.left(l.home.Load())
		s.mu.Lock()
		s.final = &st
		s.mu.Unlock()
		if port != 0 {
			s.e.ports.release(port)
		}
	}
	s.e.forget(s)
}

// Stats returns the live figures of the leg; after Close the last ones.
func (s *Session) Stats() Stats {
	var st Stats
	if s.inLoop(func(l *leg) { st = l.snapshot() }) {
		return st
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.final != nil {
		st = *s.final
	}
	return st
}
