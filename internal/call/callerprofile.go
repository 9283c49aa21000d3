package call

import (
	"strconv"
	"time"

	"github.com/talkpath/talkpath/esl"
)

// callerProfile says who calls whom on a leg, switch_caller.h switch_caller_profile_t. It is copied when it goes to another channel.
type callerProfile struct {
	Direction, Logical             string
	Username, Dialplan             string
	CallerName, CallerNumber       string
	OrigName, OrigNumber           string
	CalleeName, CalleeNumber       string
	NetworkAddr, ANI, Destination  string
	UUID, Source, Context, Channel string
	TransferSource, RDNIS          string // how the call came here: by which transfer, and whom it was for before
	HideName, HideNumber           bool   // the caller wants privacy
	Index                          int
	Times                          profileTimes
}

// profileTimes are the moments of a leg; zero is "has not happened".
type profileTimes struct {
	ProfileCreated, Created, Answered, Progress, ProgressMedia, Hangup time.Time
	Bridged, LastHold                                                  time.Time
	HoldAccum                                                          time.Duration
}

// micros is a time as event headers show it.
func micros(t time.Time) string {
	if t.IsZero() {
		return "0"
	}
	return strconv.FormatInt(t.UnixMicro(), 10)
}

// addOwn writes the Caller-… headers, addOther the Other-Leg-… ones.
func (p *callerProfile) addOwn(e *esl.Event)   { p.add(e, "Caller-", "Caller-Caller-ID-") }
func (p *callerProfile) addOther(e *esl.Event) { p.add(e, "Other-Leg-", "Other-Leg-Caller-ID-") }

// add writes the headers in the order of switch_caller_profile_event_set_data. Empty texts have none.
func (p *callerProfile) add(e *esl.Event, prefix, callerID string) {
	text := func(name, value string) {
		if value != "" {
			e.Add(name, value)
		}
	}
	text(prefix+"Direction", p.Direction)
	text(prefix+"Logical-Direction", p.Logical)
	text(prefix+"Username", p.Username)
	text(prefix+"Dialplan", p.Dialplan)
	text(callerID+"Name", p.CallerName)
	text(callerID+"Number", p.CallerNumber)
	text(prefix+"Orig-Caller-ID-Name", p.OrigName)
	text(prefix+"Orig-Caller-ID-Number", p.OrigNumber)
	text(prefix+"Callee-ID-Name", p.CalleeName)
	text(prefix+"Callee-ID-Number", p.CalleeNumber)
	text(prefix+"Network-Addr", p.NetworkAddr)
	text(prefix+"ANI", p.ANI)
	text(prefix+"Destination-Number", p.Destination)
	text(prefix+"Unique-ID", p.UUID)
	text(prefix+"Source", p.Source)
	text(prefix+"Transfer-Source", p.TransferSource)
	text(prefix+"Context", p.Context)
	text(prefix+"RDNIS", p.RDNIS)
	text(prefix+"Channel-Name", p.Channel)
	if p.Index > 0 {
		e.Add(prefix+"Profile-Index", strconv.Itoa(p.Index))
	}
	p.Times.add(e, prefix)
	e.Add(prefix+"Screen-Bit", "true")
	e.Add(prefix+"Privacy-Hide-Name", strconv.FormatBool(p.HideName))
	e.Add(prefix+"Privacy-Hide-Number", strconv.FormatBool(p.HideNumber))
}

func (t *profileTimes) add(e *esl.Event, prefix string) {
	e.Add(prefix+"Profile-Created-Time", micros(t.ProfileCreated))
	e.Add(prefix+"Channel-Created-Time", micros(t.Created))
	e.Add(prefix+"Channel-Answered-Time", micros(t.Answered))
	e.Add(prefix+"Channel-Progress-Time", micros(t.Progress))
	e.Add(prefix+"Channel-Progress-Media-Time", micros(t.ProgressMedia))
	e.Add(prefix+"Channel-Hangup-Time", micros(t.Hangup))
	e.Add(prefix+"Channel-Transfer-Time", "0")
	e.Add(prefix+"Channel-Resurrect-Time", "0")
	e.Add(prefix+"Channel-Bridged-Time", micros(t.Bridged))
	e.Add(prefix+"Channel-Last-Hold", micros(t.LastHold))
	e.Add(prefix+"Channel-Hold-Accum", strconv.FormatInt(t.HoldAccum.Microseconds(), 10))
}

// asOriginator is how the caller appears on the leg it made: FreeSWITCH shows none of its times there.
func (p callerProfile) asOriginator() *callerProfile {
	p.Index, p.Logical, p.TransferSource = 0, inbound, ""
	p.Times = profileTimes{}
	return &p
}

// asOriginatee is how the called leg appears on the caller's.
func (p callerProfile) asOriginatee() *callerProfile {
	p.Index, p.Logical, p.TransferSource = 0, inbound, ""
	return &p
}
