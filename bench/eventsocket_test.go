package bench_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/talkpath/talkpath"
	"github.com/talkpath/talkpath/sip/siptest"
)

const (
	password    = "bench-only-Passw0rd"
	subscribers = 20
	perSecond   = 2000
)

// serve runs an exchange until the end of the benchmark.
func serve(b *testing.B) talkpath.Addresses {
	b.Helper()
	srv, err := talkpath.New(talkpath.Config{StateDir: b.TempDir(), Set: map[string]string{
		"domain": "127.0.0.1", "local_ip_v4": "127.0.0.1", "default_password": password, "esl_password": password,
		"internal_sip_port": "0", "internal_tls_port": "0", "ws_port": "0", "wss_port": "0", "esl_port": "0", "admin_port": "0",
		"rtp_mux_port": "0", "rtp_mux_tcp_port": "0", "rtp_start_port": "0", "rtp_end_port": "0",
	}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- srv.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-ran; err != nil {
			b.Error(err)
		}
	})
	select {
	case <-srv.Ready():
	case err := <-ran:
		b.Fatal(err)
	}
	return srv.Addresses()
}

// connect signs in to the event socket and gives commands, each with an answer without a body.
func connect(b *testing.B, addr string, commands ...string) (net.Conn, *bufio.Reader) {
	b.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = nc.Close() })
	r := bufio.NewReaderSize(nc, 256<<10)
	for _, command := range append([]string{"auth " + password}, commands...) {
		fmt.Fprint(nc, command+"\n\n")
	}
	for n := 0; n < len(commands)+1; {
		line, err := r.ReadSlice('\n')
		if err != nil {
			b.Fatal(err)
		}
		if bytes.HasPrefix(line, []byte("Reply-Text: +OK")) {
			n++
		}
	}
	return nc, r
}

// BenchmarkDelivery sends events of a channel event's usual size, 2,000 a second, to 20 subscribers over TCP: how long until each has them, and whether one is lost.
// An iteration is one event.
func BenchmarkDelivery(b *testing.B) {
	for _, format := range []string{"plain", "json"} {
		b.Run(format, func(b *testing.B) {
			addr := serve(b).ESL
			var readers sync.WaitGroup
			got := make([][]time.Duration, subscribers)
			for i := range subscribers {
				_, r := connect(b, addr, "event "+format+" CUSTOM bench::event")
				got[i] = make([]time.Duration, 0, b.N)
				readers.Go(func() { got[i] = read(r, got[i], b.N) })
			}
			nc, answers := connect(b, addr)
			go io.Copy(io.Discard, answers)
			var padding strings.Builder
			for i := range 100 {
				fmt.Fprintf(&padding, "variable_number_%d: a value of thirty characters..\n", i)
			}
			b.ResetTimer()
			began := time.Now()
			for n := range b.N {
				time.Sleep(time.Until(began.Add(time.Duration(n) * time.Second / perSecond)))
				fmt.Fprintf(nc, "sendevent CUSTOM\nEvent-Subclass: bench::event\nSent: %d.\n%s\n", time.Now().UnixNano(), padding.String())
			}
			readers.Wait()
			took := time.Since(began)
			b.StopTimer()
			all := slices.Concat(got...)
			slices.Sort(all)
			b.ReportMetric(float64(len(all))/took.Seconds(), "deliveries/s")
			b.ReportMetric(float64(b.N*subscribers-len(all)), "lost")
			if len(all) > 0 {
				b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
			}
		})
	}
}

// read reads n events and notes how old each is.
func read(r *bufio.Reader, ages []time.Duration, n int) []time.Duration {
	var body []byte
	for len(ages) < n {
		length := 0
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return ages
			}
			if len(line) == 1 {
				break
			}
			if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
				length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
			}
		}
		body = slices.Grow(body[:0], length)[:length]
		if _, err := io.ReadFull(r, body); err != nil {
			return ages
		}
		for _, mark := range []string{"Sent: ", `"Sent":"`} {
			if i := bytes.Index(body, []byte(mark)); i >= 0 {
				if sent, err := strconv.ParseInt(string(body[i+len(mark):i+len(mark)+19]), 10, 64); err == nil {
					ages = append(ages, time.Duration(time.Now().UnixNano()-sent))
				}
			}
		}
	}
	return ages
}

// BenchmarkCallSetup makes calls through three exchanges in turn, so that what else the machine does is the same for all: one without subscribers, one
// with subscribers to events that do not come, one with subscribers to all events. It reports the time from INVITE to the caller's answer,
// and how many times as long it takes with subscribers.
func BenchmarkCallSetup(b *testing.B) {
	cases := []struct{ name, subscribe string }{{"none", ""}, {"other", "event json HEARTBEAT"}, {"all", "event json ALL"}}
	took := make([][]time.Duration, len(cases))
	var call [3]func() time.Duration
	for i, c := range cases {
		at := serve(b)
		if c.subscribe != "" {
			for range subscribers {
				_, r := connect(b, at.ESL, c.subscribe)
				go io.Copy(io.Discard, r)
			}
		}
		call[i] = caller(b, at.SIP)
	}
	for b.Loop() {
		for i := range cases {
			took[i] = append(took[i], call[i]())
		}
	}
	p50 := func(i int) float64 {
		slices.Sort(took[i])
		return float64(took[i][len(took[i])/2].Microseconds()) / 1000
	}
	for i, c := range cases {
		b.ReportMetric(p50(i), c.name+"-p50-ms")
		if i > 0 {
			b.ReportMetric(p50(i)/p50(0), c.name+"-ratio")
		}
	}
}

// caller registers two phones and returns what makes a call between them and says how long its set-up took.
func caller(b *testing.B, addr string) func() time.Duration {
	caller, callee := phone(b, addr, "1000"), phone(b, addr, "1001")
	go func() {
		for call := range callee.Calls() {
			_ = call.Answer(b.Context(), description)
		}
	}()
	return func() time.Duration {
		began := time.Now()
		call, err := caller.Invite("1001", description)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := call.WaitAnswered(b.Context()); err != nil {
			b.Fatal(err)
		}
		took := time.Since(began)
		if err := call.Bye(); err != nil {
			b.Fatal(err)
		}
		// Outside of the measured time: what this call's end costs, and its events' delivery, must not fall into the next exchange's call.
		time.Sleep(20 * time.Millisecond)
		return took
	}
}

var description = []byte("v=0\r\no=phone 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n")

// phone registers a user over UDP.
func phone(b *testing.B, addr, user string) *siptest.UA {
	b.Helper()
	ua, err := siptest.Dial(b.Context(), siptest.Config{Transport: "udp", Addr: addr, Domain: addr})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(ua.Close)
	if res, err := ua.Register(b.Context(), user, password, 600); err != nil || res.StatusCode != 200 {
		b.Fatal(res, err)
	}
	return ua
}
