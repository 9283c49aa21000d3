package media

import "strings"

// crlf turns a sample written with plain line ends into wire form.
func crlf(s string) []byte {
	return []byte(strings.ReplaceAll(strings.TrimLeft(s, "\n"), "\n", "\r\n"))
}

const sampleFingerprint = "79:24:56:24:6E:01:7C:21:7C:9A:7C:81:94:D3:56:02:30:B4:F6:BE:F4:D5:65:3D:11:91:9E:EA:5D:53:1D:CB"

// sampleChromium is shaped like the offer of Chromium with one audio track and a data channel.
const sampleChromium = `
v=0
o=- 6757919434390480512 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS stream-1
m=audio 60898 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 192.0.2.10
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1151136343 1 udp 2122260223 192.0.2.10 60898 typ host generation 0 network-id 1 network-cost 50
a=candidate:1151136344 1 udp 2122260223 5f4a6ea8-1c2d-4b3e-9c8f-0a1b2c3d4e5f.local 60899 typ host generation 0
a=ice-ufrag:kixE
a=ice-pwd:1kxaO76sJRG8K1t3d8MgC/T6
a=ice-options:trickle
a=fingerprint:sha-256 ` + sampleFingerprint + `
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendrecv
a=msid:stream-1 track-1
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:8564030 cname:5HRsNnUxvIihE3yW
a=ssrc:8564030 msid:stream-1 track-1
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=ice-ufrag:kixE
a=ice-pwd:1kxaO76sJRG8K1t3d8MgC/T6
a=fingerprint:sha-256 ` + sampleFingerprint + `
a=setup:actpass
a=mid:1
a=sctp-port:5000
`

// sampleFirefox has fingerprint and setup at session level, no candidates, and the connection address 0.0.0.0.
const sampleFirefox = `
v=0
o=mozilla...THIS_IS_SDPARTA-99.0 4962303333179871722 1 IN IP4 0.0.0.0
s=-
t=0 0
a=sendrecv
a=fingerprint:sha-256 ` + sampleFingerprint + `
a=group:BUNDLE 0
a=ice-options:trickle
a=msid-semantic:WMS *
m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0 8 101
c=IN IP4 0.0.0.0
a=sendrecv
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1
a=fmtp:101 0-15
a=ice-pwd:d0cd3ad7b5a1a6f5c7b1aa5e1a2b3c4d
a=ice-ufrag:a1b2c3d4
a=mid:0
a=msid:{7e5b1b6c-0b6a-4a0e-9b0a-2f0b5a0e7d11} {0a9c2c55-2c0e-4c8b-8f52-5d1d8d6a6f5b}
a=rtcp-mux
a=rtpmap:109 opus/48000/2
a=rtpmap:9 G722/8000/1
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000/1
a=setup:actpass
a=ssrc:3264421417 cname:{4a3f7a6e-5b0d-4d6c-a0e5-7f1a2b3c4d5e}
`

// sampleSafari has ICE credentials with only mDNS candidates and video before audio.
const sampleSafari = `
v=0
o=- 8403615332048243445 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE v a
a=msid-semantic: WMS
m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=ice-ufrag:Vabc
a=ice-pwd:oLkZg5n4gPqV6C0tq0wYQxYz
a=fingerprint:sha-256 ` + sampleFingerprint + `
a=setup:actpass
a=mid:v
a=recvonly
a=rtcp-mux
a=rtpmap:96 H264/90000
a=rtpmap:97 rtx/90000
m=audio 51000 UDP/TLS/RTP/SAVPF 111 110
c=IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 8f6e7d5c-aaaa-bbbb-cccc-1234567890ab.local 51000 typ host generation 0
a=end-of-candidates
a=ice-ufrag:Vabc
a=ice-pwd:oLkZg5n4gPqV6C0tq0wYQxYz
a=fingerprint:sha-1 79:24:56:24:6E:01:7C:21:7C:9A:7C:81:94:D3:56:02:30:B4:F6:BE
a=fingerprint:SHA-256 ` + sampleFingerprint + `
a=setup:actpass
a=mid:a
a=sendrecv
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:110 telephone-event/48000
`

// samplePhone has static payload types without rtpmap and a fax alternative.
const samplePhone = `
v=0
o=root 1000 1 IN IP4 192.0.2.20
s=call
c=IN IP4 192.0.2.20
b=X-UNKNOWN:64
t=0 0
m=audio 11780 RTP/AVP 8 0 18 101
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:30
a=rtcp:11999 IN IP4 192.0.2.21
m=image 11790 udptl t38
a=T38FaxVersion:0
m=audio 11800 RTP/AVP 0
`

const sampleKey128 = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"

// samplePhoneSDES offers SRTP and plain RTP as two m-lines.
const samplePhoneSDES = `
v=0
o=- 20 20 IN IP4 192.0.2.30
s=-
c=IN IP4 192.0.2.30
t=0 0
m=audio 5004 RTP/AVP 9 8 0 101
a=rtpmap:101 telephone-event/8000
m=audio 5006 RTP/SAVP 9 8 0 101
a=rtpmap:101 telephone-event/8000
a=crypto:1 F8_128_HMAC_SHA1_80 inline:` + sampleKey128 + `
a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:` + sampleKey128 + `|2^31
a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:` + sampleKey128 + `
`
