package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Attacks of docs/security.md, each against a running exchange. Here they come with numbers that any machine carries and assert outcomes; "make attack" runs
// them whole, asserts times too and prints the figures.

// whole says whether the attacks come with all they have.
func whole() bool { return os.Getenv("TALKPATH_ATTACK") != "" }

// scale chooses between the numbers of a quick run and of a whole one.
func scale[T any](quick, all T) T {
	if whole() {
		return all
	}
	return quick
}

// attacker is an address that nobody knows. On systems that have only one address of loopback it is another port.
func attacker(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 66)})
	if err != nil {
		conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// flood sends at a steady rate until it is stopped.
type flood struct {
	sent    atomic.Int64
	began   time.Time
	stopped chan struct{}
	over    chan struct{}
}

// startFlood calls send rate times a second; it ends with the test at the latest. A send that fails is one that the system dropped.
func startFlood(t *testing.T, rate int, send func(n int64) error) *flood {
	f := &flood{began: time.Now(), stopped: make(chan struct{}), over: make(chan struct{})}
	go func() {
		defer close(f.over)
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		for n := int64(0); ; {
			select {
			case <-f.stopped:
				return
			case <-ticker.C:
			}
			for due := int64(time.Since(f.began).Seconds() * float64(rate)); n < due; n++ {
				if send(n) == nil {
					f.sent.Add(1)
				}
				if n%256 == 255 && f.done() {
					return
				}
			}
		}
	}()
	t.Cleanup(f.stop)
	return f
}

func (f *flood) done() bool {
	select {
	case <-f.stopped:
		return true
	default:
		return false
	}
}

func (f *flood) stop() {
	if !f.done() {
		close(f.stopped)
	}
	<-f.over
}

// rate is how many a second were sent so far.
func (f *flood) rate() int64 { return int64(float64(f.sent.Load()) / time.Since(f.began).Seconds()) }

// await waits until so many were sent.
func (f *flood) await(t *testing.T, n int64) {
	t.Helper()
	ticker, deadline := time.NewTicker(10*time.Millisecond), time.Now().Add(scale(patience, time.Minute))
	defer ticker.Stop()
	for f.sent.Load() < n {
		if <-ticker.C; time.Now().After(deadline) {
			t.Fatalf("only %d of %d packets of the attack were sent", f.sent.Load(), n)
		}
	}
}

// times is a list of durations, for percentiles.
type times []time.Duration

func (ts times) at(percent int) time.Duration {
	if len(ts) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(ts))
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

func (ts times) String() string {
	return fmt.Sprintf("p50 %v, p99 %v, longest %v (%d)", ts.at(50).Round(time.Millisecond), ts.at(99).Round(time.Millisecond), ts.at(100).Round(time.Millisecond), len(ts))
}

// within500 asserts a time where all is run whole; elsewhere it is a figure.
func (ts times) within(t *testing.T, what string, most time.Duration) {
	t.Helper()
	t.Logf("%s: %v", what, ts)
	if p99 := ts.at(99); whole() && p99 > most {
		t.Errorf("%s: p99 is %v, more than %v", what, p99, most)
	}
}

// hello is a DTLS record with a ClientHello that is broken: the handshake could begin and would fail.
func hello() []byte {
	p := make([]byte, 120)
	p[0], p[1], p[2] = 22, 254, 253 // handshake, DTLS 1.2
	p[12] = byte(len(p) - 13)
	p[13], p[16] = 1, byte(len(p)-25) // ClientHello and its length, which as a fragment's is wrong
	p[25], p[26] = 254, 253
	return p
}

// TestS03HelloFlood: bad ClientHellos from a third address, at every call set-up, keep no browser from talking.
func TestS03HelloFlood(t *testing.T) {
	ex := start(t)
	from, to := ex.phone(t, browser, "1000"), ex.phone(t, browser, "1001")
	before := ex.scrape(t)
	conn, mux, packet := attacker(t), netip.MustParseAddrPort(ex.at.Media), hello()
	attack := startFlood(t, scale(1000, 10_000), func(int64) error { _, err := conn.WriteToUDPAddrPort(packet, mux); return err })
	attack.await(t, 100)
	var setups times
	for range scale(5, 100) {
		began := time.Now()
		a, b := connect(t, from, to)
		setups = append(setups, time.Since(began))
		hearEachOther(t, a, b)
		a.hangup(t)
		b.ended(t)
	}
	rate := attack.rate()
	attack.stop()
	m, name := ex.scrape(t), `talkpath_media_dropped_total{reason="dtls"}`
	t.Logf("%d hellos, %d a second, %v dropped by us, %v by the system", attack.sent.Load(), rate, m[name], m[`talkpath_media_dropped_total{reason="socket_queue"}`])
	setups.within(t, "set-ups beside bad ClientHellos", 2*time.Second)
	handshakes := `talkpath_media_dtls_handshakes_total{result="ok"}`
	if got, want := m[handshakes]-before[handshakes], float64(2*len(setups)); got != want || m[`talkpath_media_dtls_handshakes_total{result="failed"}`] != 0 {
		t.Errorf("%v handshakes, want %v", got, want)
	}
	if m[name] == 0 {
		t.Error("nothing was dropped: the attack missed")
	}
}

// TestS05JunkSRTP: SRTP that does not authenticate, from the very address of the phone, ends no call.
func TestS05JunkSRTP(t *testing.T) {
	ex := startWith(t, sdesUsers(t))
	from, to := ex.phone(t, sdesPhone, "1010"), ex.phone(t, rtpPhone, "1001")
	a, b := connect(t, from, to)
	hearEachOther(t, a, b)
	media := a.media.(*rtpPeer)
	server := *media.remote.Load()
	junk := make([]byte, 12+160+10)
	rnd := rand.NewChaCha8([32]byte{})
	_, _ = rnd.Read(junk)
	junk[0], junk[1] = 0x80, 0
	all, name := float64(scale(20_000, 1_000_000)), `talkpath_media_dropped_total{reason="srtp_auth"}`
	attack := startFlood(t, scale(10_000, 60_000), func(n int64) error {
		junk[2], junk[3] = byte(n>>8), byte(n)
		_, err := media.conn.WriteToUDPAddrPort(junk, server)
		return err
	})
	deadline := time.Now().Add(scale(time.Minute, 5*time.Minute))
	for m := ex.scrape(t); m[name] < all; m = ex.scrape(t) {
		if time.Now().After(deadline) {
			t.Fatalf("only %v of %v junk packets were looked at, %d sent", m[name], all, attack.sent.Load())
		}
	}
	rate := attack.rate()
	attack.stop()
	m := ex.scrape(t)
	t.Logf("%v junk packets refused, %d a second sent", m[name], rate)
	if m["freeswitch_bridged_calls"] != 1 {
		t.Fatal("the call is gone")
	}
	heard := b.media.listener().expect(600)
	a.media.talk(600)
	within(t, "the call to go on", heard)
	a.hangup(t)
	b.ended(t)
}

// TestS07ForeignRTP: RTP from a third address towards a call, at any rate, reaches nobody, and the call hears well meanwhile.
func TestS07ForeignRTP(t *testing.T) {
	ex := start(t)
	a, b := connect(t, ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001"))
	hearEachOther(t, a, b)
	const class = `{codec="PCMU",transport="rtp"}`
	before := ex.scrape(t)
	conn, server := attacker(t), *a.media.(*rtpPeer).remote.Load()
	packet := append([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0xba, 0xd0}, make([]byte, 160)...)
	attack := startFlood(t, scale(5000, 50_000), func(n int64) error {
		packet[2], packet[3] = byte(n>>8), byte(n)
		_, err := conn.WriteToUDPAddrPort(packet, server)
		return err
	})
	frames := func() int64 { return a.media.(*rtpPeer).voice.said.Load() + b.media.(*rtpPeer).voice.said.Load() }
	said := frames()
	attack.await(t, scale[int64](5000, 500_000))
	rate, saidThen := attack.rate(), frames()-said
	attack.stop()
	m := ex.scrape(t)
	relayed := `talkpath_media_rtp_packets_total{codec="PCMU",direction="out",transport="rtp"}`
	dropped := `talkpath_media_dropped_total{reason="foreign_source"}`
	lost := m["talkpath_media_rtp_lost_total"+class] - before["talkpath_media_rtp_lost_total"+class]
	t.Logf("%d foreign packets, %d a second: %v dropped by us; of %d frames of the call %v were lost", attack.sent.Load(), rate, m[dropped], saidThen, lost)
	if got := m[relayed] - before[relayed]; got > float64(saidThen+20) {
		t.Errorf("%v packets were relayed, the phones said %d", got, saidThen)
	}
	if m[dropped] == 0 {
		t.Error("nothing was dropped: the attack missed")
	}
	if whole() && lost > float64(saidThen)/50 {
		t.Errorf("the call lost %v of %d frames", lost, saidThen)
	}
	hearEachOther(t, a, b)
	a.hangup(t)
	b.ended(t)
}

// ownAddress is one of this machine that is not loopback, so that limits by address apply to it.
func ownAddress() (netip.Addr, bool) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, false
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() {
			return p.Addr(), true
		}
	}
	return netip.Addr{}, false
}

// TestS10InviteFlood: INVITEs without credentials and with wrong ones from one address, for longer than a transaction lives, do not keep users from calling.
func TestS10InviteFlood(t *testing.T) {
	own, ok := ownAddress()
	if !ok {
		t.Skip("this machine has loopback only, which no limit by address applies to")
	}
	ex := start(t, "sip_ip=0.0.0.0", "sessions_per_second=10000")
	sip := netip.MustParseAddrPort(ex.at.SIP)
	conn, err := net.DialUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(own, 0)), net.UDPAddrFromAddrPort(netip.AddrPortFrom(own, sip.Port())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	from, to := ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001")
	body := string(newRTPPeer(t, false).description())
	invite := func(n int64, header string) error {
		_, err := fmt.Fprintf(conn, "INVITE sip:1001@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;rport;branch=z9hG4bK%[2]d\r\nMax-Forwards: 70\r\nFrom: <sip:1000@127.0.0.1>;tag=%[2]d\r\n"+
			"To: <sip:1001@127.0.0.1>\r\nCall-ID: %[2]d@flood\r\nCSeq: 1 INVITE\r\nContact: <sip:1000@%[1]s>\r\n%[5]sContent-Type: application/sdp\r\nContent-Length: %[3]d\r\n\r\n%[4]s",
			conn.LocalAddr(), n, len(body), body, header)
		return err
	}
	guess := wrongPassword(t, conn, invite)
	attack := startFlood(t, scale(2000, 10_000), func(n int64) error {
		if n%2 == 0 {
			return invite(n, "")
		}
		return invite(n, fmt.Sprintf(guess, n))
	})
	attack.await(t, 500)
	var setups times
	began := time.Now()
	for len(setups) < scale(10, 200) || whole() && time.Since(began) < 45*time.Second {
		at := time.Now()
		a, b := connect(t, from, to)
		setups = append(setups, time.Since(at))
		a.hangup(t)
		b.ended(t)
		a.media.close()
		b.media.close()
	}
	rate := attack.rate()
	attack.stop()
	m := ex.scrape(t)
	t.Logf("%d INVITEs, %d a second, of them %v refused as too many, %v dropped by the system; %v transactions alive", attack.sent.Load(), rate, m[`talkpath_sip_dropped_total{profile="internal",reason="overload"}`],
		m[`talkpath_sip_dropped_total{profile="internal",reason="socket_queue"}`],
		m[`talkpath_sip_transactions{profile="internal",role="server"}`])
	setups.within(t, "set-ups beside a flood of INVITE", 500*time.Millisecond)
	if m[`talkpath_sip_wrong_credentials_total{profile="internal"}`] == 0 {
		t.Error("no guess was refused: the attack missed")
	}
	if n := m[`talkpath_sip_transactions{profile="internal",role="server"}`]; n > float64(10*len(setups)) { // those of the calls are still remembered
		t.Errorf("%v transactions are alive", n)
	}
}

// wrongPassword asks for a challenge and gives the header of guesses at the password of user %d.
func wrongPassword(t *testing.T, conn *net.UDPConn, invite func(int64, string) error) string {
	t.Helper()
	if err := invite(-1, ""); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	header := authorization(string(buf[:n]), "sip:1001@127.0.0.1")
	return strings.Replace(strings.Replace(header, `username="1000"`, `username="%d"`, 1), `response="`, `response="0`, 1) + "\r\n"
}

// TestS19HalfOpenTLS: connections that never finish their handshake, from several addresses, delay no registration and cost little memory.
func TestS19HalfOpenTLS(t *testing.T) {
	ex := start(t)
	before := ex.scrape(t)["process_resident_memory_bytes"]
	all := scale(300, 5000)
	for n := range all {
		d := net.Dialer{Timeout: patience}
		if ip := net.IPv4(127, 0, 1, byte(1+n/900)); n%900 == 0 || whole() {
			d.LocalAddr = &net.TCPAddr{IP: ip}
		}
		conn, err := d.Dial("tcp", ex.addr("wss"))
		if err != nil && d.LocalAddr != nil {
			conn, err = net.DialTimeout("tcp", ex.addr("wss"), patience)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if n%2 == 0 { // half of them begin
			_, _ = conn.Write([]byte{22, 3, 1, 2, 0, 1})
		}
	}
	began := time.Now()
	ex.phone(t, browser, "1000")
	took := time.Since(began)
	m := ex.scrape(t)
	grown := (m["process_resident_memory_bytes"] - before) / (1 << 20)
	t.Logf("%d half-open connections: a registration in %v, memory grew by %.1f MiB, both ends", all, took, grown)
	if whole() && took > time.Second {
		t.Errorf("a registration took %v", took)
	}
	if n := m[`talkpath_sip_dropped_total{profile="internal",reason="connection_limit"}`]; n > 0 {
		t.Errorf("%v connections were not let in: the attack missed", n)
	}
	if grown > 100 {
		t.Errorf("memory grew by %.0f MiB", grown)
	}
	ex.stillWorks(t)
}

// TestS19Reconnects: browsers that come, register and vanish, with or without a word, leave no socket behind.
func TestS19Reconnects(t *testing.T) {
	ex := start(t)
	for n := range scale(60, 3000) {
		ua := ex.dial(t, "wss")
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		res, err := ua.Register(ctx, "1000", userPassword, 600)
		cancel()
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("registration %d: %v %v", n, res, err)
		}
		ua.Close()
	}
	await(t, "every socket to be closed", func() (bool, string) {
		m := ex.scrape(t)
		open := m[`talkpath_sip_connections{profile="internal",transport="wss"}`]
		waiting := closeWait(t, ex.addr("wss"))
		return open == 0 && waiting == 0, fmt.Sprint(open, " open, ", waiting, " in CLOSE_WAIT")
	})
	if n := ex.scrape(t)["freeswitch_registrations"]; n > 10 {
		t.Errorf("%v registrations are left", n)
	}
}

// closeWait counts sockets of a port in the state CLOSE_WAIT; 0 where there is no /proc.
func closeWait(t *testing.T, addr string) (n int) {
	t.Helper()
	port := fmt.Sprintf(":%04X", netip.MustParseAddrPort(addr).Port())
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			if f := strings.Fields(line); len(f) > 3 && strings.HasSuffix(f[1], port) && f[3] == "08" {
				n++
			}
		}
	}
	return n
}
