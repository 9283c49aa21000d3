//go:build linux && !talkpath_portable

package media

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// loadGenerator makes the test binary send and count packets instead of testing: CPU time is measured of a process that does nothing else
// than relay.
const loadGenerator = "TALKPATH_MEDIA_LOAD"

// BenchmarkRelay reports the CPU time of the whole process for a relayed packet: calls of two plain legs, 172 bytes 50 times a second each
// way. Its figures are for comparing in one run on one machine.
func BenchmarkRelay(b *testing.B) {
	for _, calls := range []int{100, 200, 400} {
		b.Run(fmt.Sprintf("%d_calls", calls), func(b *testing.B) {
			e, err := NewEngine(Config{ListenIP: loopback})
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			benchmarkLoad(b, e, calls)
		})
	}
}

func benchmarkLoad(b *testing.B, e *Engine, calls int) {
	gen := startGenerator(b, 2*calls)
	defer gen.stop()
	legs := make([]*Session, 2*calls)
	to := make([]netip.AddrPort, len(legs))
	for i := range legs {
		legs[i] = e.NewSession(SessionConfig{})
		defer legs[i].Close()
		if err := legs[i].SetRemoteOffer(bareOffer(KindRTP, gen.from[i]).Marshal()); err != nil {
			b.Fatal(err)
		}
		if _, err := legs[i].Answer(nil); err != nil {
			b.Fatal(err)
		}
		to[i] = legs[i].LocalAddr()
	}
	for i := 0; i < len(legs); i += 2 {
		if err := Bridge(legs[i], legs[i+1]); err != nil {
			b.Fatal(err)
		}
	}
	gen.send(b, to)
	waitFor(b, "traffic", func() bool { return e.Stats().PacketsOut > uint64(50*calls) })
	b.ResetTimer()
	start, before := cpuTime(b), e.Stats().PacketsOut
	window := time.NewTimer(time.Duration(b.N) * time.Millisecond)
	<-window.C
	used, sent := cpuTime(b)-start, e.Stats().PacketsOut-before
	b.StopTimer()
	b.ReportMetric(float64(used.Microseconds())/float64(max(sent, 1)), "µs-cpu/packet")
	lost, delay := gen.result(b)
	b.ReportMetric(float64(lost), "lost")
	b.ReportMetric(delay, "ms-p50")
}

// cpuTime is what this process has used.
func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// generator is the process that talks.
type generator struct {
	cmd  *exec.Cmd
	in   *json.Encoder
	out  *json.Decoder
	pipe interface{ Close() error }
	from []netip.AddrPort
}

func startGenerator(b *testing.B, legs int) *generator {
	g := &generator{cmd: exec.Command(os.Args[0], "-test.run=^TestLoadGenerator$")}
	g.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", loadGenerator, legs))
	g.cmd.Stderr = os.Stderr
	in, err := g.cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := g.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	g.in, g.out, g.pipe = json.NewEncoder(in), json.NewDecoder(bufio.NewReader(out)), in
	if err := g.out.Decode(&g.from); err != nil {
		b.Fatal(err)
	}
	return g
}

func (g *generator) send(b *testing.B, to []netip.AddrPort) {
	if err := g.in.Encode(to); err != nil {
		b.Fatal(err)
	}
}

// generatorResult is what the generator saw.
type generatorResult struct {
	Sent, Heard int
	DelayMS     float64
}

// result ends the traffic and returns packets lost and the median one-way delay.
func (g *generator) result(b *testing.B) (int, float64) {
	_ = g.pipe.Close()
	var r generatorResult
	if err := g.out.Decode(&r); err != nil {
		b.Fatal(err)
	}
	return r.Sent - r.Heard, r.DelayMS
}

func (g *generator) stop() {
	_ = g.pipe.Close()
	_ = g.cmd.Wait()
}

// TestLoadGenerator is the generator's process; run as a test it does nothing.
func TestLoadGenerator(t *testing.T) {
	var legs int
	if _, err := fmt.Sscan(os.Getenv(loadGenerator), &legs); err != nil {
		t.Skip("not asked to make load")
	}
	out, in := json.NewEncoder(os.Stdout), json.NewDecoder(os.Stdin)
	talk := newTalkers(t, legs)
	defer talk.close()
	if err := out.Encode(talk.addrs); err != nil {
		t.Fatal(err)
	}
	if err := in.Decode(&talk.to); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { // until the parent closes its end
		var none any
		_ = in.Decode(&none)
		close(over)
	}()
	talk.run(over)
	if err := out.Encode(talk.result()); err != nil {
		t.Fatal(err)
	}
	os.Exit(0) // without the test's own words on the output
}
