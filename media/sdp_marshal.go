package media

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Marshal writes the description with CRLF line ends. No direction is written outside our audio line: clients look for the first
// one in the whole text.
func (d *Description) Marshal() []byte {
	var b bytes.Buffer
	b.Grow(512)
	conn := sdpConnection(d.Addr.Addr())
	line := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(p)
		}
		b.WriteString("\r\n")
	}
	line("v=0")
	line("o=- ", strconv.FormatUint(d.SessionID, 10), " ", strconv.FormatUint(d.SessionVersion, 10), " ", conn)
	line("s=Talkpath")
	if d.Kind != KindWebRTC {
		line("c=", conn)
	}
	line("t=0 0")
	if d.Kind == KindWebRTC {
		if d.ICELite {
			line("a=ice-lite")
		}
		if len(d.Bundle) > 0 {
			line("a=group:BUNDLE ", strings.Join(d.Bundle, " "))
		}
		if stream, _, _ := strings.Cut(d.MSID, " "); stream != "" {
			line("a=msid-semantic: WMS ", stream)
		}
	}
	i := 0
	for ; i < len(d.Rejected) && d.Rejected[i].Index < d.AudioIndex; i++ {
		d.writeRejected(line, d.Rejected[i])
	}
	d.writeAudio(line, conn)
	for ; i < len(d.Rejected); i++ {
		d.writeRejected(line, d.Rejected[i])
	}
	return b.Bytes()
}

// writeRejected repeats an offered line with port 0, RFC 3264 §6.
func (d *Description) writeRejected(line func(...string), r RejectedMedia) {
	formats := r.Formats
	if len(formats) == 0 {
		formats = []string{"0"}
	}
	line("m=", r.Media, " 0 ", r.Proto, " ", strings.Join(formats, " "))
	if d.Kind == KindWebRTC {
		line("c=IN IP4 0.0.0.0")
	}
	if r.Mid != "" {
		line("a=mid:", r.Mid)
	}
}

// writeAudio writes our m-line and everything under it.
func (d *Description) writeAudio(line func(...string), conn string) {
	port := d.Addr.Port()
	if port == 0 {
		port = 9 // 0 would reject the line; 9 is the "not known" of RFC 8840 §4.1.1
	}
	formats := make([]string, 0, len(d.Codecs))
	for _, c := range d.Codecs {
		formats = append(formats, strconv.Itoa(int(c.PayloadType)))
	}
	if len(formats) == 0 {
		formats = []string{"0"}
	}
	line("m=audio ", strconv.Itoa(int(port)), " ", d.Proto, " ", strings.Join(formats, " "))
	if d.Kind == KindWebRTC {
		line("c=", conn)
		d.writeTransport(line)
	}
	for _, k := range d.Crypto {
		line("a=crypto:", k.String())
	}
	for _, c := range d.Codecs {
		pt := strconv.Itoa(int(c.PayloadType))
		channels := ""
		if c.Channels > 1 {
			channels = "/" + strconv.Itoa(c.Channels)
		}
		line("a=rtpmap:", pt, " ", c.Name, "/", strconv.Itoa(c.ClockRate), channels)
		if c.Fmtp != "" {
			line("a=fmtp:", pt, " ", c.Fmtp)
		}
	}
	if d.Ptime > 0 {
		line("a=ptime:", strconv.Itoa(d.Ptime))
	}
	if d.MaxPtime > 0 {
		line("a=maxptime:", strconv.Itoa(d.MaxPtime))
	}
	if d.Mid != "" {
		line("a=mid:", d.Mid)
	}
	line("a=", d.Direction.String())
	d.writeRTCP(line)
	d.writeSource(line)
}

// writeTransport writes ICE and DTLS.
func (d *Description) writeTransport(line func(...string)) {
	for _, c := range d.Candidates {
		line("a=candidate:", c)
	}
	if d.EndOfCandidates {
		line("a=end-of-candidates")
	}
	line("a=ice-ufrag:", d.ICEUfrag)
	line("a=ice-pwd:", d.ICEPwd)
	line("a=fingerprint:", d.Fingerprint.String())
	if s := d.Setup.String(); s != "" {
		line("a=setup:", s)
	}
}

// writeRTCP writes where RTCP goes when that is not the default port, and the multiplexing attributes.
func (d *Description) writeRTCP(line func(...string)) {
	if d.RTCPMux {
		line("a=rtcp-mux")
	}
	if d.RTCPRsize {
		line("a=rtcp-rsize")
	}
	at := d.RTCPAddr
	if d.RTCPMux {
		at = d.Addr
	}
	if !at.IsValid() || at.Port() == 0 || !d.RTCPMux && at.Addr() == d.Addr.Addr() && at.Port() == d.Addr.Port()+1 {
		return
	}
	line("a=rtcp:", strconv.Itoa(int(at.Port())), " ", sdpConnection(at.Addr()))
}

// writeSource writes msid, SSRC and CNAME. Plain phones have no use for them.
func (d *Description) writeSource(line func(...string)) {
	if d.Kind != KindWebRTC {
		return
	}
	if d.MSID != "" {
		line("a=msid:", d.MSID)
	}
	if d.SSRC == 0 {
		return
	}
	ssrc := "a=ssrc:" + strconv.FormatUint(uint64(d.SSRC), 10)
	if d.CNAME != "" {
		line(ssrc, " cname:", d.CNAME)
	}
	if d.MSID != "" {
		line(ssrc, " msid:", d.MSID)
	}
}

// sdpConnection is the value of c= for an address.
func sdpConnection(a netip.Addr) string {
	a = a.Unmap()
	switch {
	case a.Is6():
		return "IN IP6 " + a.WithZone("").String()
	case a.Is4():
		return "IN IP4 " + a.String()
	}
	return "IN IP4 0.0.0.0"
}

// HostCandidate is a host candidate for the RTP component, the value after "candidate:" (RFC 8839 §5.1). network is "udp" or
// "tcp" (passive, RFC 6544 §4.5); n numbers the addresses, the first being the preferred one. Priorities are those of
// RFC 8445 §5.1.2.1 with UDP before TCP.
func HostCandidate(network string, addr netip.AddrPort, n int) string {
	const hostPreference = 126
	local := uint32(65535 - min(max(n, 0), 8191))
	suffix, transport := "", 1
	if network == "tcp" {
		// RFC 6544 §4.2: direction preference 4 (passive) in the top three bits of the local preference.
		local = 4<<13 | uint32(8191-min(max(n, 0), 8191))
		suffix, transport = " tcptype passive", 2
	}
	priority := uint32(hostPreference)<<24 | local<<8 | 255
	ip := addr.Addr().Unmap().WithZone("").String()
	return fmt.Sprintf("%d%d 1 %s %d %s %d typ host%s", n+1, transport, network, priority, ip, addr.Port(), suffix)
}
