package call

import "strconv"

// noteSuccess sets the variables that tell who answered; noteFailure those that tell why nobody did.
func (ch *Channel) noteSuccess(r *race, win *fork) {
	ch.vars.push("originated_legs", win.label())
	if ch.isAnswered && ch.vars.value("endpoint_disposition") != "ANSWER" {
		ch.set("endpoint_disposition", "ANSWER")
	}
	for _, f := range r.forks() {
		cause := None
		if f != win {
			cause = LoseRace
			if f.ended {
				cause = f.end.cause
			}
		}
		ch.vars.push("originate_causes", f.ch.uuid+";"+string(cause))
	}
	ch.vars.push("originate_causes", win.ch.uuid+";"+string(None))
	ch.vars.del("originate_signal_bond")
	ch.set("originate_disposition", "SUCCESS")
	ch.set("DIALSTATUS", "SUCCESS")
}

func (ch *Channel) noteFailure(o *originating) {
	r := o.result()
	if ch.isDown() {
		r.cause = OriginatorCancel
	} else if len(o.forks) > 0 {
		if r.status >= 300 {
			ch.set("sip_invite_failure_status", strconv.Itoa(r.status))
			ch.set("sip_invite_failure_phrase", r.phrase)
		}
		ch.noteFarEnd(r)
	}
	for _, f := range o.forks {
		ch.vars.push("originate_causes", f.ch.uuid+";"+string(f.end.cause))
	}
	ch.set("originate_disposition", string(r.cause))
	ch.set("DIALSTATUS", dialStatus(r.cause))
	ch.set("originate_failed_cause", string(r.cause))
}

// noteFarEnd sets the variables that tell how the far leg ended.
func (ch *Channel) noteFarEnd(r legResult) {
	switch {
	case r.status == 487:
		ch.set("sip_hangup_phrase", "Request Terminated")
	case r.status > 0:
		ch.set("sip_hangup_phrase", r.phrase)
	}
	ch.set("last_bridge_hangup_cause", string(r.cause))
	if r.status > 0 {
		ch.set("last_bridge_proto_specific_hangup_cause", "sip:"+strconv.Itoa(r.status))
	}
}

// dialStatus is the value of DIALSTATUS for a cause, which FreeSWITCH took over from Asterisk for a few.
func dialStatus(c Cause) string {
	switch c {
	case UserBusy:
		return "BUSY"
	case NoAnswer:
		return "NOANSWER"
	case OriginatorCancel:
		return "CANCEL"
	case CallRejected:
		return "DONTCALL"
	}
	return string(c)
}
