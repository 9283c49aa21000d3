package call

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
)

// wildLeg is a leg whose peer does anything at any time, as far as the contract of LegHandler goes: nothing after LegEnded.
type wildLeg struct {
	mu       sync.Mutex
	h        LegHandler
	over     bool // by the peer
	hungUp   int  // by the channel
	answered bool
	asked    int // re-offers
	told     int // their answers
}

func (l *wildLeg) Ring([]byte) error                         { return nil }
func (l *wildLeg) Reoffer([]byte, func([]byte, error)) error { return errors.New("not here") }
func (l *wildLeg) SetHeaders([]Variable)                     {}
func (l *wildLeg) SendInfo(string, []byte) error             { return nil }
func (l *wildLeg) Request(Request) error                     { return nil }
func (l *wildLeg) Answer([]byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answered = true
	return nil
}
func (l *wildLeg) Redirect([]string) error { return errors.New("not here") }
func (l *wildLeg) Refer(string) error      { return errors.New("not here") }
func (l *wildLeg) Hangup(HangupReason)     { l.mu.Lock(); defer l.mu.Unlock(); l.hungUp++ }
func (l *wildLeg) isOver() bool            { l.mu.Lock(); defer l.mu.Unlock(); return l.over || l.hungUp > 0 }
func (l *wildLeg) end(e LegEnd) {
	l.mu.Lock()
	over := l.over
	l.over = true
	l.mu.Unlock()
	if !over {
		l.h.LegEnded(e)
	}
}

// act does one random thing; an outbound leg also answers and progresses.
func (l *wildLeg) act(rnd *rand.Rand, outbound bool) {
	l.mu.Lock()
	over := l.over
	l.mu.Unlock()
	if over {
		return
	}
	switch n := rnd.IntN(16); {
	case n == 0:
		l.end(LegEnd{Cause: NormalClearing, Status: 200, Phrase: "OK", Disposition: "recv_bye"})
	case n == 1:
		l.end(LegEnd{Cause: UserBusy, Status: 486, Phrase: "Busy Here", Disposition: "recv_refuse"})
	case n == 2:
		l.end(LegEnd{Cause: OriginatorCancel, Status: 487, Phrase: "CANCEL", Disposition: "recv_cancel"})
	case n < 6 && outbound:
		l.h.LegAnswered([]byte(sdpB), nil)
	case n < 8 && outbound:
		l.h.LegProgress(180, nil, nil)
	case n == 8 && outbound:
		l.h.LegProgress(183, []byte(sdpB), nil)
	case n == 9:
		l.h.LegDTMF('5', 100*time.Millisecond)
	case n < 12:
		l.mu.Lock()
		l.asked++
		l.mu.Unlock()
		sdp := strings.Replace(sdpA, "sendrecv", []string{"sendonly", "sendrecv", "inactive"}[rnd.IntN(3)], 1)
		l.h.LegReoffer([]byte(sdp), func([]byte, error) { l.mu.Lock(); defer l.mu.Unlock(); l.told++ })
	case n == 12:
		l.h.LegConfirmed([]byte(sdpB))
	}
}

// wild is a run of random calls.
type wild struct {
	*rig
	seed   uint64
	moves  bool // transfers and take-overs too
	actors sync.WaitGroup
	mu     sync.Mutex
	legs   []*wildLeg
	rnd    *rand.Rand // guarded by mu
}

func (w *wild) random() *rand.Rand {
	w.mu.Lock()
	defer w.mu.Unlock()
	return rand.New(rand.NewPCG(w.seed, w.rnd.Uint64()))
}

func (w *wild) leg() *wildLeg {
	l := &wildLeg{}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.legs = append(w.legs, l)
	return l
}

// play lets a leg's peer act until the leg is over.
func (w *wild) play(l *wildLeg, outbound bool) {
	rnd := w.random()
	w.actors.Go(func() {
		for !l.isOver() {
			for range rnd.IntN(20) {
				runtime.Gosched()
			}
			l.act(rnd, outbound)
		}
	})
}

// Resolve implements Dialer: none to three destinations, of which some cannot be dialled, some act before Dial returns, and one panics.
func (w *wild) Resolve(string, string, []Variable) ([]Destination, Cause) {
	rnd := w.random()
	var list []Destination
	for range rnd.IntN(4) {
		kind := rnd.IntN(12)
		list = append(list, Destination{ChannelName: "sofia/internal/1016@127.0.0.1:6016", CalleeNum: "1016", CodecPrefs: "PCMU",
			Dial: func(_ Outbound, h LegHandler) (Leg, error) {
				switch kind {
				case 0:
					return nil, errors.New("no way")
				case 1:
					panic("dial")
				}
				l := w.leg()
				l.h = h
				if kind == 2 {
					h.LegAnswered([]byte(sdpB), nil)
				}
				w.play(l, true)
				return l, nil
			}})
	}
	if len(list) == 0 && rnd.IntN(8) == 0 {
		panic("resolve")
	}
	return list, UserNotRegistered
}

// meddle does what commands and the media do.
func (w *wild) meddle(stop <-chan struct{}) {
	rnd := w.random()
	for {
		select {
		case <-stop:
			return
		default:
		}
		runtime.Gosched()
		switch list := w.core.Channels(); {
		case len(list) == 0:
		case rnd.IntN(200) == 0:
			w.core.HangupAll(ManagerRequest, nil)
		default:
			ch, ok := w.core.Channel(list[rnd.IntN(len(list))].UUID)
			if !ok {
				continue
			}
			if w.moves {
				w.move(rnd, ch, list[rnd.IntN(len(list))].UUID)
			}
			switch rnd.IntN(60) {
			case 0:
				ch.Hangup(NormalClearing)
			case 1:
				ch.mediaEvent(media.Event{Type: media.EventTimeout})
			case 2:
				ch.mediaEvent(media.Event{Type: media.EventFailed, Err: errors.New("dtls")})
			case 3, 4:
				ch.mediaEvent(media.Event{Type: media.EventDTMF, Digit: '1', Duration: 100})
			}
		}
	}
}

// move sends a channel elsewhere, or gives it another one.
func (w *wild) move(rnd *rand.Rand, ch *Channel, other string) {
	switch rnd.IntN(12) {
	case 0, 1:
		to := []string{"1016", "9196", "4711", "loopback", "park"}[rnd.IntN(5)]
		name := map[bool]string{true: "inline"}[to == "park"]
		ch.Transfer(to, name, "", TransferLeg(rnd.IntN(3)))
	case 2:
		if x, ok := w.core.Channel(other); ok {
			ch.Bridge(x)
		}
	case 3:
		ch.Execute("intercept", other)
	case 4:
		ch.Execute("set", "a=${b}")
	}
}

// TestChannelsMoveInAnyOrder adds transfers, take-overs and loopback legs to that: whatever meets, every call ends, and without waiting
// for the guard that a fault would need.
func TestChannelsMoveInAnyOrder(t *testing.T) {
	runs, calls := 6, 100
	if testing.Short() {
		runs = 1
	}
	first := uint64(time.Now().UnixNano())
	for i := range runs {
		seed := first + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &wild{rig: newRig(t), seed: seed, rnd: rand.New(rand.NewPCG(seed, 1)), moves: true}
			p := plan(t, plainPlan+`<extension name="l"><condition field="destination_number" expression="^loopback$">
			  <action application="bridge" data="loopback/9196"/></condition></extension>`)
			w.core.cfg.Plan = func() *dialplan.Plan { return p }
			w.core.SetDialer(w)
			began := time.Now()
			w.run(calls, []string{"1016", "1016", "a1016", "serial", "5900", "9196", "loopback"})
			if d := time.Since(began); d > guardTime {
				t.Errorf("it took %v: somebody waited for the guard", d)
			}
			w.until(int(w.core.created))
			w.checkMoves()
		})
	}
}

// checkMoves holds every channel to what is true of all lives: one end, bridges that end, no leg left alone.
func (w *wild) checkMoves() {
	w.t.Helper()
	for _, l := range w.legs {
		if l.asked != l.told {
			w.t.Errorf("%d of %d re-offers were answered", l.told, l.asked)
		}
		if !l.isOver() {
			w.t.Error("a leg was left alone")
		}
	}
	lives := map[string]*strings.Builder{}
	for _, e := range w.events {
		id := e.Value("Unique-ID")
		if lives[id] == nil {
			lives[id] = &strings.Builder{}
		}
		lives[id].WriteString(letter(e))
	}
	for _, life := range lives {
		s := life.String()
		if strings.Count(s, "B") != strings.Count(s, "U") {
			w.t.Errorf("channel lived %s: bridges and unbridges differ", s)
		}
		if !strings.HasSuffix(s, "h9RCDd") || strings.Count(s, "D") != 1 || strings.Count(s, "H") != 1 || strings.Count(s, "A") > 1 {
			w.t.Errorf("channel lived %s", s)
		}
	}
}

// run makes calls to numbers while others meddle, and waits for the end of all.
func (w *wild) run(calls int, numbers []string) {
	w.t.Helper()
	stop := make(chan struct{})
	var meddlers sync.WaitGroup
	meddlers.Go(func() { w.meddle(stop) })
	for range calls {
		rnd := w.random()
		for w.core.Stats().Current > 40 {
			runtime.Gosched()
		}
		l := w.leg()
		h, err := w.core.NewInbound(Inbound{Leg: l, ChannelName: "sofia/internal/1015@127.0.0.1", Profile: "internal", CallerNum: "1015",
			Username: "1015", Destination: numbers[rnd.IntN(len(numbers))], Dialplan: "XML", Context: "plain", SDP: []byte(sdpA)})
		if err != nil {
			w.t.Fatal(err)
		}
		l.h = h
		w.play(l, false)
	}
	w.actors.Wait()
	w.core.HangupAll(ManagerRequest, nil) // loopback legs that nobody else ends
	close(stop)
	meddlers.Wait()
	w.core.running.Wait()
}

// TestChannelsLiveAndEndInAnyOrder lets calls, forks, answers, cancels, byes, commands, media events and panics happen in any order, and
// holds every channel's events to the grammar of FreeSWITCH's.
func TestChannelsLiveAndEndInAnyOrder(t *testing.T) {
	runs, calls := 6, 150
	if testing.Short() {
		runs = 1
	}
	first := uint64(time.Now().UnixNano())
	for i := range runs {
		seed := first + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &wild{rig: newRig(t), seed: seed, rnd: rand.New(rand.NewPCG(seed, 1))}
			w.core.SetDialer(w)
			w.core.apps["sleep"] = func(ch *Channel, _ dialplan.Expanded) string {
				ch.wait(ch.isDown, time.Millisecond)
				return responseNone
			}
			if i%2 == 1 {
				w.media.refuse = true
			}
			w.run(calls, []string{"1016", "1016", "c1016", "a1016", "serial", "5900", "9196", "respond", "nosuch", "boom", "4711"})
			w.check()
		})
	}
}

// check looks at the traces of all calls.
func (w *wild) check() {
	w.t.Helper()
	for _, l := range w.legs {
		if l.asked != l.told {
			w.t.Errorf("%d of %d re-offers were answered", l.told, l.asked)
		}
		if !l.isOver() {
			w.t.Error("a leg was left alone")
		}
	}
	w.until(int(w.core.created))
	lives := map[string]*strings.Builder{}
	direction, parent, destroyed := map[string]string{}, map[string]string{}, map[string]int{}
	sequence := ""
	for i, e := range w.events {
		id := e.Value("Unique-ID")
		if lives[id] == nil {
			lives[id] = &strings.Builder{}
		}
		lives[id].WriteString(letter(e))
		direction[id] = e.Value("Call-Direction")
		if e.Value("Other-Type") == originator {
			parent[id] = e.Value("Other-Leg-Unique-ID")
		}
		if e.Name() == "CHANNEL_DESTROY" {
			destroyed[id] = i
		}
		if s := e.Value("Event-Sequence"); s <= sequence {
			w.t.Errorf("sequence %s after %s", s, sequence)
		} else {
			sequence = s
		}
	}
	if len(lives) != int(w.core.created) {
		w.t.Errorf("%d channels were made, %d reported", w.core.created, len(lives))
	}
	grammar := map[string]*regexp.Regexp{inbound: inboundLife, outbound: outboundLife}
	for id, life := range lives {
		s := life.String()
		if !grammar[direction[id]].MatchString(s) {
			w.t.Errorf("%s channel lived %s", direction[id], s)
		}
		for _, once := range []string{"A", "p", "P", "c", "e", "x"} {
			if strings.Count(s, once) > 1 {
				w.t.Errorf("%s channel lived %s: more than one %s", direction[id], s, once)
			}
		}
		if strings.Count(s, "B") != strings.Count(s, "U") {
			w.t.Errorf("%s channel lived %s: bridges and unbridges differ", direction[id], s)
		}
		if p := parent[id]; p != "" && destroyed[p] < destroyed[id] {
			w.t.Error("a caller's DESTROY before that of the leg it called")
		}
	}
}

// A life is one letter an event: states are n(ew) i(nit) r(outing) e(xecute) m (consume media) x(change media) h(angup) R(eporting)
// d(estroy); c(reate) g (originate) o(utgoing) H(angup) C (hangup complete) D(estroy); call states 1 ringing 2 early 3 active 4 held
// 5 unheld 9 hangup; p(rogress) P(rogress media) A(nswer) B(ridge) U(nbridge) u (call update) L (hold) l (unhold); . is anything that
// may come anywhere while the channel lives.
var (
	inboundLife  = regexp.MustCompile(`^n(?:i(?:c1r\.?(?:e[.pP2A3BUu45Ll]*)?)?)?H[.U]*h9\.?RCDd$`)
	outboundLife = regexp.MustCompile(`^o(?:i(?:cgr\.?m(?:\.|p1|P2|A\.?3|u|o|x|4L|5l\.*3)*)?)?H\.*h9\.?RCDd$`)
)

func letter(e *esl.Event) string {
	table := map[string]map[string]string{
		"CHANNEL_STATE": {"CS_NEW": "n", "CS_INIT": "i", "CS_ROUTING": "r", "CS_EXECUTE": "e", "CS_CONSUME_MEDIA": "m", "CS_EXCHANGE_MEDIA": "x",
			"CS_HANGUP": "h", "CS_REPORTING": "R", "CS_DESTROY": "d"},
		"CHANNEL_CALLSTATE": {"RINGING": "1", "EARLY": "2", "ACTIVE": "3", "HELD": "4", "UNHELD": "5", "HANGUP": "9"},
	}
	if states, ok := table[e.Name()]; ok {
		return states[e.Value(map[bool]string{true: "Channel-State", false: "Channel-Call-State"}[e.Name() == "CHANNEL_STATE"])]
	}
	if l, ok := map[string]string{"CHANNEL_CREATE": "c", "CHANNEL_ORIGINATE": "g", "CHANNEL_OUTGOING": "o", "CHANNEL_HANGUP": "H",
		"CHANNEL_HANGUP_COMPLETE": "C", "CHANNEL_DESTROY": "D", "CHANNEL_PROGRESS": "p", "CHANNEL_PROGRESS_MEDIA": "P", "CHANNEL_ANSWER": "A",
		"CHANNEL_BRIDGE": "B", "CHANNEL_UNBRIDGE": "U", "CALL_UPDATE": "u", "CHANNEL_HOLD": "L", "CHANNEL_UNHOLD": "l"}[e.Name()]; ok {
		return l
	}
	return "."
}
