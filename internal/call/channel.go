package call

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/talkpath/talkpath/media"
)

// guardTime bounds the wait for another channel's part in ending a call. Channels never block, so it is reached only after a fault.
const guardTime = 10 * time.Second

// Channel is one leg of a call. A goroutine of its own runs its life (run) and does all its work: signalling, media and other
// channels post to its mailbox and never wait. What is not marked otherwise belongs to that goroutine.
type Channel struct {
	// Set before the goroutine starts and never changed.
	core      *Core
	uuid      string
	direction string
	number    uint64 // order of creation, session_id
	created   time.Time
	log       *slog.Logger
	box       *mailbox
	incoming  *Inbound     // inbound leg
	dest      *Destination // outbound leg

	seen     atomic.Pointer[view]    // what was published last
	overflow atomic.Bool             // the mailbox bound was hit
	talkedTo atomic.Pointer[Channel] // the far leg of the present bridge or the last one

	caller caller   // who called this leg and hears of it; nil for an inbound one and one that is on its own
	parent *Channel // the caller when it is a channel: this leg is part of its call

	leg     Leg
	media   mediaSession
	prefs   []media.Codec // what this leg may use
	codec   media.Codec   // negotiated, zero before
	secure  string        // how the peer's media is encrypted
	offered []media.Codec // outbound: what was offered

	name        string
	state       state
	requested   state
	callState   callState
	answerState string
	presences   int // PRESENCE_IN events so far
	callUUID    string
	vars        variables
	profile     *callerProfile // changed by ownProfile
	other       *callerProfile // changed by ownOther
	otherType   string
	// profileSeen and otherSeen: a view has it.
	profileSeen, otherSeen bool

	ringReady, early, isAnswered bool
	held                         bool
	indicated                    bool // held because the far leg's peer holds it, by a re-INVITE of ours
	heldSince                    time.Time
	offers                       offers
	bypass                       bypass
	holds                        []string // {begin,end} of each hold, in µs

	hungUp   bool
	reported bool // HANGUP was sent
	cause    Cause
	reason   HangupReason
	ended    bool // the leg is over by the peer's doing
	legEnd   LegEnd
	wasUsed  bool // was bridged at least once

	app, appData string
	ackSDP       []byte    // of an offerless caller: its answer to our offer
	appRuns      []AppRun  // for the call record
	chapters     []Chapter // for the call record: caller profiles before the present one
	sentCallee   [2]string // name and number of the far end, as told to the peer
	shown        string    // number of the far end that the peer knows of
	told         bool      // called leg: identities of the present bridge were exchanged
	toldHeaders  bool      // the leg has been given headers of messages
	bridgedTo    *Channel
	bridgeBegan  time.Time
	restDue      bool       // a rest will be posted
	farEnd       *legResult // how the leg that this one was bridged to ended
	afterFar     Cause      // called leg: the cause that ended the bridge from the caller's side

	sound     soundState   // what is played, recorded and dialled
	next      func()       // what to do instead of what the channel is doing: a transfer, a take-over
	leaving   Cause        // next: what those who are left behind are told
	join      *joining     // of a take-over in progress
	taking    bool         // a take-over was asked for
	flipped   bool         // called leg that was transferred: it is the caller now
	atBridge  []func()     // what waits for the bridge that is about to stand
	atNext    []func()     // what waits for next
	heir      *Channel     // whom this leg rings for: its own peer has left
	testator  *Channel     // who rings for this leg
	givenAway bool         // its peer transferred the far party: the leg ends with the bridge
	depth     int          // of execute_extension
	limits    []limitKey   // counted until the end of the call or a transfer
	timers    []*scheduled // of the sched_ applications
	inbox     inbox        // messages of commands

	ringing  *race                 // of the bridge application in progress
	children map[*Channel]struct{} // called legs that are not destroyed yet
}

// UUID identifies the channel.
func (ch *Channel) UUID() string { return ch.uuid }

// Hangup ends the channel as a command would.
func (ch *Channel) Hangup(cause Cause) {
	ch.box.put(func() { ch.hangup(HangupReason{Cause: cause.orNormal()}) })
}

// run is the channel's goroutine.
func (ch *Channel) run() {
	growStack(0)
	defer ch.core.done(ch)
	ch.guarded(ch.live)
	ch.guarded(ch.finish)
	ch.guarded(ch.lastEvents)
	ch.guarded(ch.release)
}

// live is the channel's life until it is hung up.
func (ch *Channel) live() {
	if ch.direction == inbound {
		ch.answerSide()
	} else {
		ch.callSide()
	}
	for !ch.hungUp && ch.next != nil {
		next := ch.next
		ch.next = nil
		for _, fn := range ch.atNext {
			ch.box.put(fn)
		}
		ch.atNext = nil
		ch.reclaim()
		next()
	}
	ch.hangup(HangupReason{Cause: NormalClearing})
}

// guarded runs a part of the channel's life. A panic ends this call and no other.
func (ch *Channel) guarded(f func()) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		ch.core.panics.Add(1)
		ch.log.Error("channel panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		if !ch.hungUp {
			ch.hungUp, ch.cause, ch.requested, ch.answerState = true, Crash, csHangup, answerHangup
			ch.reason = HangupReason{Cause: DestinationOutOfOrder}
		}
	}()
	f()
}

// wait handles what is posted, and executes what messages ask for, until stop holds or the time is over (0: no limit); it says whether
// stop held.
func (ch *Channel) wait(stop func() bool, limit time.Duration) bool {
	return ch.box.wait(stop, limit, ch.show, ch.idle)
}

// idle is what a channel does when nothing is posted to it; it says whether there was something.
func (ch *Channel) idle() bool {
	if ch.nextMessage() {
		return true
	}
	ch.restLater()
	return false
}

// await waits for another channel's part in something, which takes no longer than a message there and back. No application runs meanwhile.
func (ch *Channel) await(stop func() bool) bool {
	return ch.box.wait(stop, guardTime, ch.show, func() bool { return false })
}

// isDown is the stop condition of what lasts: the call ended or goes on elsewhere.
func (ch *Channel) isDown() bool { return ch.hungUp || ch.next != nil }

// hangup decides that the channel ends. What the channel was doing returns, and finish does the rest.
func (ch *Channel) hangup(r HangupReason) {
	if ch.hungUp {
		return
	}
	ch.hungUp = true
	r.Cause, r.Phrase = r.Cause.orNormal(), headerText(r.Phrase)
	ch.reason, ch.cause = r, r.Cause
	if ch.bridgedTo != nil {
		ch.set("last_bridge_role", map[bool]string{true: originatee, false: originator}[ch.bridgedTo == ch.parent])
	}
	ch.requested = csHangup
	ch.answerState = answerHangup
	ch.log.Debug("hang up", "cause", r.Cause)
	ch.reportHangup()
}

// reportHangup sends HANGUP unless it was sent.
func (ch *Channel) reportHangup() {
	if !ch.reported {
		ch.reported = true
		ch.emitHangup()
	}
}

// finish ends what a hung-up channel is part of and waits for the legs it called. The leg gets its BYE, CANCEL or refusal first of all.
func (ch *Channel) finish() {
	ch.reportHangup() // unless a panic ended the channel it has been
	ch.bridgeStands()
	ch.endLeg()
	ch.endSound()
	ch.unschedule("")
	ch.releaseLimits()
	ch.state = csHangup
	ch.emitState()
	if ch.profile != nil {
		ch.ownProfile().Times.Hangup = time.Now()
	}
	ch.emitCallState(callHangup)
	ch.requested = csReporting
	ch.emitEnd()
	ch.disconnect()
	ch.abandon() // those that ring or were connected have heard of it; after a fault none has
	// The called legs' last events come before the caller's: who computes a call at its end (Rocket.Chat) has everything then.
	ch.await(func() bool { return len(ch.children) == 0 })
}

// emitEnd tells of the user's presence at the end.
func (ch *Channel) emitEnd() {
	if ch.cause == LoseRace {
		ch.emitPresence("cancelled", presenceOfState)
		return
	}
	ch.emitPresence(csHangup.String(), presenceOfState)
}

// lastEvents takes the channel through its last states. They come whatever went wrong before: who follows calls by their events waits
// for DESTROY.
func (ch *Channel) lastEvents() {
	if ch.direction == outbound && ch.wasUsed {
		ch.callUUID = ch.uuid
	}
	ch.vars.del("bridge_to")
	ch.state, ch.requested = csReporting, csReporting
	ch.emitState()
	ch.report()
	ch.writeRecord()
	ch.emitHangupComplete()
	ch.requested = csDestroy
	ch.core.hide(ch)
	ch.emitDestroy()
	ch.state = csDestroy
	ch.emitState()
}

// endLeg ends the signalling and the media.
func (ch *Channel) endLeg() {
	if ch.leg != nil && !ch.ended {
		ch.tellHeaders()
		ch.leg.Hangup(ch.reason)
	}
	if ch.media != nil {
		ch.media.Unbridge()
	}
}

// disconnect tells the partner that this leg is over.
func (ch *Channel) disconnect() {
	end := ch.legEndOf()
	if c := ch.caller; c != nil {
		c.post(func() { c.childEnded(ch, end) })
	}
	ch.endHandover()
}

// abandon hangs up the legs this channel called, but for those that have just gone over to another one and are about to say so.
func (ch *Channel) abandon() {
	cause := ch.cause.orNormal()
	for c := range ch.children {
		c.box.put(func() {
			if c.caller == caller(ch) {
				c.hangup(HangupReason{Cause: cause})
			}
		})
	}
}

// release frees what the channel holds; it runs even after a panic.
func (ch *Channel) release() {
	defer func() {
		if c := ch.caller; c != nil {
			ch.disconnect() // again, in case a panic came before
			c.post(func() { c.childGone(ch) })
		}
		ch.abandon()
		for _, fn := range ch.box.close() {
			ch.guarded(fn)
		}
		ch.inbox.drop()
	}()
	defer func() {
		if ch.media != nil {
			ch.media.Close()
		}
	}()
	if ch.leg != nil && !ch.ended {
		ch.leg.Hangup(ch.reason) // idempotent
	}
}

// set sets a variable with a value of our own.
func (ch *Channel) set(name, value string) { ch.vars.set(Variable{Name: name, Value: value}) }

// setDefault sets a variable unless the signalling side gave one.
func (ch *Channel) setDefault(name, value string) {
	if _, ok := ch.vars.lookup(name); !ok {
		ch.set(name, value)
	}
}

// isNo reads a variable that says no.
func isNo(value string) bool {
	switch strings.ToLower(value) {
	case "no", "off", "false", "f", "disabled", "inactive", "disallow":
		return true
	}
	return value != "" && strings.Trim(value, "0") == ""
}

// isTrue reads a variable as FreeSWITCH's switch_true does.
func isTrue(value string) bool {
	switch strings.ToLower(value) {
	case "yes", "on", "true", "t", "enabled", "active", "allow":
		return true
	}
	return value != "" && strings.Trim(value, "0123456789") == "" && strings.Trim(value, "0") != ""
}
