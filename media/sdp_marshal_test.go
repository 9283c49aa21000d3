package media

import (
	"net/netip"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
	"github.com/talkpath/talkpath/srtp"
)

func sdpItoa(n int) string { return strconv.Itoa(n) }

// answerTo fills an answer as a leg would.
func answerTo(offer *Description) *Description {
	a := offer.NewAnswer()
	a.SessionID, a.SessionVersion = 1, 2
	a.Addr = netip.MustParseAddrPort("198.51.100.1:16384")
	a.Codecs = Narrow(Intersect(offer.Codecs, DefaultCodecs()))
	if a.Codecs == nil { // only for fuzzing: a line must have a format
		a.Codecs = offer.Codecs
	}
	switch a.Kind {
	case KindWebRTC:
		a.ICELite, a.ICEUfrag, a.ICEPwd, a.EndOfCandidates = true, "ours", "ourpasswordourpassword00", true
		a.Candidates = []string{HostCandidate("udp", a.Addr, 0), HostCandidate("tcp", a.Addr, 0)}
		a.Fingerprint = CertificateFingerprint([]byte("certificate"))
		a.SSRC, a.CNAME, a.MSID = 4242, "cname", "stream track"
		a.RTCPMux = true
	case KindSDES:
		a.Crypto = []srtp.SDES{srtp.GenerateSDES(offer.Crypto[0].Tag, offer.Crypto[0].Profile)}
	}
	return a
}

func TestAnswerChromium(t *testing.T) {
	offer := mustParse(t, crlf(sampleChromium))
	got := string(answerTo(offer).Marshal())
	fp := CertificateFingerprint([]byte("certificate")).String()
	want := string(crlf(`
v=0
o=- 1 2 IN IP4 198.51.100.1
s=Talkpath
t=0 0
a=ice-lite
a=group:BUNDLE 0
a=msid-semantic: WMS stream
m=audio 16384 UDP/TLS/RTP/SAVPF 111 110
c=IN IP4 198.51.100.1
a=candidate:11 1 udp 2130706431 198.51.100.1 16384 typ host
a=candidate:12 1 tcp 2124414975 198.51.100.1 16384 typ host tcptype passive
a=end-of-candidates
a=ice-ufrag:ours
a=ice-pwd:ourpasswordourpassword00
a=fingerprint:` + fp + `
a=setup:active
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:110 telephone-event/48000
a=fmtp:110 0-15
a=mid:0
a=sendrecv
a=rtcp-mux
a=rtcp-rsize
a=rtcp:16384 IN IP4 198.51.100.1
a=msid:stream track
a=ssrc:4242 cname:cname
a=ssrc:4242 msid:stream track
m=application 0 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=mid:1
`))
	// The browser offered its telephone-event without parameters, so ours may have them or not.
	got = strings.Replace(got, "a=fmtp:110 0-15\r\n", "", 1)
	want = strings.Replace(want, "a=fmtp:110 0-15\r\n", "", 1)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestFirstDirection: the web client takes the first direction in the whole text for that of the call.
func TestFirstDirection(t *testing.T) {
	hold := regexp.MustCompile(`a=(sendrecv|sendonly|recvonly|inactive)\r\n`)
	for _, d := range []struct{ offered, answered string }{
		{"sendrecv", "sendrecv"}, {"sendonly", "recvonly"}, {"recvonly", "sendonly"}, {"inactive", "inactive"},
	} {
		// In the Safari sample a video line with a direction of its own comes first.
		offer := mustParse(t, crlf(strings.Replace(sampleSafari, "a=sendrecv", "a="+d.offered, 1)))
		m := hold.FindSubmatch(answerTo(offer).Marshal())
		if m == nil || string(m[1]) != d.answered {
			t.Errorf("offered %s: first direction %q, want %s", d.offered, m, d.answered)
		}
	}
}

func TestAnswerMirrors(t *testing.T) {
	savpf := strings.ReplaceAll(sampleChromium, "UDP/TLS/RTP/SAVPF", "RTP/SAVPF")
	tests := []struct{ name, sdp, lines string }{
		{"safari", sampleSafari, "video 0 UDP/TLS/RTP/SAVPF|audio 16384 UDP/TLS/RTP/SAVPF"},
		{"RTP/SAVPF with DTLS", savpf, "audio 16384 RTP/SAVPF|application 0 UDP/DTLS/SCTP"},
		{"phone", samplePhone, "audio 16384 RTP/AVP|image 0 udptl|audio 0 RTP/AVP"},
		{"SDES and plain", samplePhoneSDES, "audio 0 RTP/AVP|audio 16384 RTP/SAVP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := string(answerTo(mustParse(t, crlf(tt.sdp))).Marshal())
			var lines []string
			for _, l := range strings.Split(text, "\r\n") {
				if m, ok := strings.CutPrefix(l, "m="); ok {
					lines = append(lines, strings.Join(strings.Fields(m)[:3], " "))
				}
			}
			if got := strings.Join(lines, "|"); got != tt.lines {
				t.Errorf("got %s\nwant %s\n%s", got, tt.lines, text)
			}
		})
	}
}

// TestMarshalRoundTrip writes descriptions of every kind, reads them back, and has pion/sdp read them too.
func TestMarshalRoundTrip(t *testing.T) {
	addr := netip.MustParseAddrPort("[2001:db8::7]:20000")
	for _, kind := range []Kind{KindRTP, KindSDES, KindWebRTC} {
		t.Run(kind.String(), func(t *testing.T) {
			d := NewOffer(kind)
			d.SessionID, d.SessionVersion, d.Ptime, d.MaxPtime, d.Direction = 7, 8, 20, 60, SendOnly
			d.Addr, d.RTCPAddr = addr, netip.AddrPortFrom(addr.Addr(), 20005)
			d.Codecs = DefaultCodecs()
			for i := range d.Codecs {
				if d.Codecs[i].IsAudio() {
					d.Codecs[i].Ptime = 20
				}
			}
			switch kind {
			case KindSDES:
				d.Crypto = []srtp.SDES{srtp.GenerateSDES(1, srtp.AEADAES128GCM), srtp.GenerateSDES(2, srtp.AES128CMHMACSHA1_80)}
			case KindWebRTC:
				d.RTCPAddr = addr
				d.ICELite, d.ICEUfrag, d.ICEPwd = true, "abcd", "0123456789012345678901"
				d.Candidates = []string{HostCandidate("udp", addr, 0), HostCandidate("udp", addr, 1)}
				d.Fingerprint = CertificateFingerprint([]byte{1})
				d.SSRC, d.CNAME, d.MSID = 1, "c", "s t"
			}
			text := d.Marshal()
			got := mustParse(t, text)
			if !reflect.DeepEqual(got, d) {
				t.Errorf("\n got %+v\nwant %+v", got, d)
			}
			var p sdp.SessionDescription
			if err := p.Unmarshal(text); err != nil {
				t.Errorf("pion/sdp: %v\n%s", err, text)
			}
		})
	}
}

func TestMarshalWithoutAddress(t *testing.T) {
	d := NewOffer(KindWebRTC)
	d.Codecs = DefaultCodecs()
	text := string(d.Marshal())
	if !strings.Contains(text, "m=audio 9 UDP/TLS/RTP/SAVPF") || !strings.Contains(text, "c=IN IP4 0.0.0.0\r\n") || strings.Contains(text, "a=rtcp:") {
		t.Errorf("%s", text)
	}
}

func TestFingerprintMatches(t *testing.T) {
	f := CertificateFingerprint([]byte("a"))
	if !f.Matches([]byte("a")) || f.Matches([]byte("b")) {
		t.Error("SHA-256 comparison")
	}
	if (Fingerprint{}).Matches([]byte("a")) || (Fingerprint{Hash: "sha-256"}).Matches([]byte("a")) || (Fingerprint{Hash: "md5", Value: f.Value}).Matches([]byte("a")) {
		t.Error("an empty or unknown fingerprint matches")
	}
}
