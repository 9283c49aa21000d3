package call

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
)

// Record is what remains of a leg at its end: what call detail records are made of. It is immutable, and it expands ${} as the leg would have
// done in its last moment (dialplan.Env).
type Record struct {
	UUID         string
	Direction    string // inbound, outbound
	State        string // CS_REPORTING
	StateNumber  int
	Originator   bool // another leg called this one: it is a B leg
	Originatee   bool // this leg called another one
	Variables    []Variable
	Callflow     []Chapter    // the last one first, as in FreeSWITCH
	Applications []AppRun     // in order, the last maxAppRuns
	Media        *media.Stats // nil: it never had media

	core *Core
}

// Chapter is one caller profile of a leg: each transfer begins a new one.
type Chapter struct {
	Dialplan, Context, Destination       string
	ProfileIndex                         int
	Username, CallerName, CallerNumber   string
	ANI, NetworkAddr, RDNIS              string
	UUID, Source, Channel                string
	Created, ProfileCreated, Answered    time.Time
	Progress, ProgressMedia              time.Time
	Bridged, LastHold, Hangup            time.Time
	HoldAccum                            time.Duration
	OriginatorProfile, OriginateeProfile *Chapter // the leg that called this one, or that this one called
}

// AppRun is one application that a leg executed.
type AppRun struct {
	Name, Data string
	At         time.Time
}

// Bounds of what a record holds of the applications of a long call.
const (
	maxAppRuns = 100
	maxAppData = 4 << 10
	maxChapter = 20
)

// noteApp remembers an application for the call record.
func (ch *Channel) noteApp(name, data string) {
	if ch.core.cfg.Record == nil {
		return
	}
	if len(data) > maxAppData {
		data = data[:maxAppData]
	}
	if len(ch.appRuns) >= maxAppRuns {
		ch.appRuns = append(ch.appRuns[:0], ch.appRuns[1:]...)
	}
	ch.appRuns = append(ch.appRuns, AppRun{headerText(name), data, time.Now()})
}

// noteChapter keeps the caller profile that a transfer is about to replace.
func (ch *Channel) noteChapter() {
	if ch.core.cfg.Record == nil || len(ch.chapters) >= maxChapter {
		return
	}
	ch.chapters = append(ch.chapters, ch.chapter())
}

// chapter is the present caller profile with that of the other leg.
func (ch *Channel) chapter() Chapter {
	c := chapterOf(ch.profile)
	if ch.other == nil {
		return c
	}
	other := chapterOf(ch.other)
	if ch.otherType == originator {
		c.OriginatorProfile = &other
	} else {
		c.OriginateeProfile = &other
	}
	return c
}

func chapterOf(p *callerProfile) Chapter {
	return Chapter{Dialplan: p.Dialplan, Context: p.Context, Destination: p.Destination, ProfileIndex: p.Index,
		Username: p.Username, CallerName: p.CallerName, CallerNumber: p.CallerNumber, ANI: p.ANI, NetworkAddr: p.NetworkAddr, RDNIS: p.RDNIS,
		UUID: p.UUID, Source: p.Source, Channel: p.Channel,
		Created: p.Times.Created, ProfileCreated: p.Times.ProfileCreated, Answered: p.Times.Answered, Progress: p.Times.Progress,
		ProgressMedia: p.Times.ProgressMedia, Bridged: p.Times.Bridged, LastHold: p.Times.LastHold, Hangup: p.Times.Hangup, HoldAccum: p.Times.HoldAccum}
}

// writeRecord hands the leg's call detail record over.
func (ch *Channel) writeRecord() {
	take := ch.core.cfg.Record
	if take == nil || ch.profile == nil {
		return
	}
	r := &Record{UUID: ch.uuid, Direction: ch.direction, State: ch.state.String(), StateNumber: int(ch.state), core: ch.core,
		Originator: ch.otherType == originator, Originatee: ch.otherType == originatee,
		Variables: ch.vars.slice(), Applications: ch.appRuns, Callflow: []Chapter{ch.chapter()}}
	for i := len(ch.chapters) - 1; i >= 0; i-- {
		r.Callflow = append(r.Callflow, ch.chapters[i])
	}
	if ch.media != nil && ch.codec.Name != "" {
		stats := ch.media.Stats()
		r.Media = &stats
		r.Variables = append(slices.Clip(r.Variables), qualityVariables(stats)...)
	}
	take(r)
}

// qualityVariables are what templates of records may name besides the variables of the events, whose list is FreeSWITCH's: it keeps other figures of
// its jitter buffer.
func qualityVariables(s media.Stats) []Variable {
	if s.PacketsIn == 0 {
		return nil
	}
	list := []Variable{
		{Name: "rtp_audio_in_lost_packet_count", Value: strconv.FormatInt(max(s.Lost, 0), 10)},
		{Name: "rtp_audio_in_loss_percent", Value: strconv.FormatFloat(s.LossPercent, 'f', 2, 64)},
		{Name: "rtp_audio_in_jitter_ms", Value: strconv.FormatFloat(s.Jitter, 'f', 2, 64)},
	}
	if s.RTT > 0 {
		list = append(list, Variable{Name: "rtp_audio_rtt_ms", Value: strconv.FormatFloat(float64(s.RTT)/float64(time.Millisecond), 'f', 2, 64)})
	}
	return list
}

// Lookup is a variable of the leg.
func (r *Record) Lookup(name string) (Variable, bool) {
	for _, v := range r.Variables {
		if strings.EqualFold(v.Name, name) {
			return v, true
		}
	}
	return Variable{}, false
}

// Var implements dialplan.Env.
func (r *Record) Var(name string) (dialplan.Value, bool) {
	if v, ok := r.Lookup(name); ok {
		return dialplan.Value{Text: v.Value, Wire: v.Wire}, true
	}
	if v, ok := r.field(name); ok {
		return v, true
	}
	if g := r.core.cfg.Globals; g != nil {
		if v, ok := g(name); ok {
			return dialplan.Value{Text: v}, true
		}
	}
	return dialplan.Value{}, false
}

// Func implements dialplan.Env.
func (r *Record) Func(name, args string) (string, bool) {
	if f := r.core.cfg.Funcs; f != nil {
		return f(name, args)
	}
	return "", false
}

// field is a field of the last caller profile or of the channel, by the names that dialplans use.
func (r *Record) field(name string) (dialplan.Value, bool) {
	c := r.Callflow[0]
	for _, f := range []struct{ name, value string }{
		{"uuid", c.UUID}, {"unique_id", c.UUID}, {"direction", r.Direction}, {"state", r.State},
		{"dialplan", c.Dialplan}, {"context", c.Context}, {"source", c.Source}, {"username", c.Username},
		{"caller_id_name", c.CallerName}, {"caller_id_number", c.CallerNumber}, {"network_addr", c.NetworkAddr}, {"ani", c.ANI},
		{"destination_number", c.Destination}, {"chan_name", c.Channel}, {"channel_name", c.Channel}, {"rdnis", c.RDNIS},
	} {
		if f.name == name {
			return dialplan.Value{Text: f.value, Wire: true}, true
		}
	}
	return dialplan.Value{}, false
}

// NewRecord is a record without a leg, for who formats records; it needs one chapter.
func NewRecord(r Record) *Record {
	r.core = &Core{}
	return &r
}
