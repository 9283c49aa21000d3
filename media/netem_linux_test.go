//go:build linux && !talkpath_portable

package media

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inNetem is set for the copy of the test that runs in a network namespace of its own.
const inNetem = "TALKPATH_MEDIA_NETEM"

// netem is how bad the namespace's loopback interface is: loss in bursts (Gilbert-Elliott), reordering by jitter, duplication.
var netem = []string{"delay", "10ms", "8ms", "loss", "gemodel", "2%", "40%", "duplicate", "1%"}

// TestNetem: browsers and phones set up and talk over a network that the kernel makes bad; audio arrives, and what is missing is counted. It needs
// root, and tc with the netem discipline.
func TestNetem(t *testing.T) {
	if os.Getenv(inNetem) == "" {
		startInNetem(t)
		return
	}
	e := newTestEngine(t, func(c *Config) { c.Shards = 2 })
	e.all.packed = 2
	var sessions []*Session
	var peers []peer
	for _, kind := range []Kind{KindRTP, KindSDES, KindWebRTC, KindWebRTC} {
		var log eventLog
		s, p := connect(t, e, kind, true, &log) // checks and handshakes get through
		sessions, peers = append(sessions, s), append(peers, p)
	}
	for i := 0; i < len(sessions); i += 2 {
		if err := Bridge(sessions[i], sessions[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	const packets = 250
	tick := time.NewTicker(packetTime)
	defer tick.Stop()
	for seq := range packets {
		for i, p := range peers {
			p.send(t, audioPacket(0, seq, uint32(i+1)))
		}
		<-tick.C
	}
	for i, p := range peers {
		waitFor(t, "most of the sound", func() bool { return len(p.heard()) > packets*7/10 })
		checkOnce(t, p.heard())
		st := sessions[i].Stats()
		if st.Jitter == 0 || st.SRTPErrors != 0 {
			t.Errorf("leg %d: %+v", i, st)
		}
		t.Logf("leg %d: %d in, %d lost, jitter %.1f ms, %d doubles dropped, MOS %.2f", i, st.PacketsIn, st.Lost, st.Jitter, st.ReplayDrops, st.MOS)
		sessions[i].Close()
	}
	assertNothingLeft(t, e)
}

// startInNetem runs the test again in a namespace with a bad loopback interface.
func startInNetem(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a network namespace needs root")
	}
	for _, tool := range []string{"ip", "tc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s (iproute2) was not found", tool)
		}
	}
	script := "ip link set lo up && tc qdisc add dev lo root netem"
	for _, word := range netem {
		script += " " + word
	}
	// 125 is what no test ends with: the namespace could not be made bad.
	cmd := exec.Command("sh", "-c", fmt.Sprintf(`{ %s; } || exit 125; exec "$0" -test.run '^TestNetem$' -test.v`, script), os.Args[0])
	cmd.Env = append(os.Environ(), inNetem+"=1")
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 125 {
		t.Skipf("no network namespace with netem here: %v %s", err, out.String())
	}
	t.Log(out.String())
	if err != nil {
		t.Error(err)
	}
}
