package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/pion/sdp/v3"

	"github.com/talkpath/talkpath/srtp"
)

// leg is the media side of one phone. Its offer-answer methods are called by one goroutine.
type leg interface {
	offer(ctx context.Context) ([]byte, error)
	answer(ctx context.Context, offer []byte) ([]byte, error)
	accept(answer []byte) error
	talk() // from now on, until close
	close()
}

// rtpLeg is a phone with plain RTP, or with SDES-SRTP when it has a profile.
type rtpLeg struct {
	driver  *driver
	voice   *voice
	ear     ear
	profile srtp.Profile // 0: plain
	key     srtp.SDES    // ours

	// What follows is the driver's.
	remote  netip.AddrPort
	out, in *srtp.Context
	room    []byte // where a packet is encrypted
	refused uint64 // SRTP packets that failed authentication
}

func newRTPLeg(d *driver, all *streams, ptime time.Duration, profile srtp.Profile) *rtpLeg {
	l := &rtpLeg{driver: d, ear: ear{streams: all}, profile: profile}
	if profile != 0 {
		l.key = srtp.GenerateSDES(1, profile)
	}
	l.voice = newVoice(all.add(), ptime, l.write)
	l.room = make([]byte, cap(l.voice.packet))
	return l
}

func (l *rtpLeg) offer(context.Context) ([]byte, error) { return l.description(), nil }

func (l *rtpLeg) answer(_ context.Context, offer []byte) ([]byte, error) {
	if err := l.accept(offer); err != nil {
		return nil, err
	}
	return l.description(), nil
}

func (l *rtpLeg) description() []byte {
	family, local := "IP4", l.driver.socket.local
	if local.Addr().Is6() {
		family = "IP6"
	}
	proto, crypto := "RTP/AVP", ""
	if l.profile != 0 {
		proto, crypto = "RTP/SAVP", "a=crypto:"+l.key.String()+"\r\n"
	}
	ptime := (len(l.voice.packet) - rtpHeader) / samplesPerMS
	return fmt.Appendf(nil, "v=0\r\no=- %d 1 IN %s %s\r\ns=-\r\nc=IN %[2]s %[3]s\r\nt=0 0\r\nm=audio %d %s %d\r\na=rtpmap:%[6]d PCMU/8000\r\n"+
		"a=ptime:%d\r\n%sa=rtcp:%[4]d\r\na=sendrecv\r\n", l.voice.ssrc, family, local.Addr(), local.Port(), proto, payloadPCMU, ptime, crypto)
}

// accept takes the other side's description, offer or answer.
func (l *rtpLeg) accept(description []byte) error {
	remote, m, err := audioOf(description)
	if err != nil {
		return err
	}
	proto := strings.Join(m.MediaName.Protos, "/")
	secure := strings.Contains(proto, "SAVP")
	if secure != (l.profile != 0) {
		return fmt.Errorf("the server wants %s, which this kind of leg does not do", proto)
	}
	var out, in *srtp.Context
	if secure {
		if out, in, err = l.contexts(m); err != nil {
			return err
		}
	}
	l.driver.post(func() {
		if l.driver.legs[l.remote] == l {
			delete(l.driver.legs, l.remote)
		}
		l.remote, l.out, l.in = remote, out, in
		l.driver.join(l, remote)
	})
	return nil
}

// contexts takes the first key of a suite we use, RFC 4568 §5.1.
func (l *rtpLeg) contexts(m *sdp.MediaDescription) (out, in *srtp.Context, err error) {
	for _, a := range m.Attributes {
		if a.Key != "crypto" {
			continue
		}
		theirs, err := srtp.ParseCrypto(a.Value)
		if err != nil || theirs.Profile != l.profile {
			continue
		}
		l.key.Tag = theirs.Tag
		if out, err = srtp.NewContext(l.profile, l.key.Key, l.key.Salt); err != nil {
			return nil, nil, err
		}
		in, err = srtp.NewContext(l.profile, theirs.Key, theirs.Salt)
		return out, in, err
	}
	return nil, nil, fmt.Errorf("the server has no key for %s", l.profile)
}

// audioOf finds the audio of a description and the address it is sent from.
func audioOf(description []byte) (netip.AddrPort, *sdp.MediaDescription, error) {
	var d sdp.SessionDescription
	if err := d.Unmarshal(description); err != nil {
		return netip.AddrPort{}, nil, fmt.Errorf("the server's SDP: %w", err)
	}
	for _, m := range d.MediaDescriptions {
		if m.MediaName.Media != "audio" {
			continue
		}
		c := m.ConnectionInformation
		if c == nil {
			c = d.ConnectionInformation
		}
		if c == nil || c.Address == nil || m.MediaName.Port.Value == 0 {
			return netip.AddrPort{}, nil, errors.New("the server refuses audio")
		}
		addr, err := netip.ParseAddrPort(net.JoinHostPort(c.Address.Address, strconv.Itoa(m.MediaName.Port.Value)))
		return addr, m, err
	}
	return netip.AddrPort{}, nil, errors.New("the server's SDP has no audio")
}

func (l *rtpLeg) talk() { l.driver.post(func() { l.driver.start(l.voice) }) }

func (l *rtpLeg) close() {
	l.voice.stream.close()
	l.driver.post(func() {
		l.driver.silence(l.voice)
		if l.driver.legs[l.remote] == l {
			delete(l.driver.legs, l.remote)
		}
	})
}

// write sends a packet of the voice. Driver only.
func (l *rtpLeg) write(d *driver, pkt []byte) {
	if l.out != nil {
		n, err := l.out.ProtectRTP(l.room, copy(l.room, pkt))
		if err != nil {
			return
		}
		pkt = l.room[:n]
	}
	if l.remote.IsValid() {
		d.socket.queue(pkt, l.remote)
	}
}

// hear takes a datagram. Driver only.
func (l *rtpLeg) hear(data []byte, at time.Time) {
	if len(data) < rtpHeader || data[0]>>6 != 2 || data[1] >= 192 && data[1] <= 223 { // RTCP, RFC 5761 §4
		return
	}
	if l.in != nil {
		n, err := l.in.UnprotectRTP(data)
		if err != nil {
			l.refused++
			return
		}
		data = data[:n]
	}
	l.ear.hear(data, at)
}
