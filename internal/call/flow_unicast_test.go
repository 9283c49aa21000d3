package call

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/media"
	"github.com/talkpath/talkpath/media/audio"
)

// engineRig is a rig with real media, and a phone that has called number 1.
func engineRig(t *testing.T, apps ...string) (*rig, *Channel, *net.UDPConn, []byte) {
	t.Helper()
	eng, err := media.NewEngine(media.Config{ListenIP: netip.MustParseAddr("127.0.0.1"), MuxTCPPort: -1})
	if err != nil {
		t.Fatal(err)
	}
	r := soundRig(t, apps...)
	t.Cleanup(func() {
		if err := eng.Close(); err != nil {
			t.Error(err)
		}
	})
	r.core.media = engine{eng}
	phone, sdp := rtpPhone(t)
	a := newFakeLeg(t)
	h, err := r.core.NewInbound(Inbound{Leg: a, ChannelName: "sofia/internal/1015@x", CallerNum: "1015", Destination: "1", Context: "plain",
		NetworkAddr: "127.0.0.1", SDP: sdp})
	if err != nil {
		t.Fatal(err)
	}
	a.want("answer")
	return r, h.(*Channel), phone, a.sdp
}

// unicastMessage is the message of a program on a socket.
func unicastMessage(local, remote netip.AddrPort, more ...esl.Header) Message {
	return ParseMessage(append([]esl.Header{{Name: "call-command", Value: "unicast"},
		{Name: "local-ip", Value: local.Addr().String()}, {Name: "local-port", Value: fmt.Sprint(local.Port())},
		{Name: "remote-ip", Value: remote.Addr().String()}, {Name: "remote-port", Value: fmt.Sprint(remote.Port())}}, more...), "")
}

// loudPackets reads what a phone hears until n packets were as loud as a tone.
func loudPackets(t *testing.T, phone *net.UDPConn, n int, meanwhile func()) {
	t.Helper()
	if err := phone.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for packet := make([]byte, 1500); n > 0; {
		size, err := phone.Read(packet)
		if err != nil {
			t.Fatalf("%d packets of sound are missing: %v", n, err)
		}
		if size != 172 || packet[1]&0x7f != 0 {
			continue
		}
		meanwhile()
		samples := make([]int16, 160)
		for i, b := range packet[12:size] {
			samples[i] = audio.MuLawDecode(b)
		}
		if audio.Level(samples) > -40 {
			n--
		}
	}
}

func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// TestUnicast has a program talk with the phone of a parked call; a sound goes over it, and the end of the call ends it.
func TestUnicast(t *testing.T) {
	r, ch, phone, sdp := engineRig(t, "answer", "park")
	r.untilEvent("CHANNEL_PARK", inbound)
	program, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	local := freePort(t)
	if err := ch.Send(unicastMessage(local, program.LocalAddr().(*net.UDPAddr).AddrPort(), esl.Header{Name: "flags", Value: "native"})); err != nil {
		t.Fatal(err)
	}
	wants(t, r.untilEvent("PRIVATE_COMMAND", inbound), map[string]string{"call-command": "unicast", "flags": "native"})
	d, err := media.ParseDescription(sdp)
	if err != nil {
		t.Fatal(err)
	}
	seq := uint16(0)
	says := func() { // one packet of µ-law 0x21
		seq++
		pkt := make([]byte, 172)
		pkt[0], pkt[11] = 0x80, 9
		binary.BigEndian.PutUint16(pkt[2:], seq)
		binary.BigEndian.PutUint32(pkt[4:], uint32(seq)*160)
		for i := range pkt[12:] {
			pkt[12+i] = 0x21
		}
		if _, err := phone.WriteToUDPAddrPort(pkt, d.Addr); err != nil {
			t.Fatal(err)
		}
		if _, err := program.WriteToUDPAddrPort([]byte(strings.Repeat("\x11\x91", 80)), local); err != nil {
			t.Fatal(err)
		}
	}
	says()
	loudPackets(t, phone, 10, says)
	heard := false
	for buf := make([]byte, 500); !heard; {
		if err := program.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := program.Read(buf)
		if err != nil {
			t.Fatal("the program hears nothing: ", err)
		}
		if n != 160 {
			t.Fatalf("a datagram of %d bytes", n)
		}
		heard = buf[80] == 0x21
	}
	ch.Execute("playback", "tone_stream://%(200,0,440)")
	wants(t, r.untilEvent("PLAYBACK_STOP", inbound), map[string]string{"Playback-Status": "done"})
	loudPackets(t, phone, 30, says) // more than the tone: the program is heard again
	ch.Hangup(NormalClearing)
	r.until(1)
	if c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local)); err != nil {
		t.Error("the socket is not closed: ", err)
	} else {
		c.Close()
	}
}

// TestUnicastWaitsForPark: it begins when the channel is parked and ends with that, so that the port is free for the next.
func TestUnicastWaitsForPark(t *testing.T) {
	r, ch, _, _ := engineRig(t, "answer", "sleep 60000")
	local := freePort(t)
	remote := netip.MustParseAddrPort("127.0.0.1:9")
	if err := ch.Send(unicastMessage(local, remote)); err != nil {
		t.Fatal(err)
	}
	r.untilEvent("PRIVATE_COMMAND", inbound)
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
	if err != nil {
		t.Fatal("the socket is open before the channel is parked: ", err)
	}
	c.Close()
	ch.Transfer("park", inlineDialplan, "", TransferSelf)
	r.untilEvent("CHANNEL_PARK", inbound)
	eventually(t, func() bool {
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	ch.Transfer("sleep:60000", inlineDialplan, "", TransferSelf)
	r.untilEvent("CHANNEL_UNPARK", inbound)
	eventually(t, func() bool {
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	ch.Hangup(NormalClearing)
	r.until(1)
}

func TestUnicastOptions(t *testing.T) {
	for _, c := range []struct{ name, headers, want string }{
		{"nothing", "", "127.0.0.1:8025 127.0.0.1:8026 false"},
		{"all", "local-ip 0.0.0.0 local-port 1 remote-ip 192.0.2.1 remote-port 2 transport TCP flags native", "0.0.0.0:1 192.0.2.1:2 true"},
		{"IPv6", "local-ip ::1 remote-ip ::1", "[::1]:8025 [::1]:8026 false"},
		{"a name", "remote-ip example.com", "remote-ip or remote-port is none"},
		{"no port", "remote-port 0", "remote-port is none"},
		{"too large a port", "local-port 65536", "local-ip or local-port is none"},
		{"another transport", "transport sctp", "there is no such transport"},
	} {
		t.Run(c.name, func(t *testing.T) {
			words := strings.Fields(c.headers)
			var headers []esl.Header
			for i := 0; i < len(words); i += 2 {
				headers = append(headers, esl.Header{Name: words[i], Value: words[i+1]})
			}
			opt, why := unicastOptions(Message{Headers: headers})
			got := why
			if why == "" {
				got = fmt.Sprint(opt.Local, " ", opt.Remote, " ", opt.Native)
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestUnicastGoesNowhereElse: a call's sound goes to no address that may not control calls.
func TestUnicastGoesNowhereElse(t *testing.T) {
	for name, programs := range map[string]func(netip.Addr) bool{
		"this machine alone": nil, "an access list": func(a netip.Addr) bool { return a == netip.MustParseAddr("198.51.100.1") }} {
		t.Run(name, func(t *testing.T) {
			r, ch, _, _ := engineRig(t, "answer", "park")
			r.core.cfg.Programs = programs
			r.untilEvent("CHANNEL_PARK", inbound)
			local := freePort(t)
			if err := ch.Send(unicastMessage(local, netip.MustParseAddrPort("192.0.2.1:9"))); err != nil {
				t.Fatal(err)
			}
			r.untilEvent("PRIVATE_COMMAND", inbound)
			c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
			if err != nil {
				t.Fatal("a socket was opened: ", err)
			}
			c.Close()
			ch.Hangup(NormalClearing)
			r.until(1)
		})
	}
}
