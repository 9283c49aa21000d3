package media

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestCrossOffer: what each peer is told of the other is the other's place and number of the codec, as the next version of its own session.
func TestCrossOffer(t *testing.T) {
	e := newTestEngine(t, nil)
	var la, lb eventLog
	a, pa := connect(t, e, KindRTP, true, &la)
	b, pb := connect(t, e, KindRTP, false, &lb)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	talk(t, pa, pb, 0x1001, 5)
	theirs, err := a.Straight()
	if err != nil {
		t.Fatal(err)
	}
	more := strings.Replace(string(theirs), "RTP/AVP 0", "RTP/AVP 8 0", 1) + "m=video 5000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
	before, err := ParseDescription(b.LocalSDP())
	if err != nil {
		t.Fatal(err)
	}
	sdp, err := b.CrossOffer([]byte(more))
	if err != nil {
		t.Fatal(err)
	}
	d, err := ParseDescription(sdp)
	if err != nil {
		t.Fatal(err)
	}
	if d.SessionID != before.SessionID || d.SessionVersion != before.SessionVersion+1 {
		t.Errorf("session %d %d, want %d %d", d.SessionID, d.SessionVersion, before.SessionID, before.SessionVersion+1)
	}
	p := pa.(*phone)
	if d.Addr != p.desc.Addr || d.RTCPAddr != p.desc.RTCPAddr {
		t.Errorf("told %v and %v, want %v and %v", d.Addr, d.RTCPAddr, p.desc.Addr, p.desc.RTCPAddr)
	}
	if len(d.Rejected) != 0 || len(audioRates(d.Codecs)) != 1 || d.Codecs[0].Name != "PCMU" {
		t.Errorf("not reduced to the codec that is shared:\n%s", sdp)
	}
	if string(b.LocalSDP()) != string(before.Marshal()) {
		t.Error("our own description changed")
	}
	if _, err := b.CrossOffer([]byte(strings.NewReplacer("RTP/AVP 0", "RTP/AVP 8", "rtpmap:0 PCMU", "rtpmap:8 PCMA").Replace(string(theirs)))); !errors.Is(err, ErrNoCodec) {
		t.Errorf("without a shared codec: %v", err)
	}
	offer := strings.Replace(string(p.desc.Marshal()), "a=sendrecv", "a=sendonly", 1) + "m=video 5000 RTP/AVP 96\r\n"
	answer, err := a.CrossAnswer([]byte(offer), pb.(*phone).desc.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if d, err = ParseDescription(answer); err != nil || d.Addr != pb.(*phone).desc.Addr || len(d.Rejected) != 1 {
		t.Errorf("answer (%v):\n%s", err, answer)
	}
}

// TestStraightRefuses: media that only we can get to its peer stays here.
func TestStraightRefuses(t *testing.T) {
	e := newTestEngine(t, nil)
	var log eventLog
	for _, kind := range []Kind{KindSDES, KindWebRTC} {
		s, _ := connect(t, e, kind, true, &log)
		if _, err := s.Straight(); !errors.Is(err, ErrSecured) {
			t.Errorf("%v: %v", kind, err)
		}
	}
	if _, err := e.NewSession(SessionConfig{}).Straight(); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("not negotiated: %v", err)
	}
	a, pa := connect(t, e, KindRTP, true, &log)
	b, pb := connect(t, e, KindRTP, false, &log)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	behind := newPhone(t, KindRTP, pcmu()) // another port of the host, as through NAT
	defer behind.close()
	behind.to = pa.(*phone).to
	talk(t, behind, pb, 0x2001, 5)
	if _, err := a.Straight(); !errors.Is(err, ErrMoved) {
		t.Errorf("behind NAT: %v", err)
	}
}

// TestStandAside: a leg that stands aside relays nothing, says nothing and misses nothing; afterwards it goes on.
func TestStandAside(t *testing.T) {
	e := newTestEngine(t, nil)
	const silence = 300 * time.Millisecond
	var la, lb eventLog
	a, pa := connect(t, e, KindRTP, true, &la)
	b, pb := connect(t, e, KindRTP, false, &lb)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	talk(t, pa, pb, 0x1001, 5)
	a.StandAside(true)
	b.StandAside(true)
	a.packetLeg().do(func() { a.packetLeg().timeout = silence })
	heard := len(pb.heard())
	quiet, ticks := time.Now(), 0
	waitFor(t, "several timeouts to pass", func() bool {
		pa.send(t, audioPacket(0, 0x1001+500+ticks, 0x1001))
		ticks++
		return time.Since(quiet) > 3*silence
	})
	quiet = time.Now()
	waitFor(t, "silence", func() bool { return time.Since(quiet) > 4*silence })
	if _, ok := la.find(EventTimeout); ok {
		t.Error("the silence of a leg that stands aside was reported")
	}
	if n := len(pb.heard()); n != heard {
		t.Errorf("%d packets were relayed", n-heard)
	}
	a.StandAside(false)
	b.StandAside(false)
	if err := Bridge(a, b); err != nil {
		t.Fatal(err)
	}
	talk(t, pa, pb, 0x3001, 5)
	waitFor(t, "silence to be reported again", func() bool { _, ok := la.find(EventTimeout); return ok })
}

func TestSamePlace(t *testing.T) {
	const base = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
	for name, tc := range map[string]struct {
		with []string
		want bool
	}{
		"the same":            {nil, true},
		"another version":     {[]string{"- 1 1", "- 1 2"}, true},
		"fewer formats":       {[]string{"0 101", "0", "a=rtpmap:101 telephone-event/8000\r\n", ""}, true},
		"another direction":   {[]string{"AVP 0 101\r\n", "AVP 0 101\r\na=recvonly\r\n"}, true},
		"another port":        {[]string{"4000", "4002"}, false},
		"another host":        {[]string{"c=IN IP4 127.0.0.1", "c=IN IP4 127.0.0.2"}, false},
		"another number":      {[]string{"101", "96"}, false},
		"another codec":       {[]string{"AVP 0", "AVP 8"}, false},
		"RTCP somewhere else": {[]string{"AVP 0 101\r\n", "AVP 0 101\r\na=rtcp:5000\r\n"}, false},
		"no description":      {[]string{"m=audio", "m=image"}, false},
	} {
		if got := SamePlace([]byte(base), []byte(strings.NewReplacer(tc.with...).Replace(base))); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// FuzzCross: what one peer says reaches the other as a description that we would take ourselves, in one audio line of one codec, or not at all.
func FuzzCross(f *testing.F) {
	const base = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
	f.Add([]byte(base))
	f.Add([]byte(strings.Replace(base, "c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0", 1)))
	f.Add([]byte(base + "a=rtcp-mux\r\na=rtcp:1 IN IP6 ::1\r\nm=video 0 RTP/AVP 96\r\n"))
	f.Fuzz(func(t *testing.T, sdp []byte) {
		s := &Session{id: 1, remoteSDP: []byte(base), localSDP: []byte(base)}
		for _, c := range pcmu() {
			s.formats = append(s.formats, format8{codec: &c, tx: c.PayloadType})
		}
		offer, err := s.CrossOffer(sdp)
		if err != nil {
			return
		}
		answer, err := s.CrossAnswer([]byte(base), sdp)
		if err != nil {
			t.Fatalf("taken as an offer, not as an answer: %v", err)
		}
		for _, out := range [][]byte{offer, answer} {
			d, err := ParseDescription(out)
			if err != nil {
				t.Fatalf("%v in\n%s", err, out)
			}
			if d.Kind != KindRTP || len(d.Rejected) > 0 || len(audioRates(d.Codecs)) != 1 || strings.Count(string(out), "\r\nm=") != 1 {
				t.Errorf("more than was agreed on:\n%s", out)
			}
		}
	})
}
