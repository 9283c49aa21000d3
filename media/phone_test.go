package media

import (
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/pion/rtp"
	psrtp "github.com/pion/srtp/v3"

	"github.com/talkpath/talkpath/srtp"
)

// phone is a peer with plain RTP or SDES; SRTP is pion's, not ours.
type phone struct {
	inbox
	conn, ctl *net.UDPConn
	desc      *Description
	to        netip.AddrPort
	toRTCP    netip.AddrPort
	key       srtp.SDES
	mu        sync.Mutex
	in, out   *psrtp.Context
	rtcpIn    [][]byte
	wg        sync.WaitGroup
}

func newPhone(t testing.TB, kind Kind, codecs []Codec) *phone {
	p := &phone{conn: udpConn(t), ctl: udpConn(t)}
	p.desc = NewOffer(kind)
	p.desc.Addr, p.desc.RTCPAddr = addrPort(p.conn.LocalAddr()), addrPort(p.ctl.LocalAddr())
	p.desc.Codecs = codecs
	if kind == KindSDES {
		p.key = srtp.GenerateSDES(1, srtp.AES128CMHMACSHA1_80)
		p.desc.Crypto = []srtp.SDES{p.key}
	}
	p.wg.Add(2)
	go p.read(p.conn)
	go p.readRTCP()
	return p
}

func (p *phone) read(c *net.UDPConn) {
	defer p.wg.Done()
	buf := make([]byte, 2048)
	for {
		n, _, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		raw := buf[:n]
		p.mu.Lock()
		in := p.in
		p.mu.Unlock()
		if p.desc.Kind == KindSDES {
			if in == nil {
				continue
			}
			if raw, err = in.DecryptRTP(nil, raw, nil); err != nil {
				continue
			}
		}
		p.add(raw)
	}
}

func (p *phone) readRTCP() {
	defer p.wg.Done()
	buf := make([]byte, 2048)
	for {
		n, _, err := p.ctl.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		raw := append([]byte(nil), buf[:n]...)
		p.mu.Lock()
		if p.in != nil {
			if d, err := p.in.DecryptRTCP(nil, raw, nil); err == nil {
				raw = d
			}
		}
		p.rtcpIn = append(p.rtcpIn, raw)
		p.mu.Unlock()
	}
}

func (p *phone) reports() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([][]byte(nil), p.rtcpIn...)
}

// offer calls the session.
func (p *phone) offer(t testing.TB, s *Session, codecs []Codec) {
	t.Helper()
	if err := s.SetRemoteOffer(p.desc.Marshal()); err != nil {
		t.Fatal(err)
	}
	ans, err := s.Answer(codecs)
	if err != nil {
		t.Fatal(err)
	}
	p.learn(t, ans)
}

// answer takes the session's offer.
func (p *phone) answer(t testing.TB, s *Session, offer []byte) {
	t.Helper()
	d := p.learn(t, offer)
	a := d.NewAnswer()
	a.Addr, a.RTCPAddr = p.desc.Addr, p.desc.RTCPAddr
	a.Codecs = Intersect(d.Codecs, p.desc.Codecs)
	if d.Kind == KindSDES {
		a.Crypto = []srtp.SDES{p.key}
	}
	if err := s.SetRemoteAnswer(a.Marshal()); err != nil {
		t.Fatal(err)
	}
}

func (p *phone) learn(t testing.TB, sdp []byte) *Description {
	t.Helper()
	d, err := ParseDescription(sdp)
	if err != nil {
		t.Fatalf("%v\n%s", err, sdp)
	}
	p.to, p.toRTCP = d.Addr, d.RTCPAddr
	if d.Kind == KindSDES {
		var theirs srtp.SDES
		for _, c := range d.Crypto {
			if c.Profile == p.key.Profile {
				theirs = c
			}
		}
		p.key.Tag = theirs.Tag
		p.mu.Lock()
		p.in, err = psrtp.CreateContext(theirs.Key, theirs.Salt, psrtp.ProtectionProfileAes128CmHmacSha1_80)
		if err == nil {
			p.out, err = psrtp.CreateContext(p.key.Key, p.key.Salt, psrtp.ProtectionProfileAes128CmHmacSha1_80)
		}
		p.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (p *phone) send(t testing.TB, pkt *rtp.Packet) {
	t.Helper()
	raw, err := pkt.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if p.desc.Kind == KindSDES {
		p.mu.Lock()
		raw, err = p.out.EncryptRTP(nil, raw, nil)
		p.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.conn.WriteToUDPAddrPort(raw, p.to); err != nil {
		t.Fatal(err)
	}
}

func (p *phone) sendRTCP(t testing.TB, raw []byte) {
	t.Helper()
	if p.desc.Kind == KindSDES {
		var err error
		p.mu.Lock()
		raw, err = p.out.EncryptRTCP(nil, raw, nil)
		p.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.ctl.WriteToUDPAddrPort(raw, p.toRTCP); err != nil {
		t.Fatal(err)
	}
}

func (p *phone) close() {
	p.conn.Close()
	p.ctl.Close()
	p.wg.Wait()
}
