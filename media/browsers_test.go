package media

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// soakLegs is the environment variable that says how many browsers TestManyBrowsers has; `make soak` sets it.
const soakLegs = "TALKPATH_SOAK_LEGS"

// burst is how many browsers' legs are set up at once.
const burst = 200

// TestManyBrowsers: browsers call in bursts, all talk in pairs through the one UDP port, all hang up. Nothing is lost by us, and then memory, ports and
// goroutines are back where they were.
func TestManyBrowsers(t *testing.T) {
	legs, shards := 40, 2
	if _, err := fmt.Sscan(os.Getenv(soakLegs), &legs); err != nil && testing.Short() {
		t.Skip("many browsers")
	}
	legs += legs & 1
	e := newTestEngine(t, func(c *Config) { c.MuxTCPPort, c.Shards = -1, shards })
	e.all.packed = int32(legs / 4) // both shards, and browsers whose packets arrive at the other one
	goroutines, before := runtime.NumGoroutine(), liveHeap()
	sessions, browsers := make([]*Session, legs), make([]*browser, legs)
	for from := 0; from < legs; from += burst {
		began := time.Now()
		to := min(from+burst, legs)
		answers := make([][]byte, legs)
		for i := from; i < to; i++ {
			browsers[i] = newBrowser(t, "audio/PCMU", 8000, 0, 0, false)
			sessions[i] = e.NewSession(SessionConfig{})
			if err := sessions[i].SetRemoteOffer(browsers[i].offerSDP(t, true)); err != nil {
				t.Fatal(err)
			}
			var err error
			if answers[i], err = sessions[i].Answer(pcmu()); err != nil {
				t.Fatal(err)
			}
		}
		for i := from; i < to; i++ { // all begin their checks and handshakes now
			setAnswer(t, browsers[i], answers[i])
		}
		for i := from; i < to; i++ {
			waitFor(t, "a browser's keys", func() bool { return sessions[i].Secure() != "" })
		}
		t.Logf("%d browsers connected in %v", to-from, time.Since(began).Round(time.Millisecond))
	}
	assertNoHandshake(t)
	for i := 0; i < legs; i += 2 {
		if err := Bridge(sessions[i], sessions[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	talkAll(t, browsers)
	st := e.Stats()
	t.Logf("%d packets in, %d out, %d handed over", st.PacketsIn, st.PacketsOut, st.HandedOver)
	if st.DTLSFailures+st.DropHandover+st.DropSend+st.DropSRTP+st.Panics != 0 || st.Legs != legs {
		t.Errorf("%+v", st)
	}
	for i := range legs {
		browsers[i].close()
		sessions[i].Close()
	}
	clear(sessions)
	clear(browsers)
	assertNothingLeft(t, e)
	waitFor(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines })
	if grown := int64(liveHeap()) - int64(before); grown > 7<<20+int64(legs)*10<<10 { // two hand-over queues, and what Go keeps of each of pion's goroutines
		t.Errorf("%d bytes more than before", grown)
	}
}

// talkAll sends a second of sound from each browser and waits until each hears its peer.
func talkAll(t *testing.T, browsers []*browser) {
	t.Helper()
	const packets = 50
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for seq := range packets {
		for i, b := range browsers {
			b.send(t, audioPacket(0, seq, uint32(i+1)))
		}
		<-tick.C
	}
	for i, b := range browsers {
		waitFor(t, "sound", func() bool { return len(b.heard()) >= packets/2 }) // pion's own buffers are small
		got := b.heard()
		for j := 1; j < len(got); j++ {
			if d := int16(got[j].SequenceNumber - got[j-1].SequenceNumber); d <= 0 || got[j].SSRC != got[0].SSRC {
				t.Fatalf("browser %d, packet %d: step %d, SSRC %x", i, j, d, got[j].SSRC)
			}
		}
		if len(got) > packets {
			t.Errorf("browser %d hears %d packets of %d", i, len(got), packets)
		}
	}
}

// liveHeap is what is live.
func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
