package call

import (
	"net/netip"
	"strconv"

	"github.com/google/uuid"
	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
)

// env is what dialplan expansion reads of a channel: its variables, then its caller profile, then the globals.
type env struct{ ch *Channel }

// Var implements dialplan.Env.
func (e env) Var(name string) (dialplan.Value, bool) {
	if v, ok := e.ch.vars.lookup(name); ok {
		return dialplan.Value{Text: v.Value, Wire: v.Wire}, true
	}
	if v, ok := e.field(name); ok {
		return v, true
	}
	if g := e.ch.core.cfg.Globals; g != nil {
		if v, ok := g(name); ok {
			return dialplan.Value{Text: v}, true
		}
	}
	return dialplan.Value{}, false
}

// Func implements dialplan.Env.
func (e env) Func(name, args string) (string, bool) {
	if text, ok := e.ch.core.store.function(name, args); ok {
		return text, true
	}
	if f := e.ch.core.cfg.Funcs; f != nil {
		return f(name, args)
	}
	return "", false
}

// field is a caller profile field, switch_caller_get_field_by_name. What the peer chose is marked as such.
func (e env) field(name string) (dialplan.Value, bool) {
	p := e.ch.profile
	if p == nil {
		return dialplan.Value{}, false
	}
	wire := func(s string) (dialplan.Value, bool) { return dialplan.Value{Text: s, Wire: true}, true }
	own := func(s string) (dialplan.Value, bool) { return dialplan.Value{Text: s}, true }
	switch name {
	case "dialplan":
		return own(p.Dialplan)
	case "context":
		return own(p.Context)
	case "source":
		return own(p.Source)
	case "uuid", "unique_id":
		return own(p.UUID)
	case "profile_index":
		return own(decimal(uint64(p.Index)))
	case "created_time":
		return own(micros(p.Times.Created))
	case "answered_time":
		return own(micros(p.Times.Answered))
	case "username":
		return wire(p.Username)
	case "caller_id_name":
		return wire(p.CallerName)
	case "caller_id_number":
		return wire(p.CallerNumber)
	case "orig_caller_id_name":
		return wire(p.OrigName)
	case "orig_caller_id_number":
		return wire(p.OrigNumber)
	case "callee_id_name":
		return wire(p.CalleeName)
	case "callee_id_number":
		return wire(p.CalleeNumber)
	case "network_addr":
		return wire(p.NetworkAddr)
	case "ani":
		return wire(p.ANI)
	case "destination_number":
		return wire(p.Destination)
	case "chan_name":
		return wire(p.Channel)
	case "rdnis":
		return wire(p.RDNIS)
	case "transfer_source":
		return wire(p.TransferSource)
	case "aniii":
		return own("")
	}
	return dialplan.Value{}, false
}

// inlineEnv executes inline actions while the dialplan is searched.
type inlineEnv struct{ env }

// Inline implements dialplan.Inliner. Only applications that change nothing but variables may run inline.
func (e inlineEnv) Inline(a dialplan.Action) {
	switch a.App {
	case "set", "unset", "export", "multiset", "log", "eval", "push", "hash", "db", "set_profile_var", "set_user", "event", "privacy":
		e.ch.core.apps[a.App](e.ch, a.Data.Expand(e.env))
	default:
		e.ch.log.Warn("application does not run inline", "application", a.App)
	}
}

func newUUID() string { return uuid.NewString() }

// codecsByName are the codecs of a preference list; an empty list means all.
func codecsByName(prefs string) []media.Codec {
	if prefs == "" {
		return media.DefaultCodecs()
	}
	return media.CodecsByName(prefs)
}

// codecsFor are the codecs of a preference list and comfort noise, without telephone-event where digits go another way.
func codecsFor(prefs, dtmfType string) []media.Codec {
	codecs := append(codecsByName(prefs), media.ComfortNoise())
	if dtmfType == dtmfInfo || dtmfType == dtmfNone {
		codecs = filter(codecs, func(c media.Codec) bool { return !c.IsTelephoneEvent() })
	}
	return codecs
}

func peerIP(addr string) netip.Addr {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return netip.Addr{}
	}
	return a
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }
