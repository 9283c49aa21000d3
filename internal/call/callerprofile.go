package call

import (
	"strconv"
	"time"
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

// profileNames are the names of a caller profile's headers, in the order of switch_caller_profile_event_set_data.
type profileNames struct {
	texts          [19]string
	index          string
	times          [11]string
	screen         string
	hideName, hide string
}

// The headers of the leg's own profile, of the other leg's, and the second set of a channel's data.
var (
	ownNames   = namesOf("Caller-", "Caller-Caller-ID-")
	otherNames = namesOf("Other-Leg-", "Other-Leg-Caller-ID-")
	dataNames  = namesOf("Channel-", "Channel-Caller-ID-")
)

func namesOf(prefix, callerID string) profileNames {
	n := profileNames{index: prefix + "Profile-Index", screen: prefix + "Screen-Bit", hideName: prefix + "Privacy-Hide-Name",
		hide: prefix + "Privacy-Hide-Number"}
	for i, name := range [...]string{"Direction", "Logical-Direction", "Username", "Dialplan", "Name", "Number", "Orig-Caller-ID-Name",
		"Orig-Caller-ID-Number", "Callee-ID-Name", "Callee-ID-Number", "Network-Addr", "ANI", "Destination-Number", "Unique-ID", "Source",
		"Transfer-Source", "Context", "RDNIS", "Channel-Name"} {
		if n.texts[i] = prefix + name; name == "Name" || name == "Number" {
			n.texts[i] = callerID + name
		}
	}
	for i, name := range [...]string{"Profile-Created-Time", "Channel-Created-Time", "Channel-Answered-Time", "Channel-Progress-Time",
		"Channel-Progress-Media-Time", "Channel-Hangup-Time", "Channel-Transfer-Time", "Channel-Resurrect-Time", "Channel-Bridged-Time",
		"Channel-Last-Hold", "Channel-Hold-Accum"} {
		n.times[i] = prefix + name
	}
	return n
}

// write writes the headers. Empty texts have none.
func (p *callerProfile) write(w *writer, names *profileNames) {
	for i, value := range [len(names.texts)]string{p.Direction, p.Logical, p.Username, p.Dialplan, p.CallerName, p.CallerNumber, p.OrigName, p.OrigNumber,
		p.CalleeName, p.CalleeNumber, p.NetworkAddr, p.ANI, p.Destination, p.UUID, p.Source, p.TransferSource, p.Context, p.RDNIS, p.Channel} {
		if value != "" {
			w.add(names.texts[i], value)
		}
	}
	if p.Index > 0 {
		w.add(names.index, w.number(int64(p.Index)))
	}
	t := &p.Times
	never := time.Time{}
	for i, at := range [...]time.Time{t.ProfileCreated, t.Created, t.Answered, t.Progress, t.ProgressMedia, t.Hangup, never, never, t.Bridged,
		t.LastHold} {
		w.add(names.times[i], w.micros(at))
	}
	w.add(names.times[len(names.times)-1], w.number(t.HoldAccum.Microseconds()))
	w.add(names.screen, "true")
	w.add(names.hideName, strconv.FormatBool(p.HideName))
	w.add(names.hide, strconv.FormatBool(p.HideNumber))
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
