package media

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

var (
	errNoAudio     = errors.New("no audio line")
	errRejected    = errors.New("audio has port 0")
	errProto       = errors.New("transport not supported")
	errAddress     = errors.New("no usable connection address")
	errNoFormats   = errors.New("no audio format")
	errNoKeys      = errors.New("SRTP without a crypto suite we know")
	errFingerprint = errors.New("no usable certificate fingerprint")
	errICE         = errors.New("no usable ICE credentials")
)

// ParseDescription reads a session description and picks the audio line to use: of several usable ones WebRTC before SDES before
// plain RTP, then the first. All other lines are listed as rejected. Any error is an *SDPError.
func ParseDescription(sdp []byte) (*Description, error) {
	s, err := lexSDP(sdp)
	if err != nil {
		return nil, &SDPError{Reason: "malformed", Err: err}
	}
	var best *Description
	failure := errNoAudio
	for i := range s.media {
		m := &s.media[i]
		if m.media != "audio" {
			continue
		}
		d, err := s.audio(m)
		if err != nil {
			if failure == errNoAudio || failure == errRejected {
				failure = err
			}
			continue
		}
		d.AudioIndex = i
		if best == nil || d.Kind > best.Kind { // kinds are in ascending order of preference
			best = d
		}
	}
	if best == nil {
		return nil, &SDPError{Reason: "no usable audio", Err: failure}
	}
	best.SessionID, best.SessionVersion = s.id, s.version
	for i, m := range s.media {
		if i == best.AudioIndex {
			continue
		}
		best.Rejected = append(best.Rejected, RejectedMedia{
			Index: i, Media: m.media, Proto: m.proto, Formats: m.formats, Mid: parseMid(&m),
		})
	}
	return best, nil
}

// audio reads one audio section.
func (s *sdpSession) audio(m *sdpMedia) (*Description, error) {
	if m.port == 0 {
		return nil, errRejected
	}
	d := &Description{Proto: m.proto, RTCPMux: m.has("rtcp-mux") || m.has("rtcp-mux-only"), RTCPRsize: m.has("rtcp-rsize")}
	if err := s.security(d, m); err != nil {
		return nil, err
	}
	if err := s.address(d, m); err != nil {
		return nil, err
	}
	d.Direction = s.direction(m)
	if d.ZeroHold {
		d.Direction = d.Direction.withoutReceiving() // RFC 3264 §8.4
	}
	d.Ptime, d.MaxPtime = s.millis(m, "ptime"), s.millis(m, "maxptime")
	d.Codecs = m.codecs(d.RTCPMux, d.Ptime)
	if len(audioRates(d.Codecs)) == 0 {
		return nil, errNoFormats
	}
	d.Mid = parseMid(m)
	d.Bundle = s.bundle(d.Mid)
	d.SSRC, d.CNAME, d.MSID = m.source()
	return d, nil
}

// security decides the kind from transport and keys and fills in what the kind needs.
func (s *sdpSession) security(d *Description, m *sdpMedia) error {
	keys := m.crypto()
	dtls, savp := false, false
	switch m.proto {
	case "UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "TCP/DTLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVP":
		dtls = true
	case "RTP/SAVPF", "RTP/SAVP":
		// FreeSWITCH, and browsers answering it, use these for DTLS too.
		savp = true
	case "RTP/AVP", "RTP/AVPF":
		if len(keys) > 0 {
			d.Kind, d.Crypto = KindSDES, keys
		}
		return nil
	default:
		return errProto
	}
	err := s.webrtc(d, m)
	if err == nil {
		d.Kind = KindWebRTC
		return nil
	}
	if savp && len(keys) > 0 {
		d.Kind, d.Crypto = KindSDES, keys
		return nil
	}
	if _, ok := s.inherited(m, "fingerprint"); dtls || ok {
		return err
	}
	return errNoKeys
}

// webrtc fills in ICE and DTLS. d is unchanged on error.
func (s *sdpSession) webrtc(d *Description, m *sdpMedia) error {
	fp, ok := s.fingerprint(m)
	if !ok {
		return errFingerprint
	}
	ufrag, _ := s.inherited(m, "ice-ufrag")
	pwd, _ := s.inherited(m, "ice-pwd")
	// RFC 8839 §5.4: 4 to 256 and 22 to 256 characters.
	if !isICEString(ufrag, 4) || !isICEString(pwd, 22) {
		return errICE
	}
	d.Fingerprint, d.ICEUfrag, d.ICEPwd = fp, ufrag, pwd
	_, d.ICELite = findAttr(s.attrs, "ice-lite")
	setup, _ := s.inherited(m, "setup")
	d.Setup = parseSetup(setup)
	d.Candidates = m.candidates()
	_, d.EndOfCandidates = s.inherited(m, "end-of-candidates")
	return nil
}

// address fills in the connection address and the RTCP address.
func (s *sdpSession) address(d *Description, m *sdpMedia) error {
	conn := m.conn
	if conn == "" {
		conn = s.conn
	}
	ip, ok := parseConnection(conn)
	if d.Kind == KindWebRTC {
		if ok && !ip.IsUnspecified() && !ip.IsMulticast() {
			d.Addr = netip.AddrPortFrom(ip, m.port)
			d.RTCPAddr = d.Addr
		}
		return nil
	}
	if !ok || ip.IsMulticast() {
		return errAddress
	}
	d.Addr = netip.AddrPortFrom(ip, m.port)
	d.ZeroHold = ip.IsUnspecified()
	switch v, found := findAttr(m.attrs, "rtcp"); {
	case d.RTCPMux:
		d.RTCPAddr = d.Addr
	case found && parseRTCP(v, ip).IsValid():
		d.RTCPAddr = parseRTCP(v, ip)
	case m.port < 65535:
		d.RTCPAddr = netip.AddrPortFrom(ip, m.port+1)
	}
	return nil
}

// parseRTCP reads the value of a=rtcp, RFC 3605 §2.1: port, and an address when it is not that of c=.
func parseRTCP(value string, ip netip.Addr) netip.AddrPort {
	port, conn, _ := strings.Cut(value, " ")
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return netip.AddrPort{}
	}
	if a, ok := parseConnection(conn); ok && !a.IsMulticast() && !a.IsUnspecified() {
		ip = a
	}
	return netip.AddrPortFrom(ip, uint16(n))
}

// direction is the direction of the section, else of the session, else sendrecv.
func (s *sdpSession) direction(m *sdpMedia) Direction {
	for _, attrs := range [][]sdpAttr{m.attrs, s.attrs} {
		for _, a := range attrs {
			for _, d := range []Direction{SendRecv, SendOnly, RecvOnly, Inactive} {
				if a.name == d.String() {
					return d
				}
			}
		}
	}
	return SendRecv
}

// millis is a time attribute in milliseconds, 0 when absent or absurd. Some phones write a fraction.
func (s *sdpSession) millis(m *sdpMedia, name string) int {
	v, ok := s.inherited(m, name)
	if !ok {
		return 0
	}
	whole, _, _ := strings.Cut(v, ".")
	n, err := strconv.Atoi(whole)
	if err != nil || n <= 0 || n > maxPtime {
		return 0
	}
	return n
}

// bundle is the BUNDLE group that contains mid, RFC 8843 §7.
func (s *sdpSession) bundle(mid string) []string {
	if mid == "" {
		return nil
	}
	for _, a := range s.attrs {
		group, ok := strings.CutPrefix(a.value, "BUNDLE ")
		if a.name != "group" || !ok {
			continue
		}
		var mids []string
		mine := false
		for _, v := range strings.Fields(group) {
			if isToken(v) {
				mids = append(mids, v)
				mine = mine || v == mid
			}
		}
		if mine {
			return mids
		}
	}
	return nil
}
