package media

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/srtp"
)

// codecs are the formats of the section in its order, with rtpmap and fmtp applied. Payload types without meaning are left out, and
// so are those that RTP and RTCP on one port cannot tell apart (RFC 5761 §4).
func (m *sdpMedia) codecs(mux bool, ptime int) []Codec {
	maps := map[uint8]Codec{}
	fmtps := map[uint8]string{}
	for _, a := range m.attrs {
		head, rest, _ := strings.Cut(a.value, " ")
		pt, ok := parsePayloadType(head)
		if !ok {
			continue
		}
		rest = strings.TrimSpace(rest)
		switch a.name {
		case "rtpmap":
			if c, ok := parseRTPMap(rest); ok {
				if _, dup := maps[pt]; !dup {
					c.PayloadType = pt
					maps[pt] = c
				}
			}
		case "fmtp":
			if _, dup := fmtps[pt]; !dup && isPrintable(rest) {
				fmtps[pt] = rest
			}
		}
	}
	var out []Codec
	var seen [128]bool
	for _, f := range m.formats {
		pt, ok := parsePayloadType(f)
		if !ok || seen[pt] || mux && pt >= 64 && pt <= 95 || len(out) == maxCodecs {
			continue
		}
		c, ok := maps[pt]
		if !ok {
			if c, ok = staticCodec(pt); !ok {
				continue
			}
		}
		seen[pt] = true
		c.Fmtp = fmtps[pt]
		if c.IsAudio() {
			c.Ptime = ptime
		}
		out = append(out, c)
	}
	return out
}

func parsePayloadType(s string) (uint8, bool) {
	n, err := strconv.ParseUint(s, 10, 7)
	return uint8(n), err == nil
}

// parseRTPMap reads "opus/48000/2", RFC 8866 §6.6.
func parseRTPMap(s string) (Codec, bool) {
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 || !isToken(parts[0]) || len(parts[0]) > 64 {
		return Codec{}, false
	}
	rate, err := strconv.ParseUint(parts[1], 10, 20)
	if err != nil || rate == 0 {
		return Codec{}, false
	}
	c := Codec{Name: parts[0], ClockRate: int(rate), Channels: 1}
	if len(parts) == 3 {
		n, err := strconv.ParseUint(parts[2], 10, 8)
		if err != nil || n == 0 {
			return Codec{}, false
		}
		c.Channels = int(n)
	}
	return c, true
}

// isPrintable refuses control characters: the value is written into other descriptions.
func isPrintable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// crypto are the SDES keys of the section that we understand, RFC 4568.
func (m *sdpMedia) crypto() []srtp.SDES {
	var out []srtp.SDES
	for _, a := range m.attrs {
		if a.name != "crypto" || len(out) == maxCrypto {
			continue
		}
		k, err := srtp.ParseCrypto(a.value)
		dup := slices.ContainsFunc(out, func(o srtp.SDES) bool { return o.Tag == k.Tag })
		if err == nil && !dup {
			out = append(out, k)
		}
	}
	return out
}

// fingerprint is the strongest fingerprint of the section, else of the session. MD5 and SHA-1 do not count (RFC 8122 §5).
func (s *sdpSession) fingerprint(m *sdpMedia) (Fingerprint, bool) {
	for _, attrs := range [][]sdpAttr{m.attrs, s.attrs} {
		var best Fingerprint
		for _, a := range attrs {
			if a.name != "fingerprint" {
				continue
			}
			if f, ok := parseFingerprint(a.value); ok && len(f.Value) > len(best.Value) {
				best = f
			}
		}
		if best.Value != nil {
			return best, true
		}
	}
	return Fingerprint{}, false
}

func parseFingerprint(value string) (Fingerprint, bool) {
	hash, rest, _ := strings.Cut(value, " ")
	rest = strings.TrimSpace(rest)
	for _, known := range [...]struct {
		hash string
		size int
	}{{"sha-256", 32}, {"sha-384", 48}, {"sha-512", 64}} {
		if !strings.EqualFold(hash, known.hash) || len(rest) != 3*known.size-1 {
			continue
		}
		v, err := hex.DecodeString(strings.ReplaceAll(rest, ":", ""))
		return Fingerprint{Hash: known.hash, Value: v}, err == nil && len(v) == known.size
	}
	return Fingerprint{}, false
}

func parseSetup(s string) Setup {
	for _, v := range []Setup{SetupActpass, SetupActive, SetupPassive} {
		if s == v.String() {
			return v
		}
	}
	return SetupNone
}

// isICEString checks an ICE user fragment or password. Characters beyond RFC 8839's ice-char are let through except those that
// would break the STUN user name or a line.
func isICEString(s string, shortest int) bool {
	if len(s) < shortest || len(s) > 256 {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == ':' {
			return false
		}
	}
	return true
}

// candidates are the candidates of the section. Multicast DNS names (RFC 8839 §5.1, draft-ietf-mmusic-mdns-ice-candidates) are left
// out: the browser's checks tell us its address.
func (m *sdpMedia) candidates() []string {
	var out []string
	for _, a := range m.attrs {
		if a.name != "candidate" || len(out) == maxCandidates || !isPrintable(a.value) {
			continue
		}
		if f := strings.Fields(a.value); len(f) >= 8 && !strings.HasSuffix(strings.ToLower(f[4]), ".local") {
			out = append(out, a.value)
		}
	}
	return out
}

// parseMid is the identification of the section, RFC 5888 §4.
func parseMid(m *sdpMedia) string {
	if v, _ := findAttr(m.attrs, "mid"); isToken(v) && len(v) <= 64 {
		return v
	}
	return ""
}

// source is the first a=ssrc of the section (RFC 5576 §4.1) with its CNAME, and the msid (RFC 8830 §2).
func (m *sdpMedia) source() (ssrc uint32, cname, msid string) {
	msid, _ = findAttr(m.attrs, "msid")
	for _, a := range m.attrs {
		if a.name != "ssrc" {
			continue
		}
		id, rest, _ := strings.Cut(a.value, " ")
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil || ssrc != 0 && uint32(n) != ssrc {
			continue
		}
		ssrc = uint32(n)
		switch name, v, _ := strings.Cut(rest, ":"); {
		case name == "cname" && cname == "":
			cname = v
		case name == "msid" && msid == "":
			msid = v
		}
	}
	return ssrc, cname, msid
}
