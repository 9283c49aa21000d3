package e2e

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath"
)

// figures are the metrics of a scrape, by name with labels.
type figures map[string]float64

// page gets a page of the admin listener.
func (ex *exchange) page(t *testing.T, path string) (int, string) {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(ex.at.Admin + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func (ex *exchange) scrape(t *testing.T) figures {
	t.Helper()
	code, text := ex.page(t, "metrics")
	if code != 200 {
		t.Fatalf("%d %s", code, text)
	}
	all := figures{}
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		line := s.Text()
		i := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || i < 0 {
			continue
		}
		v, err := strconv.ParseFloat(line[i+1:], 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all[line[:i]] = v
	}
	return all
}

// want checks figures; a missing one is wrong too.
func (f figures) want(t *testing.T, want figures) {
	t.Helper()
	for name, v := range want {
		if got, ok := f[name]; !ok || got != v {
			t.Errorf("%s is %v (there: %v), want %v", name, got, ok, v)
		}
	}
}

// TestMetrics compares the figures of a running exchange with what goes on: a call, strangers' packets, its end.
func TestMetrics(t *testing.T) {
	ex := start(t)
	from, to := ex.phone(t, browser, "1000"), ex.phone(t, rtpPhone, "1001")
	ex.scrape(t).want(t, figures{"freeswitch_up": 1, "talkpath_ready": 1, "freeswitch_registrations": 2, "freeswitch_current_channels": 0})
	a, b := connect(t, from, to)
	hearEachOther(t, a, b)

	const rtp, web = `transport="rtp"}`, `transport="webrtc"}`
	m := ex.scrape(t)
	m.want(t, figures{
		"freeswitch_current_calls": 1, "freeswitch_bridged_calls": 1, "freeswitch_detailed_calls": 1, "freeswitch_current_channels": 2,
		"freeswitch_current_sessions": 2, "freeswitch_sessions_total": 2, "freeswitch_max_sessions": 2000, "freeswitch_max_sps": 200,
		`talkpath_media_legs{codec="PCMU",` + rtp: 1, `talkpath_media_legs{codec="PCMU",` + web: 1,
		`talkpath_media_live_leg_mos_count{codec="PCMU",` + rtp: 1, `talkpath_media_leg_mos_count{codec="PCMU",` + rtp: 0,
		`talkpath_media_dtls_handshakes_total{result="ok"}`: 1, "talkpath_media_ports": 2,
		`talkpath_sip_connections{profile="internal",transport="wss"}`: 1, `talkpath_sip_calls_total{direction="in",profile="internal"}`: 1,
		"talkpath_event_subscribers": 0, "talkpath_channel_panics_total": 0, "talkpath_media_panics_total": 0,
	})
	for _, class := range []string{rtp, web} {
		for _, direction := range []string{"in", "out"} {
			if name := `talkpath_media_rtp_packets_total{codec="PCMU",direction="` + direction + `",` + class; m[name] < 5 {
				t.Errorf("%s is %v", name, m[name])
			}
		}
	}
	if mos := m[`talkpath_media_live_leg_mos_sum{codec="PCMU",`+rtp]; mos < 2 || mos > 4.5 {
		t.Errorf("MOS %v", mos)
	}

	strangers(t, ex, b)
	await(t, "strangers' packets to be counted", func() (bool, string) {
		f, g := ex.scrape(t), `talkpath_media_dropped_total{reason="`
		return f[g+`foreign_source"}`] == 3 && f[g+`unknown_source"}`] == 3 && f[g+`garbage"}`] >= 1 && f[g+`dtls"}`] >= 1, "not all"
	})

	a.hangup(t)
	b.ended(t)
	ex.awaitIdle(t)
	after := ex.scrape(t)
	after.want(t, figures{
		"freeswitch_current_calls": 0, "freeswitch_sessions_total": 2, "talkpath_media_ports": 0,
		`talkpath_media_legs{codec="PCMU",` + rtp: 0, `talkpath_media_legs_ended_total{codec="PCMU",` + rtp: 1,
		`talkpath_media_leg_mos_count{codec="PCMU",` + rtp: 1, `talkpath_media_live_leg_mos_count{codec="PCMU",` + web: 0,
	})
	for name, v := range m {
		if strings.Contains(name, "_total") && after[name] < v {
			t.Errorf("the counter %s fell from %v to %v", name, v, after[name])
		}
	}
	for name := range after {
		if strings.Contains(name, "promhttp_metric_handler_errors_total") && after[name] > 0 {
			t.Errorf("%s is %v", name, after[name])
		}
	}
}

// strangers sends what is to be dropped: RTP to the callee's port, RTP, DTLS and nonsense to the shared one.
func strangers(t *testing.T, ex *exchange, callee talk) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	packet := append([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1}, make([]byte, 160)...)
	send := func(to string, data []byte) {
		addr, err := net.ResolveUDPAddr("udp", to)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.WriteTo(data, addr); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		send(callee.media.(*rtpPeer).remote.Load().String(), packet)
		send(ex.at.Media, packet)
	}
	send(ex.at.Media, []byte{0xff, 0xff})
	send(ex.at.Media, append([]byte{22, 254, 253}, make([]byte, 40)...))
}

// TestReadiness: load balancers are told to send nothing more before the exchange begins to wait for its last call.
func TestReadiness(t *testing.T) {
	ex := start(t)
	for _, path := range []string{"livez", "readyz"} {
		if code, text := ex.page(t, path); code != 200 {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	if code, _ := ex.page(t, "debug/pprof/"); code != 404 {
		t.Errorf("profiles are there unasked: %d", code)
	}
	ex.command(t, "fsctl pause inbound")
	if code, text := ex.page(t, "readyz"); code != 503 || !strings.Contains(text, "paused") {
		t.Errorf("paused: %d %s", code, text)
	}
	ex.command(t, "fsctl resume inbound")
	a, b := connect(t, ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001"))
	stopped := make(chan error, 1)
	go func() { stopped <- ex.Shutdown(context.Background()) }()
	await(t, "the exchange to be not ready", func() (bool, string) {
		code, text := ex.page(t, "readyz")
		return code == 503 && strings.Contains(text, "draining"), text
	})
	if code, _ := ex.page(t, "livez"); code != 200 {
		t.Errorf("it is alive all the same: %d", code)
	}
	ex.scrape(t).want(t, figures{"talkpath_ready": 0, "freeswitch_bridged_calls": 1})
	a.hangup(t)
	b.ended(t)
	select {
	case err := <-stopped:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("it did not stop")
	}
}

// TestAdminListener: where it listens, and what happens when it cannot.
func TestAdminListener(t *testing.T) {
	taken := listen(t)
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	tests := []struct {
		name, set string
		address   string // "" = none
		refused   bool
	}{
		{"off", "admin_port=off", "", false},
		{"on loopback", "admin_port=0", "http://127.0.0.1:", false},
		{"a port that is taken", "admin_port=" + port, "", true},
		{"an address that is none", "admin_ip=example", "http://127.0.0.1:", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.refused {
				srv, err := talkpath.New(testConfig(t, "", test.set))
				if err == nil {
					err = srv.Run(t.Context())
				}
				if err == nil || !strings.Contains(err.Error(), "admin") {
					t.Errorf("it runs: %v", err)
				}
				return
			}
			ex := start(t, test.set)
			if got := ex.at.Admin; test.address == "" && got != "" || !strings.HasPrefix(got, test.address) {
				t.Errorf("at %q", got)
			}
		})
	}
	t.Run("profiles", func(t *testing.T) {
		ex := start(t, "admin_pprof=true")
		if code, text := ex.page(t, "debug/pprof/goroutine?debug=1"); code != 200 || !strings.Contains(text, "goroutine profile") {
			t.Errorf("%d %s", code, text)
		}
	})
}
