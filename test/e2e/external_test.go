package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pion/stun/v4"
)

// stunServer answers Binding requests on loopback with an address; while that is not set it answers nothing.
func stunServer(t *testing.T, address *atomic.Pointer[net.IP]) (addr string, asked <-chan struct{}) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { conn.Close(); wg.Wait() })
	requests := make(chan struct{}, 1)
	wg.Go(func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			select {
			case requests <- struct{}{}:
			default:
			}
			m := &stun.Message{Raw: append([]byte(nil), buf[:n]...)}
			if ip := address.Load(); ip != nil && m.Decode() == nil {
				answer := stun.MustBuild(m, stun.BindingSuccess, &stun.XORMappedAddress{IP: *ip, Port: 9})
				_, _ = conn.WriteTo(answer.Raw, from)
			}
		}
	})
	return conn.LocalAddr().String(), requests
}

// TestExternalAddress: with a STUN server that does not answer the server starts and serves with its own address; once it answers, peers are told
// what it says, also after a reload.
func TestExternalAddress(t *testing.T) {
	var address atomic.Pointer[net.IP]
	stunAt, asked := stunServer(t, &address)
	dir := sdesUsers(t)
	path := filepath.Join(dir, "sip_profiles", "internal.xml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The peers of this test are on loopback, and shall count as outside.
	changed := strings.Replace(string(text), "<settings>", `<settings><param name="local-network-acl" value="none"/>`, 1)
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	ex := startWith(t, dir, "ext_rtp_ip=stun:"+stunAt, "ext_sip_ip=stun:"+stunAt, "sip_ip=127.0.0.1")
	within(t, "a Binding request", asked)
	call := func(p *phone) (sdp, contact string) {
		t.Helper()
		a := p.invite(t, "9196")
		res, err := a.call.WaitAnswered(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		a.hangup(t)
		return string(res.Body()), res.Contact().Value()
	}
	phones := []*phone{ex.phone(t, rtpPhone, "1000"), ex.phone(t, browser, "1001")}
	told := func(ip string) {
		t.Helper()
		for _, p := range phones {
			sdp, contact := call(p)
			if !strings.Contains(sdp, "c=IN IP4 "+ip+"\r\n") || !strings.Contains(contact, "@"+ip+":") {
				t.Errorf("%s is told Contact %s and\n%s\nwant %s", p.name, contact, sdp, ip)
			}
			if p.kind.name == browser.name && !strings.Contains(sdp, " "+ip+" ") {
				t.Errorf("no candidate with %s in\n%s", ip, sdp)
			}
		}
	}
	told("127.0.0.1")
	ip := net.IPv4(203, 0, 113, 9)
	address.Store(&ip)
	await(t, "the external address", func() (bool, string) {
		out := ex.command(t, "sofia status profile internal")
		return strings.Contains(out, "Ext-RTP-IP       \t203.0.113.9\n"), out
	})
	told("203.0.113.9")
	if out := ex.command(t, "reloadxml"); !strings.HasPrefix(out, "+OK") {
		t.Fatal(out)
	}
	told("203.0.113.9")
	ex.awaitIdle(t) // before the phone goes, and its BYE with it
}
