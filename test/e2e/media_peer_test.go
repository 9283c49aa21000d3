package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// mediaPeer is the media side of one phone.
type mediaPeer interface {
	offer(t *testing.T) []byte
	answer(t *testing.T, offer []byte) []byte
	accept(t *testing.T, answer []byte)
	talk(hz float64) // from now on, instead of what was before, until close
	listener() *ear
	close()
}

// rtpPeer is a phone with RTP/AVP, or RTP/SAVP keyed by SDES when it has keys. Its SRTP is pion's, not ours.
type rtpPeer struct {
	conn     *net.UDPConn
	ear      ear
	voice    voice
	secure   bool
	localKey []byte // key and salt, RFC 4568 §6.1
	tag      string // of our crypto attribute: in an answer that of the one chosen
	out, in  *srtp.Context
	remote   atomic.Pointer[netip.AddrPort]
	keys
	mu   sync.Mutex // guards out and in
	stop chan struct{}
	done sync.WaitGroup
}

func newRTPPeer(t *testing.T, secure bool) *rtpPeer {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	p := &rtpPeer{conn: conn, secure: secure, keys: newKeys(), stop: make(chan struct{})}
	if secure {
		p.tag = "1"
		p.localKey = make([]byte, 30)
		rand.Read(p.localKey)
	}
	p.done.Go(p.read)
	t.Cleanup(p.close)
	return p
}

func (p *rtpPeer) listener() *ear { return &p.ear }

func (p *rtpPeer) description() []byte {
	port := p.conn.LocalAddr().(*net.UDPAddr).Port
	proto, crypto := "RTP/AVP", ""
	if p.secure {
		proto = "RTP/SAVP"
		crypto = "a=crypto:" + p.tag + " AES_CM_128_HMAC_SHA1_80 inline:" + base64.StdEncoding.EncodeToString(p.localKey) + "\r\n"
	}
	return fmt.Appendf(nil, "v=0\r\no=phone 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"+
		"m=audio %d %s 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n%sa=ptime:20\r\na=sendrecv\r\n",
		port, proto, crypto)
}

func (p *rtpPeer) offer(*testing.T) []byte { return p.description() }

func (p *rtpPeer) answer(t *testing.T, offer []byte) []byte {
	p.accept(t, offer)
	return p.description()
}

var (
	audioLine  = regexp.MustCompile(`(?m)^m=audio (\d+) (\S+)`)
	connLine   = regexp.MustCompile(`(?m)^c=IN IP4 (\S+)`)
	cryptoLine = regexp.MustCompile(`(?m)^a=crypto:(\d+) AES_CM_128_HMAC_SHA1_80 inline:([^|\s]+)`)
)

// accept takes the other side's description, offer or answer.
func (p *rtpPeer) accept(t *testing.T, sdp []byte) {
	t.Helper()
	m, c := audioLine.FindSubmatch(sdp), connLine.FindSubmatch(sdp)
	if m == nil || c == nil {
		t.Fatalf("no audio in:\n%s", sdp)
	}
	port, _ := strconv.Atoi(string(m[1]))
	addr, err := netip.ParseAddr(string(c[1]))
	if err != nil || port == 0 {
		t.Fatalf("no usable address in:\n%s", sdp)
	}
	if p.secure {
		p.key(t, sdp)
	} else if strings.Contains(string(m[2]), "SAVP") {
		t.Fatalf("a plain RTP phone got %s", m[2])
	}
	remote := netip.AddrPortFrom(addr, uint16(port))
	p.remote.Store(&remote)
}

func (p *rtpPeer) key(t *testing.T, sdp []byte) {
	t.Helper()
	k := cryptoLine.FindSubmatch(sdp)
	if k == nil {
		t.Fatalf("no usable crypto attribute in:\n%s", sdp)
	}
	p.tag = string(k[1])
	remoteKey, err := base64.StdEncoding.DecodeString(string(k[2]))
	if err != nil || len(remoteKey) != 30 {
		t.Fatalf("bad inline key %q: %v", k[2], err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	const profile = srtp.ProtectionProfileAes128CmHmacSha1_80
	if p.out, err = srtp.CreateContext(p.localKey[:16], p.localKey[16:], profile); err == nil {
		p.in, err = srtp.CreateContext(remoteKey[:16], remoteKey[16:], profile)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (p *rtpPeer) talk(hz float64) {
	if !p.voice.say(hz) {
		return
	}
	p.done.Go(func() {
		p.voice.everyFrame(p.stop, func(pkt *rtp.Packet, t *tone) {
			pkt.Payload = t.frame()
			raw, err := pkt.Marshal()
			remote := p.remote.Load()
			if err != nil || remote == nil {
				return
			}
			p.mu.Lock()
			if p.out != nil {
				raw, err = p.out.EncryptRTP(nil, raw, nil)
			}
			p.mu.Unlock()
			if err == nil {
				p.conn.WriteToUDPAddrPort(raw, *remote)
			}
		})
	})
}

// voice is what a peer says: one tone at a time, the last that was asked for, in one stream.
type voice struct {
	hz    atomic.Int64
	begun atomic.Bool
	said  atomic.Int64 // frames
}

// say changes the tone; the first time it says that there is nobody yet who sends.
func (v *voice) say(hz float64) (first bool) {
	v.hz.Store(int64(hz))
	return v.begun.CompareAndSwap(false, true)
}

// everyFrame calls send each 20 ms with the next RTP header.
func (v *voice) everyFrame(stop <-chan struct{}, send func(*rtp.Packet, *tone)) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	t := &tone{}
	pkt := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 0, SequenceNumber: 100, Timestamp: 1000, SSRC: uint32(v.hz.Load()) + 0x1000}}
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			t.hz = float64(v.hz.Load())
			send(pkt, t)
			v.said.Add(1)
			pkt.SequenceNumber++
			pkt.Timestamp += frameLength
		}
	}
}

func (p *rtpPeer) read() {
	buf := make([]byte, 2048)
	for {
		n, _, err := p.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		data := buf[:n]
		if n < 12 || data[1]&0x7f >= 64 && data[1]&0x7f < 96 {
			continue // RTCP, RFC 5761 §4
		}
		p.mu.Lock()
		if p.in != nil {
			data, err = p.in.DecryptRTP(nil, data, nil)
		}
		p.mu.Unlock()
		if p.secure && p.in == nil {
			continue
		}
		var pkt rtp.Packet
		if err != nil || pkt.Unmarshal(data) != nil {
			continue
		}
		switch pkt.PayloadType {
		case 0:
			p.ear.hear(pkt.Payload)
		case 101:
			p.event(&pkt)
		}
	}
}

func (p *rtpPeer) close() {
	select {
	case <-p.stop:
		return
	default:
	}
	close(p.stop)
	p.conn.Close()
	p.done.Wait()
}

// keys are the RFC 4733 events that a peer receives, one for each digit.
type keys struct {
	digits   chan byte
	lastDTMF uint32 // timestamp of the last one: an event is sent several times
}

func newKeys() keys { return keys{digits: make(chan byte, 16)} }

// event takes a telephone-event, RFC 4733 §2.3.
func (k *keys) event(pkt *rtp.Packet) {
	if len(pkt.Payload) < 4 || pkt.Timestamp == k.lastDTMF || pkt.Payload[0] > 15 {
		return
	}
	k.lastDTMF = pkt.Timestamp
	select {
	case k.digits <- "0123456789*#ABCD"[pkt.Payload[0]]:
	default:
	}
}
