package media

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func mustParse(t *testing.T, sdp []byte) *Description {
	t.Helper()
	d, err := ParseDescription(sdp)
	if err != nil {
		t.Fatalf("ParseDescription: %v\n%s", err, sdp)
	}
	return d
}

// codecNames lists codecs as payload:name/rate.
func codecNames(codecs []Codec) string {
	var out []string
	for _, c := range codecs {
		out = append(out, strings.Join([]string{sdpItoa(int(c.PayloadType)), c.Name + "/" + sdpItoa(c.ClockRate)}, ":"))
	}
	return strings.Join(out, " ")
}

func TestParseBrowsers(t *testing.T) {
	fp := mustParse(t, crlf(sampleChromium)).Fingerprint
	if fp.Hash != "sha-256" || fp.String() != "sha-256 "+sampleFingerprint {
		t.Fatalf("fingerprint %v", fp)
	}
	tests := []struct {
		name, sdp string
		want      Description
		codecs    string
	}{
		{"chromium", sampleChromium, Description{
			Addr:     netip.MustParseAddrPort("192.0.2.10:60898"),
			RTCPAddr: netip.MustParseAddrPort("192.0.2.10:60898"), RTCPMux: true, RTCPRsize: true,
			ICEUfrag: "kixE", ICEPwd: "1kxaO76sJRG8K1t3d8MgC/T6",
			Candidates: []string{"1151136343 1 udp 2122260223 192.0.2.10 60898 typ host generation 0 network-id 1 network-cost 50"},
			Mid:        "0", Bundle: []string{"0", "1"}, SSRC: 8564030, CNAME: "5HRsNnUxvIihE3yW", MSID: "stream-1 track-1",
			SessionID: 6757919434390480512, SessionVersion: 2,
			Rejected: []RejectedMedia{{1, "application", "UDP/DTLS/SCTP", []string{"webrtc-datachannel"}, "1"}},
		}, "111:opus/48000 63:red/48000 9:G722/8000 0:PCMU/8000 8:PCMA/8000 13:CN/8000 110:telephone-event/48000 126:telephone-event/8000"},
		{"firefox", sampleFirefox, Description{
			RTCPMux: true, ICEUfrag: "a1b2c3d4", ICEPwd: "d0cd3ad7b5a1a6f5c7b1aa5e1a2b3c4d",
			Mid: "0", Bundle: []string{"0"}, SSRC: 3264421417, CNAME: "{4a3f7a6e-5b0d-4d6c-a0e5-7f1a2b3c4d5e}",
			MSID:      "{7e5b1b6c-0b6a-4a0e-9b0a-2f0b5a0e7d11} {0a9c2c55-2c0e-4c8b-8f52-5d1d8d6a6f5b}",
			SessionID: 4962303333179871722, SessionVersion: 1,
		}, "109:opus/48000 9:G722/8000 0:PCMU/8000 8:PCMA/8000 101:telephone-event/8000"},
		{"safari", sampleSafari, Description{
			RTCPMux: true, ICEUfrag: "Vabc", ICEPwd: "oLkZg5n4gPqV6C0tq0wYQxYz", EndOfCandidates: true,
			Mid: "a", Bundle: []string{"v", "a"}, SessionID: 8403615332048243445, SessionVersion: 2, AudioIndex: 1,
			Rejected: []RejectedMedia{{0, "video", "UDP/TLS/RTP/SAVPF", []string{"96", "97"}, "v"}},
		}, "111:opus/48000 110:telephone-event/48000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := mustParse(t, crlf(tt.sdp))
			if got := codecNames(d.Codecs); got != tt.codecs {
				t.Errorf("codecs\n got %s\nwant %s", got, tt.codecs)
			}
			tt.want.Kind, tt.want.Proto, tt.want.Setup, tt.want.Fingerprint = KindWebRTC, "UDP/TLS/RTP/SAVPF", SetupActpass, fp
			d.Codecs = nil
			if !reflect.DeepEqual(*d, tt.want) {
				t.Errorf("\n got %+v\nwant %+v", *d, tt.want)
			}
			// The same with bare LF and without the last line end.
			lf, err := ParseDescription([]byte(strings.TrimSpace(tt.sdp)))
			if err != nil {
				t.Fatalf("bare LF: %v", err)
			}
			lf.Codecs = nil
			if !reflect.DeepEqual(*lf, tt.want) {
				t.Errorf("bare LF differs: %+v", *lf)
			}
		})
	}
}

func TestParsePhones(t *testing.T) {
	d := mustParse(t, crlf(samplePhone))
	if d.Kind != KindRTP || d.Addr.String() != "192.0.2.20:11780" || d.RTCPAddr.String() != "192.0.2.21:11999" || d.Ptime != 30 {
		t.Errorf("phone: %+v", d)
	}
	if got, want := codecNames(d.Codecs), "8:PCMA/8000 0:PCMU/8000 18:G729/8000 101:telephone-event/8000"; got != want {
		t.Errorf("codecs %s, want %s", got, want)
	}
	if len(d.Rejected) != 2 || d.Rejected[0].Media != "image" || d.Rejected[0].Proto != "udptl" || d.Rejected[1].Index != 2 {
		t.Errorf("rejected %+v", d.Rejected)
	}
	d = mustParse(t, crlf(samplePhoneSDES))
	if d.Kind != KindSDES || d.AudioIndex != 1 || d.Addr.Port() != 5006 || d.RTCPAddr.Port() != 5007 || d.OptionalSRTP() {
		t.Errorf("SDES before plain: %+v", d)
	}
	if len(d.Crypto) != 2 || d.Crypto[0].Tag != 2 || d.Crypto[1].Tag != 3 {
		t.Errorf("crypto tags: %d", len(d.Crypto))
	}
	optional := strings.Replace(samplePhone, "a=ptime", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"+sampleKey128+"\na=ptime", 1)
	if d = mustParse(t, crlf(optional)); d.Kind != KindSDES || !d.OptionalSRTP() || d.Proto != "RTP/AVP" {
		t.Errorf("optional SRTP: %+v", d)
	}
	unknown := strings.Replace(optional, "AES_CM_128_HMAC_SHA1_80", "F8_128_HMAC_SHA1_80", 1)
	if d = mustParse(t, crlf(unknown)); d.Kind != KindRTP || d.Crypto != nil {
		t.Errorf("optional SRTP with an unknown suite: %+v", d)
	}
}

func TestParseHold(t *testing.T) {
	tests := []struct {
		name, conn, session, media string
		want                       Direction
		zero                       bool
	}{
		{"default", "192.0.2.1", "", "", SendRecv, false},
		{"sendonly", "192.0.2.1", "", "a=sendonly\n", SendOnly, false},
		{"recvonly", "192.0.2.1", "", "a=recvonly\n", RecvOnly, false},
		{"inactive", "192.0.2.1", "", "a=inactive\n", Inactive, false},
		{"session level", "192.0.2.1", "a=sendonly\n", "", SendOnly, false},
		{"media wins", "192.0.2.1", "a=sendonly\n", "a=sendrecv\n", SendRecv, false},
		{"zero address", "0.0.0.0", "", "", SendOnly, true},
		{"zero address with sendrecv", "0.0.0.0", "", "a=sendrecv\n", SendOnly, true},
		{"zero address with recvonly", "0.0.0.0", "", "a=recvonly\n", Inactive, true},
		{"zero address with inactive", "0.0.0.0", "", "a=inactive\n", Inactive, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := mustParse(t, crlf("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 "+tt.conn+"\nt=0 0\n"+tt.session+
				"m=audio 4000 RTP/AVP 0\n"+tt.media))
			if d.Direction != tt.want || d.ZeroHold != tt.zero {
				t.Errorf("direction %v, zero %v; want %v, %v", d.Direction, d.ZeroHold, tt.want, tt.zero)
			}
		})
	}
	if d := mustParse(t, crlf(sampleFirefox)); d.ZeroHold || d.Direction != SendRecv {
		t.Error("0.0.0.0 of a browser taken for hold")
	}
}

func TestParseInherited(t *testing.T) {
	sdp := `
v=0
o=- 1 1 IN IP6 2001:db8::1
s=-
c=IN IP6 2001:db8::1
t=0 0
a=ice-lite
a=ice-ufrag:abcd
a=ice-pwd:0123456789012345678901
a=fingerprint:sha-256 ` + sampleFingerprint + `
a=setup:passive
a=inactive
m=audio 4000 RTP/SAVPF 0
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:` + sampleKey128 + `
`
	d := mustParse(t, crlf(sdp))
	if d.Kind != KindWebRTC || d.Setup != SetupPassive || !d.ICELite || d.ICEUfrag != "abcd" || d.Direction != Inactive ||
		d.Addr.String() != "[2001:db8::1]:4000" || d.Proto != "RTP/SAVPF" || d.Crypto != nil {
		t.Errorf("%+v", d)
	}
}

func TestParseErrors(t *testing.T) {
	head := "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
	fp := "a=fingerprint:sha-256 " + sampleFingerprint + "\n"
	ice := "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n"
	tests := []struct {
		name, sdp string
		want      error
	}{
		{"empty", "", errSDPVersion},
		{"no version", "o=- 1 1 IN IP4 192.0.2.1\n", errSDPVersion},
		{"garbage line", head + "hello\n", errSDPLine},
		{"NUL", head + "a=x\x00\n", errSDPLine},
		{"too large", head + strings.Repeat("a=x\n", maxSDP/4), errSDPSize},
		{"too many m-lines", head + strings.Repeat("m=audio 1 RTP/AVP 0\n", maxMediaLines+1), errSDPLines},
		{"port too large", head + "m=audio 65536 RTP/AVP 0\n", errSDPMedia},
		{"header smuggled in m-line", head + "m=audio 4000 RTP/AVP 0 <script>\n", errSDPMedia},
		{"no audio", head + "m=video 4000 RTP/AVP 31\n", errNoAudio},
		{"rejected", head + "m=audio 0 RTP/AVP 0\n", errRejected},
		{"unknown transport", head + "m=audio 4000 RTP/XYZ 0\n", errProto},
		{"no known payload", head + "m=audio 4000 RTP/AVP 96\n", errNoFormats},
		{"only telephone-event", head + "m=audio 4000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000\n", errNoFormats},
		{"no address", "v=0\nm=audio 4000 RTP/AVP 0\n", errAddress},
		{"name as address", "v=0\nc=IN IP4 phone.example.com\nm=audio 4000 RTP/AVP 0\n", errAddress},
		{"multicast", "v=0\nc=IN IP4 224.2.1.1/127\nm=audio 4000 RTP/AVP 0\n", errAddress},
		{"SAVP without keys", head + "m=audio 4000 RTP/SAVP 0\n", errNoKeys},
		{"DTLS without fingerprint", head + "m=audio 4000 UDP/TLS/RTP/SAVPF 0\n" + ice, errFingerprint},
		{"DTLS with SHA-1 only", head + "m=audio 4000 UDP/TLS/RTP/SAVPF 0\na=fingerprint:sha-1 " + sampleFingerprint[:59] + "\n" + ice, errFingerprint},
		{"DTLS with a short fingerprint", head + "m=audio 4000 UDP/TLS/RTP/SAVPF 0\na=fingerprint:sha-256 AA:BB\n" + ice, errFingerprint},
		{"DTLS without ICE", head + "m=audio 4000 UDP/TLS/RTP/SAVPF 0\n" + fp, errICE},
		{"short ICE password", head + "m=audio 4000 RTP/SAVPF 0\n" + fp + "a=ice-ufrag:abcd\na=ice-pwd:short\n", errICE},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseDescription(crlf(tt.sdp))
			var sdpErr *SDPError
			if !errors.Is(err, tt.want) || !errors.As(err, &sdpErr) || sdpErr.Status() != 488 {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestParseOddCodecs(t *testing.T) {
	d := mustParse(t, crlf(`
v=0
c=IN IP4 192.0.2.1
m=audio 4000 RTP/AVP 96 96 97 72 0 300 x 98 99
a=rtpmap:96 opus/48000/2
a=rtpmap:96 evil/1
a=rtpmap:97 opus/48000/2
a=rtpmap:98 bad
a=rtpmap:99 zero/0
a=rtpmap:72 PCMA/8000
a=rtpmap:300 big/8000
a=fmtp:96 x=1
a=fmtp:96 x=2
a=rtcp-mux
a=ptime:20.0
a=maxptime:99999
`))
	if got, want := codecNames(d.Codecs), "96:opus/48000 97:opus/48000 0:PCMU/8000"; got != want {
		t.Errorf("codecs %s, want %s", got, want)
	}
	if d.Codecs[0].Fmtp != "x=1" || d.Ptime != 20 || d.MaxPtime != 0 || d.RTCPAddr != d.Addr {
		t.Errorf("%+v", d)
	}
}

// TestParseRecordings reads every session description of the recorded browser calls.
func TestParseRecordings(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("..", "..", "shared", "oracle", "calls", "*.sip.txt"))
	if len(files) == 0 {
		t.Skip("no recordings beside the repository")
	}
	kinds := map[Kind]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\nv=0\n")[1:] {
			body, _, _ := strings.Cut(part, "\n\n")
			if !strings.Contains(body, "m=audio") {
				continue
			}
			d, err := ParseDescription(crlf("v=0\n" + body + "\n"))
			if err != nil {
				t.Errorf("%s: %v\n%s", filepath.Base(file), err, body)
				continue
			}
			kinds[d.Kind]++
			if strings.HasPrefix(filepath.Base(file), "browser_") && d.Kind != KindWebRTC {
				t.Errorf("%s: kind %v\n%s", filepath.Base(file), d.Kind, body)
			}
		}
	}
	if kinds[KindWebRTC] == 0 || kinds[KindRTP] == 0 {
		t.Errorf("kinds seen: %v", kinds)
	}
}
