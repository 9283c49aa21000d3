package call

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
)

// What FreeSWITCH says of a call that it begins by itself (SWITCH_DEFAULT_CLID_NUMBER, the caller profile of switch_ivr_originate).
const (
	nobodysNumber    = "0000000000"
	originateSource  = "src/switch_ivr_originate.c"
	originateContext = "default"
	calleeName       = "Outbound Call"
)

// errUUIDTaken is an origination_uuid that a channel has, or that cannot be one.
var errUUIDTaken = errors.New("call: the uuid is taken or malformed")

// Origination is a call that the switch itself begins, as the command originate does: a dial string is rung, and who answers executes an
// application, or goes through the dialplan like a caller.
type Origination struct {
	// Dial is the dial string. Its text is syntax: nothing from a peer may be part of it.
	Dial string
	// Application and Data are what the leg executes. Without an application it goes to Destination: "" for Dialplan is XML, for Context default.
	Application, Data              string
	Destination, Dialplan, Context string
	// CallerName and CallerNumber are whom the leg is told to be called by, unless the dial string says so; "" is 0000000000 without a name.
	CallerName, CallerNumber string
	// Timeout is how long it rings unless the dial string says so; 0 is a minute.
	Timeout time.Duration
}

// Originate makes a call. It returns the uuid of the leg once that was answered, or has early media or rings where the dial string's
// ignore_early_media and return_ring_ready say that this is enough; what the leg then does goes on without it. Without one it returns why.
func (c *Core) Originate(ask Origination) (uuid string, failed Cause) {
	o := &origination{core: c, log: c.log.With("dial", headerText(ask.Dial)), box: newMailbox(), ask: ask}
	if !c.enter(o) {
		return "", DestinationOutOfOrder
	}
	defer c.leave(o)
	defer func() {
		if p := recover(); p != nil {
			c.panics.Add(1)
			o.log.Error("originate panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			uuid, failed = "", Crash
		}
	}()
	d, err := dialplan.ParseDialString(dialplan.Literal(ask.Dial, false))
	if err != nil {
		o.log.Warn("dial string", "error", err)
		return "", DestinationOutOfOrder
	}
	win, end := c.ringAll(o, d)
	switch {
	case win != nil:
	case end.cause == "": // it was given up
		return "", OriginatorCancel
	default:
		return "", end.cause
	}
	if !o.handOver(win) {
		return "", win.end.cause.orNormal()
	}
	return win.ch.uuid, ""
}

// enter notes that an origination is under way; false when the core was closed.
func (c *Core) enter(o *origination) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.originations[o] = struct{}{}
	return true
}

func (c *Core) leave(o *origination) {
	c.mu.Lock()
	delete(c.originations, o)
	c.mu.Unlock()
	o.box.close()
}

// origination is an Origination under way. It belongs to the goroutine of its command.
type origination struct {
	core    *Core
	log     *slog.Logger
	box     *mailbox
	ask     Origination
	ringing *race
	stopped bool
}

func (o *origination) post(f func()) bool { return o.box.put(f) }

// stop gives the origination up.
func (o *origination) stop() { o.post(func() { o.stopped = true }) }

func (o *origination) wait(stop func() bool, limit time.Duration) bool {
	return o.box.wait(stop, limit, func() {}, func() bool { return false })
}

func (o *origination) await(stop func() bool) bool { return o.wait(stop, guardTime) }

func (o *origination) isDown() bool { return o.stopped }

func (o *origination) whyGone() (legResult, Cause) {
	return legResult{cause: SystemShutdown}, OriginatorCancel
}

func (o *origination) begin(r *race) { o.ringing = r }

func (o *origination) logger() *slog.Logger { return o.log }

// variable implements origin. What the command gives counts less than what the dial string says.
func (o *origination) variable(name string) string {
	if name == "call_timeout" && o.ask.Timeout > 0 {
		return strconv.Itoa(int(o.ask.Timeout / time.Second))
	}
	return ""
}

func (o *origination) dialsUser(string, string) {}
func (o *origination) exports() []Variable      { return nil }
func (o *origination) legsMade(*originating)    {}
func (o *origination) groupFailed(*originating) {}
func (o *origination) groupOver()               {}
func (o *origination) place() string            { return originateContext }

// childRinging implements caller.
func (o *origination) childRinging(b *Channel, p peer) {
	if group, f := o.ringing.find(b); f != nil && isTrue(group.option("return_ring_ready")) {
		f.early = &p
	}
}

// childEarly implements caller.
func (o *origination) childEarly(b *Channel, p peer) {
	if group, f := o.ringing.find(b); f != nil && !group.ignoresEarly() {
		f.early = &p
	}
}

// childAnswered implements caller.
func (o *origination) childAnswered(b *Channel, p peer) {
	if _, f := o.ringing.find(b); f != nil {
		o.ringing.answered(f, p)
		return
	}
	lose(b)
}

// childEnded implements caller.
func (o *origination) childEnded(b *Channel, end legResult) {
	if group, f := o.ringing.find(b); f != nil && !f.ended {
		group.ended(f, end)
	}
}

// childLeft implements caller.
func (o *origination) childLeft(b *Channel) { o.childEnded(b, legResult{cause: NormalClearing}) }

func (o *origination) childGone(*Channel) {}

// newLeg implements origin. Such a leg is a new call: the limits of those hold.
func (o *origination) newLeg(group *originating, d Destination, t target) (*Channel, Cause) {
	b, err := o.makeLeg(group, d, t)
	if err != nil {
		o.log.Warn("leg refused", "error", err)
		return nil, DestinationOutOfOrder
	}
	return b, ""
}

func (o *origination) makeLeg(group *originating, d Destination, t target) (*Channel, error) {
	t = t.withDefault("origination_caller_id_name", o.ask.CallerName).withDefault("origination_caller_id_number", o.ask.CallerNumber)
	wanted := t.vars["origination_uuid"]
	b, err := o.core.newChannel(outbound, d.ChannelName, wanted, false)
	if err != nil {
		return nil, err
	}
	if wanted != "" && b.uuid != wanted {
		o.core.done(b)
		return nil, errUUIDTaken
	}
	b.caller, b.dest = o, &d
	b.state, b.requested = csNone, csInit
	b.profile = o.profile(b, t)
	b.offered = o.offer(d, t)
	b.prefs = b.offered
	b.originVariables(t, !group.ignoresEarly())
	return b, nil
}

// withDefault is the target with a variable that it does not have.
func (t target) withDefault(name, value string) target {
	if value == "" || t.vars[name] != "" {
		return t
	}
	t.list, t.vars = append(slices.Clone(t.list), Variable{Name: name, Value: value}), maps.Clone(t.vars)
	t.vars[name] = value
	return t
}

// profile is the caller profile of a leg that nobody calls.
func (o *origination) profile(b *Channel, t target) *callerProfile {
	now := time.Now()
	name, number := t.vars["origination_caller_id_name"], first(t.vars["origination_caller_id_number"], nobodysNumber)
	p := &callerProfile{Direction: outbound, Logical: outbound, CallerName: name, CallerNumber: number, OrigName: name, OrigNumber: number,
		CalleeName: calleeName, CalleeNumber: b.dest.CalleeNum, ANI: number, Destination: b.dest.CalleeNum, UUID: b.uuid,
		Source: originateSource, Context: originateContext, Channel: b.dest.ChannelName, Index: 1,
		Times: profileTimes{ProfileCreated: now, Created: now}}
	p.originated(t.vars)
	return p
}

// originated applies the variables origination_… of a dial string that every leg can have.
func (p *callerProfile) originated(vars map[string]string) {
	p.CalleeName = first(vars["origination_callee_id_name"], p.CalleeName)
	p.CalleeNumber = first(vars["origination_callee_id_number"], p.CalleeNumber)
	p.ANI = first(vars["origination_ani"], p.ANI)
	if privacy, ok := vars["origination_privacy"]; ok {
		p.HideName, p.HideNumber = strings.Contains(privacy, "hide_name"), strings.Contains(privacy, "hide_number")
	}
}

// offer is what a leg is offered: all that its side likes. When the leg is to hear a sound, what sounds can be made in comes first.
func (o *origination) offer(d Destination, t target) []media.Codec {
	prefs := prefsOf(d, t)
	if makesSound([]dialplan.Action{{App: o.ask.Application}}) {
		made := filter(prefs, media.Generable)
		prefs = append(made, filter(prefs, func(c media.Codec) bool { return !media.Generable(c) })...)
	}
	return media.Offerable(prefs, prefs)
}

// originVariables gives a leg its variables, in the recorded order, around those of the signalling side.
func (ch *Channel) originVariables(t target, early bool) {
	ch.standardVariables()
	ch.setDefault("sip_profile_name", profileOf(ch.name))
	ch.fromDestination("sip_local_network_addr", "sip_profile_name")
	ch.set("video_media_flow", "disabled")
	ch.set("text_media_flow", "disabled")
	ch.set("channel_name", ch.name)
	ch.fromDestination("sip_destination_url")
	for _, v := range t.list {
		ch.vars.set(v)
	}
	ch.fromDestination("dialed_user", "dialed_domain", "sip_invite_domain", "presence_id")
	ch.setDefault("presence_id", ch.dest.PresenceID)
	ch.set("originate_early_media", strconv.FormatBool(early))
	ch.set("originate_endpoint", endpointOf(ch.name))
	for _, v := range ch.dest.Vars {
		if !late(v.Name) {
			ch.setFirst(v)
		}
	}
}

// endpointOf is the endpoint in a channel's name.
func endpointOf(name string) string {
	endpoint, _, _ := strings.Cut(name, "/")
	return endpoint
}

// handOver has the leg that won live by itself; false when it has ended.
func (o *origination) handOver(win *fork) bool {
	took, settled := false, false
	ask := o.ask
	win.ch.box.put(func() {
		ok := win.ch.goOn(ask, win.endpoint)
		o.post(func() { took, settled = ok, true })
	})
	o.await(func() bool { return settled || win.ended })
	if settled && !took { // it has hung up and says why in a moment
		o.await(func() bool { return win.ended })
	}
	return took
}

// goOn begins the life of a leg that a command called: it is nobody's called leg any more.
func (ch *Channel) goOn(ask Origination, endpoint string) bool {
	if ch.hungUp {
		return false
	}
	ch.caller = nil
	ch.emitOutgoing()
	ch.set("endpoint_disposition", map[bool]string{true: "ANSWER", false: "EARLY MEDIA"}[ch.isAnswered])
	if endpoint == "user" {
		ch.becomeUser()
	}
	if v, ok := ch.vars.lookup("originate_early_media"); ok {
		ch.vars.set(v) // again: it comes after those
	}
	ch.set("originate_endpoint", endpoint)
	if ask.Application == "" {
		ch.transfer(place{dest: dialplan.Literal(ask.Destination, false), dialplan: first(ask.Dialplan, "XML"), context: first(ask.Context, originateContext)})
		return !ch.hungUp
	}
	ch.flip()
	ch.next = func() {
		ch.execute([]dialplan.Action{{App: ask.Application, Data: dialplan.ParseTemplate(ask.Data)}})
	}
	return true
}

// becomeUser gives a leg the variables of the user that it rang, and that user's context.
func (ch *Channel) becomeUser() {
	if ch.core.cfg.UserVars == nil {
		return
	}
	vars, ok := ch.core.cfg.UserVars(ch.vars.value("dialed_user"), ch.vars.value("dialed_domain"))
	if !ok {
		return
	}
	ch.apply(vars)
	ch.ownProfile().Context = first(ch.ownVar("user_context"), ch.profile.Context)
}
