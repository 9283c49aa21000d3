package call

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/talkpath/talkpath/media"
)

// rtpPhone is a UDP socket with the SDP that names it.
func rtpPhone(t *testing.T) (*net.UDPConn, []byte) {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	port := c.LocalAddr().(*net.UDPAddr).Port
	return c, fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0 101\r\n"+
		"a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n", port)
}

// sendRTP sends packets until one arrives at the other phone.
func sendRTP(t *testing.T, from *net.UDPConn, sdp []byte, to *net.UDPConn) {
	t.Helper()
	d, err := media.ParseDescription(sdp)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan int, 1)
	go func() {
		buf := make([]byte, 1500)
		_ = to.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, _ := to.Read(buf)
		got <- n
	}()
	for seq := byte(1); ; seq++ {
		pkt := make([]byte, 172)
		pkt[0], pkt[3], pkt[7], pkt[11] = 0x80, seq, seq, 9
		if _, err := from.WriteToUDPAddrPort(pkt, d.Addr); err != nil {
			t.Fatal(err)
		}
		select {
		case n := <-got:
			if n != 172 {
				t.Fatalf("%d bytes arrived", n)
			}
			return
		case <-time.After(20 * time.Millisecond): // the packet time of the codec
		}
	}
}

// TestCallThroughTheEngine makes a call whose media is real.
func TestCallThroughTheEngine(t *testing.T) {
	eng, err := media.NewEngine(media.Config{ListenIP: netip.MustParseAddr("127.0.0.1"), MuxTCPPort: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n := eng.Stats().Legs; n != 0 {
			t.Errorf("%d media legs left", n)
		}
		eng.Close()
	})
	r := newRig(t)
	r.core.media = engine{eng}
	aPhone, aSDP := rtpPhone(t)
	bPhone, bSDP := rtpPhone(t)
	r.dialer.add("1016")
	a := newFakeLeg(t)
	h, err := r.core.NewInbound(Inbound{Leg: a, ChannelName: "sofia/internal/1015@x", CallerNum: "1015", Destination: "1016", Context: "plain",
		NetworkAddr: "127.0.0.1", SDP: aSDP})
	if err != nil {
		t.Fatal(err)
	}
	b := r.dialer.next()
	b.h.LegAnswered(bSDP, nil)
	a.want("answer")
	r.untilEvent("CALL_UPDATE", inbound)
	sendRTP(t, aPhone, a.sdp, bPhone)
	sendRTP(t, bPhone, b.o.SDP, aPhone)
	h.LegEnded(bye)
	b.want("hangup NORMAL_CLEARING")
	r.until(2)
	for _, e := range r.events {
		if e.Name() == "CHANNEL_HANGUP_COMPLETE" && e.Value("variable_rtp_audio_in_packet_count") == "0" {
			t.Error("no packet was counted")
		}
	}
}
