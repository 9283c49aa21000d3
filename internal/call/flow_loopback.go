package call

import (
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// errLoopback is what a leg of loopback/ cannot do.
var errLoopback = errors.New("call: not between loopback legs")

// loopCodecs has what can be played, recorded and mixed first: who originates such a call mostly wants that.
const loopCodecs = "G722,PCMU,PCMA,OPUS"

// loopLeg is one of the two legs of loopback/: what its channel does to it the other one hears of. Their media goes through sockets of
// their own, like that of any other leg, so whatever can be done to a call can be done to them.
type loopLeg struct {
	other    LegHandler
	offering *atomic.Bool // of both: one of them makes an offer
}

// SetHeaders implements Leg: there are no messages.
func (l *loopLeg) SetHeaders([]Variable) {}

// Ring implements Leg.
func (l *loopLeg) Ring(sdp []byte) error {
	status := 180
	if sdp != nil {
		status = 183
	}
	l.other.LegProgress(status, sdp, nil)
	return nil
}

// Answer implements Leg.
func (l *loopLeg) Answer(sdp []byte) error {
	l.other.LegAnswered(sdp, nil)
	return nil
}

// Hangup implements Leg.
func (l *loopLeg) Hangup(h HangupReason) {
	l.other.LegEnded(LegEnd{Cause: h.Cause, Status: h.Status, Phrase: h.Phrase})
}

// Reoffer implements Leg.
func (l *loopLeg) Reoffer(sdp []byte, done func([]byte, error)) error {
	if !l.offering.CompareAndSwap(false, true) {
		return ErrOfferPending
	}
	l.other.LegReoffer(sdp, func(answer []byte, err error) {
		l.offering.Store(false)
		done(answer, err)
	})
	return nil
}

// SendInfo implements Leg.
func (l *loopLeg) SendInfo(_ string, body []byte) error {
	d := maxDigit
	var digit byte
	for line := range strings.Lines(string(body)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch n, err := strconv.Atoi(value); {
		case name == "Signal" && len(value) == 1:
			digit = value[0]
		case name == "Duration" && err == nil:
			d = min(time.Duration(n)*time.Millisecond, maxDigit)
		}
	}
	if digit == 0 {
		return errLoopback
	}
	l.other.LegDTMF(digit, d)
	return nil
}

// Request implements Leg. There is no phone at the other end.
func (l *loopLeg) Request(Request) error { return errLoopback }

// Redirect implements Leg.
func (l *loopLeg) Redirect([]string) error {
	l.other.LegEnded(LegEnd{Cause: Redirection, Status: 302})
	return nil
}

// Refer implements Leg.
func (l *loopLeg) Refer(string) error { return errLoopback }

// loopback is the destination loopback/NUMBER[/CONTEXT[/DIALPLAN]] or loopback/app=NAME[:DATA]: a call to the dialplan itself. The leg
// that is called is NUMBER-a; NUMBER-b goes through the dialplan. Only the dialplan's own text separates and names an application.
func (c *Core) loopback(t target, context string) Destination {
	var in Inbound
	fields := t.parts.Split('/', 3)
	in.Destination, in.Dialplan, in.Context = headerText(fields[0].String()), "XML", first(context, "default")
	if name, arg, ok := loopbackApp(t.parts); ok {
		in.Destination, in.Dialplan = headerText(name), inlineDialplan
		in.program = append(dialplan.Expanded{{Text: "m:\x01:" + name + ":"}}, dialplan.Literal(arg, true)...)
	} else {
		if len(fields) > 1 {
			in.Context = first(fields[1].String(), in.Context)
		}
		if len(fields) > 2 {
			in.Dialplan = first(fields[2].String(), in.Dialplan)
		}
		in.program = fields[0]
	}
	base := "loopback/" + in.Destination
	return Destination{ChannelName: base + "-a", CalleeNum: in.Destination, CodecPrefs: loopCodecs,
		Vars: []Variable{{Name: "is_loopback", Value: "true"}, {Name: "loopback_leg", Value: "A"}},
		Dial: func(o Outbound, h LegHandler) (Leg, error) { return c.dialLoopback(in, base+"-b", o, h) }}
}

// loopbackApp reads app=NAME[:DATA].
func loopbackApp(x dialplan.Expanded) (name, data string, ok bool) {
	if len(x) == 0 || x[0].Wire {
		return "", "", false
	}
	rest, ok := strings.CutPrefix(x[0].Text, "app=")
	if !ok {
		return "", "", false
	}
	name, data, given := strings.Cut(rest, ":")
	if !given && len(x) > 1 { // the name would go on with text from outside
		return "", "", false
	}
	return name, data + x[1:].String(), true
}

// dialLoopback makes the second leg. It runs on the first one's goroutine, which alone uses the Leg that is returned.
func (c *Core) dialLoopback(in Inbound, name string, o Outbound, h LegHandler) (Leg, error) {
	a, ok := h.(*Channel)
	if !ok {
		return nil, errLoopback
	}
	offering := new(atomic.Bool)
	near, far := &loopLeg{offering: offering}, &loopLeg{other: h, offering: offering}
	in.Leg, in.ChannelName, in.SDP, in.within, in.source = far, name, o.SDP, true, "mod_loopback"
	in.CallerName, in.CallerNum, in.Username, in.ANI = o.CallerName, o.CallerNum, a.profile.Username, a.profile.ANI
	in.Vars = []Variable{{Name: "is_loopback", Value: "true"}, {Name: "loopback_leg", Value: "B"},
		{Name: "other_loopback_leg_uuid", Value: a.uuid}, {Name: "other_loopback_from_uuid", Value: a.vars.value("originator")},
		{Name: "max_forwards", Value: strconv.Itoa(a.maxForwards() - 1)}}
	for _, name := range strings.Split(a.vars.value("loopback_export"), ",") {
		if v, ok := a.vars.lookup(strings.TrimSpace(name)); ok {
			in.Vars = append(in.Vars, v)
		}
	}
	b, err := c.NewInbound(in)
	if err != nil {
		return nil, err
	}
	near.other = b
	if bch, ok := b.(*Channel); ok {
		a.set("other_loopback_leg_uuid", bch.uuid)
	}
	return near, nil
}
