package call

import (
	"strconv"
	"strings"
	"time"
)

// report sets the variables that sum the call up, switch_caller_set... as CHANNEL_HANGUP_COMPLETE shows them.
func (ch *Channel) report() {
	if n := ch.vars.dropped; n > 0 {
		ch.core.variables.Add(uint64(n))
		ch.log.Warn("the peers gave more variables than a channel holds", "dropped", n)
	}
	if ch.profile == nil {
		return
	}
	if ch.ended {
		ch.setDefault("sip_hangup_disposition", ch.disposition())
	}
	ch.set("hangup_cause", string(ch.cause))
	ch.set("hangup_cause_q850", strconv.Itoa(hangupQ850(ch.cause)))
	ch.set("digits_dialed", "none")
	t := ch.profile.Times
	ch.reportStamps(t)
	ch.reportEpochs(t)
	if ch.app != "" {
		ch.set("last_app", ch.app)
		ch.set("last_arg", ch.appData)
	}
	ch.set("caller_id", `"`+ch.profile.CallerName+`" <`+ch.profile.CallerNumber+`>`)
	ch.reportDurations(t)
	if ch.afterFar != "" {
		ch.set("bridge_hangup_cause", string(ch.afterFar))
	}
	if ch.direction == outbound && ch.wasUsed {
		ch.set("call_uuid", ch.uuid)
	}
	if d := ch.disposition(); d != "" {
		ch.setDefault("sip_hangup_disposition", d)
	}
	ch.reportMedia()
}

// hangupQ850 is the number of hangup_cause_q850: a cause that is FreeSWITCH's own counts as normal clearing there.
func hangupQ850(c Cause) int {
	if n := c.Q850(); n < 128 {
		return n
	}
	return NormalClearing.Q850()
}

// disposition says who ended the leg and how, in FreeSWITCH's words.
func (ch *Channel) disposition() string {
	switch {
	case ch.ended:
		return ch.legEnd.Disposition
	case ch.leg == nil:
		return ""
	case ch.isAnswered:
		return "send_bye"
	case ch.direction == inbound:
		return "send_refuse"
	}
	return "send_cancel"
}

func (ch *Channel) reportStamps(t profileTimes) {
	stamp := func(name string, at time.Time) {
		if !at.IsZero() {
			ch.set(name, at.Format(time.DateTime))
		}
	}
	stamp("start_stamp", t.Created)
	stamp("profile_start_stamp", t.ProfileCreated)
	stamp("answer_stamp", t.Answered)
	stamp("bridge_stamp", t.Bridged)
	stamp("hold_stamp", t.LastHold)
	if ch.holds != nil {
		ch.set("hold_events", "{"+strings.Join(ch.holds, ",")+"}")
	}
	stamp("progress_stamp", t.Progress)
	stamp("progress_media_stamp", t.ProgressMedia)
	stamp("end_stamp", t.Hangup)
}

func (ch *Channel) reportEpochs(t profileTimes) {
	epoch := func(name string, at time.Time) {
		seconds, micro := "0", "0"
		if !at.IsZero() {
			seconds, micro = strconv.FormatInt(at.Unix(), 10), strconv.FormatInt(at.UnixMicro(), 10)
		}
		ch.set(name+"_epoch", seconds)
		ch.set(name+"_uepoch", micro)
	}
	epoch("start", t.Created)
	epoch("profile_start", t.ProfileCreated)
	epoch("answer", t.Answered)
	epoch("bridge", t.Bridged)
	epoch("last_hold", t.LastHold)
	ch.set("hold_accum_seconds", strconv.FormatInt(int64(t.HoldAccum/time.Second), 10))
	ch.set("hold_accum_usec", strconv.FormatInt(t.HoldAccum.Microseconds(), 10))
	ch.set("hold_accum_ms", strconv.FormatInt(t.HoldAccum.Milliseconds(), 10))
	epoch("resurrect", time.Time{})
	epoch("progress", t.Progress)
	epoch("progress_media", t.ProgressMedia)
	epoch("end", t.Hangup)
}

// reportDurations sets the spans of the call in seconds, milliseconds and microseconds. wait is until the bridge, flow_bill the whole
// life of an answered leg. Seconds are differences of whole seconds, as in FreeSWITCH.
func (ch *Channel) reportDurations(t profileTimes) {
	answeredBegin := time.Time{}
	if !t.Answered.IsZero() {
		answeredBegin = t.Created
	}
	spans := []struct {
		name     string
		from, to time.Time
	}{{"bill", t.Answered, t.Hangup}, {"progress", t.Created, t.Progress}, {"answer", t.Created, t.Answered}, {"wait", t.Created, t.Bridged},
		{"progress_media", t.Created, t.ProgressMedia}, {"flow_bill", answeredBegin, t.Hangup}}
	for _, unit := range []struct {
		total, suffix string
		count         func(time.Time) int64
	}{{"duration", "sec", time.Time.Unix}, {"mduration", "msec", time.Time.UnixMilli}, {"uduration", "usec", time.Time.UnixMicro}} {
		ch.set(unit.total, strconv.FormatInt(unit.count(t.Hangup)-unit.count(t.Created), 10))
		for _, s := range spans {
			n := int64(0)
			if !s.from.IsZero() && !s.to.IsZero() {
				n = unit.count(s.to) - unit.count(s.from)
			}
			ch.set(s.name+unit.suffix, strconv.FormatInt(n, 10))
		}
	}
}

// reportMedia sets the counters of the media that we keep.
func (ch *Channel) reportMedia() {
	if ch.media == nil || ch.codec.Name == "" {
		return
	}
	s := ch.media.Stats()
	count := func(name string, n uint64) { ch.set("rtp_audio_"+name, strconv.FormatUint(n, 10)) }
	count("in_raw_bytes", s.BytesIn)
	count("in_packet_count", s.PacketsIn)
	count("in_media_packet_count", s.PacketsIn-s.TonesIn-s.NoiseIn)
	count("in_dtmf_packet_count", s.TonesIn)
	count("in_cng_packet_count", s.NoiseIn)
	if s.MOS > 0 {
		ch.set("rtp_audio_in_quality_percentage", strconv.FormatFloat(100-s.LossPercent, 'f', 2, 64))
		ch.set("rtp_audio_in_mos", strconv.FormatFloat(s.MOS, 'f', 2, 64))
	}
	count("out_raw_bytes", s.BytesOut)
	count("out_packet_count", s.PacketsOut)
	count("out_media_packet_count", s.PacketsOut-s.TonesOut-s.NoiseOut)
	count("out_dtmf_packet_count", s.TonesOut)
	count("out_cng_packet_count", s.NoiseOut)
	if s.ReportsOut == 0 { // nothing was reported
		s.PacketsOut, s.PayloadOut = 0, 0
	}
	count("rtcp_packet_count", s.PacketsOut)
	count("rtcp_octet_count", s.PayloadOut)
}
