package srtp

import (
	"encoding/binary"
	"errors"
)

// Errors of the packet functions. They are plain values: a stream of forged packets costs no allocation.
var (
	ErrAuth    = errors.New("srtp: authentication failed")
	ErrReplay  = errors.New("srtp: replayed or too old")
	ErrShort   = errors.New("srtp: packet too short or malformed")
	ErrSpace   = errors.New("srtp: no room for the tag")
	ErrSources = errors.New("srtp: too many sources")
	ErrExpired = errors.New("srtp: key used up")
	ErrProfile = errors.New("srtp: unknown profile")
	ErrKey     = errors.New("srtp: wrong key or salt length")
)

// Counters tell how many packets a context refused, by reason.
type Counters struct {
	Auth      uint64 // ErrAuth
	Replay    uint64 // ErrReplay
	Malformed uint64 // ErrShort, ErrSpace
	Sources   uint64 // ErrSources: valid or not, packets of an SSRC beyond the bound of 64
	Expired   uint64 // ErrExpired
}

// Context protects or unprotects the packets of one direction under one master key. It keeps state for at most 64 SSRCs, and for none
// that has not sent an authentic packet.
type Context struct {
	profile  Profile
	params   profileParams
	cmRTP    *cmKeys // nil for AEAD profiles
	cmRTCP   *cmKeys
	gcmRTP   *gcmKeys // nil for HMAC profiles
	gcmRTCP  *gcmKeys
	sources  []*source
	last     *source // the SSRC of the packet before, almost always that of this one
	stranger source  // state of an SSRC not seen before, until its packet has proved itself
	counters Counters
}

// NewContext derives the session keys. Key and salt are copied.
func NewContext(p Profile, key, salt []byte) (*Context, error) {
	return newContextWith(p, key, salt, processor())
}

// newContextWith is NewContext for a processor with these instructions.
func newContextWith(p Profile, key, salt []byte, in instructions) (*Context, error) {
	params, ok := p.params()
	if !ok {
		return nil, ErrProfile
	}
	if len(key) != params.key || len(salt) != params.salt {
		return nil, ErrKey
	}
	c := &Context{profile: p, params: params}
	rtp := labels{labelRTPKey, labelRTPAuth, labelRTPSalt}
	rtcp := labels{labelRTCPKey, labelRTCPAuth, labelRTCPSalt}
	m, err := newMaster(key, salt, in)
	if err != nil {
		return nil, err
	}
	var errs [2]error
	if p.AEAD() {
		c.gcmRTP, errs[0] = newGCMKeys(params, m, rtp, in)
		c.gcmRTCP, errs[1] = newGCMKeys(params, m, rtcp, in)
	} else {
		c.cmRTP, errs[0] = newCMKeys(params, m, rtp, in)
		c.cmRTCP, errs[1] = newCMKeys(params, m, rtcp, in)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return c, nil
}

// Profile is the protection profile the context was made for.
func (c *Context) Profile() Profile { return c.profile }

// Counters are the packets refused so far. Call it from the owner of the context.
func (c *Context) Counters() Counters { return c.counters }

// source finds the state of an SSRC, or lends the stranger's.
func (c *Context) source(ssrc uint32) (*source, error) {
	if c.last != nil && c.last.ssrc == ssrc {
		return c.last, nil
	}
	for _, s := range c.sources {
		if s.ssrc == ssrc {
			c.last = s
			return s, nil
		}
	}
	if len(c.sources) >= maxSources {
		return nil, ErrSources
	}
	c.stranger = source{ssrc: ssrc}
	return &c.stranger, nil
}

// keep remembers the state of an SSRC whose packet was good.
func (c *Context) keep(s *source) {
	if s == &c.stranger {
		known := c.stranger
		c.sources = append(c.sources, &known)
		c.last = &known
	}
}

// refused counts an error and returns it.
func (c *Context) refused(err error) error {
	switch err {
	case ErrAuth:
		c.counters.Auth++
	case ErrReplay:
		c.counters.Replay++
	case ErrSources:
		c.counters.Sources++
	case ErrExpired:
		c.counters.Expired++
	default:
		c.counters.Malformed++
	}
	return err
}

// maxPacket bounds a packet to protect: what UDP and framed TCP carry. The block counter of AES-CM reaches far beyond it.
const maxPacket = 1 << 16

const (
	rtpHeaderLen  = 12
	rtcpHeaderLen = 8
	rtcpIndexLen  = 4
)

// rtpHeader is the length of the RTP header with its CSRCs and extension, 0 when pkt is not RTP (RFC 3550 §5.1, §5.3.1).
func rtpHeader(pkt []byte) int {
	if len(pkt) < rtpHeaderLen || pkt[0]>>6 != 2 {
		return 0
	}
	n := rtpHeaderLen + 4*int(pkt[0]&0x0f)
	if pkt[0]&0x10 != 0 {
		if len(pkt) < n+4 {
			return 0
		}
		n += 4 + 4*int(binary.BigEndian.Uint16(pkt[n+2:]))
	}
	if len(pkt) < n {
		return 0
	}
	return n
}
