package control

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/call"
)

// column is one column of FreeSWITCH's channels table.
type column struct {
	name  string
	value func(*call.Snapshot) string
}

// channelColumns are those of show channels, in order.
func channelColumns() []column {
	return []column{
		{"uuid", func(s *call.Snapshot) string { return s.UUID }},
		{"direction", func(s *call.Snapshot) string { return s.Direction }},
		{"created", func(s *call.Snapshot) string { return s.Created.Local().Format(time.DateTime) }},
		{"created_epoch", func(s *call.Snapshot) string { return strconv.FormatInt(s.Created.Unix(), 10) }},
		{"name", func(s *call.Snapshot) string { return s.Name }},
		{"state", func(s *call.Snapshot) string { return s.State }},
		{"cid_name", func(s *call.Snapshot) string { return s.CallerName }},
		{"cid_num", func(s *call.Snapshot) string { return s.CallerNumber }},
		{"ip_addr", func(s *call.Snapshot) string { return s.NetworkAddr }},
		{"dest", func(s *call.Snapshot) string { return s.Destination }},
		{"application", func(s *call.Snapshot) string { return s.Application }},
		{"application_data", func(s *call.Snapshot) string { return s.ApplicationData }},
		{"dialplan", func(s *call.Snapshot) string { return s.Dialplan }},
		{"context", func(s *call.Snapshot) string { return s.Context }},
		{"read_codec", func(s *call.Snapshot) string { return s.ReadCodec }},
		{"read_rate", func(s *call.Snapshot) string { return number(s.ReadRate) }},
		{"read_bit_rate", func(s *call.Snapshot) string { return bitRate(s.ReadCodec, s.ReadBitRate) }},
		{"write_codec", func(s *call.Snapshot) string { return s.WriteCodec }},
		{"write_rate", func(s *call.Snapshot) string { return number(s.WriteRate) }},
		{"write_bit_rate", func(s *call.Snapshot) string { return bitRate(s.WriteCodec, s.WriteBitRate) }},
		{"secure", func(s *call.Snapshot) string { return s.Secure }},
		{"hostname", func(s *call.Snapshot) string { return s.Hostname }},
		{"presence_id", func(s *call.Snapshot) string { return s.PresenceID }},
		{"presence_data", func(s *call.Snapshot) string { return s.PresenceData }},
		{"accountcode", func(s *call.Snapshot) string { return s.AccountCode }},
		{"callstate", func(s *call.Snapshot) string { return s.CallState }},
		{"callee_name", func(s *call.Snapshot) string { return s.CalleeName }},
		{"callee_num", func(s *call.Snapshot) string { return s.CalleeNumber }},
		{"callee_direction", func(s *call.Snapshot) string { return s.CalleeDirection }},
		{"call_uuid", func(s *call.Snapshot) string { return s.CallUUID }},
		{"sent_callee_name", func(s *call.Snapshot) string { return s.SentCalleeName }},
		{"sent_callee_num", func(s *call.Snapshot) string { return s.SentCalleeNumber }},
		{"initial_cid_name", func(s *call.Snapshot) string { return s.InitialCallerName }},
		{"initial_cid_num", func(s *call.Snapshot) string { return s.InitialCallerNumber }},
		{"initial_ip_addr", func(s *call.Snapshot) string { return s.InitialNetworkAddr }},
		{"initial_dest", func(s *call.Snapshot) string { return s.InitialDestination }},
		{"initial_dialplan", func(s *call.Snapshot) string { return s.InitialDialplan }},
		{"initial_context", func(s *call.Snapshot) string { return s.InitialContext }},
	}
}

// legColumns names the columns of a call's first leg; those of the second have b_ in front and lack some.
type legColumns struct{ a, withoutInB []string }

// basicCalls is FreeSWITCH's view basic_calls.
func basicCalls() legColumns {
	return legColumns{
		a: strings.Fields(`uuid direction created created_epoch name state cid_name cid_num ip_addr dest presence_id presence_data
			accountcode callstate callee_name callee_num callee_direction call_uuid hostname sent_callee_name sent_callee_num`),
		withoutInB: []string{"call_uuid", "hostname"},
	}
}

// detailedCalls is FreeSWITCH's view detailed_calls.
func detailedCalls() legColumns {
	return legColumns{
		a: strings.Fields(`uuid direction created created_epoch name state cid_name cid_num ip_addr dest application application_data
			dialplan context read_codec read_rate read_bit_rate write_codec write_rate write_bit_rate secure hostname presence_id
			presence_data accountcode callstate callee_name callee_num callee_direction call_uuid sent_callee_name sent_callee_num`),
	}
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// bitRate is 0 for a codec without a fixed one, and empty without a codec.
func bitRate(codec string, n int) string {
	if codec == "" {
		return ""
	}
	return strconv.Itoa(n)
}

// showChannels lists channels; like matches part of the uuid, the name, the caller's name or number, or the account, or with a % in it all of
// one, as SQL has it.
func (c *Control) showChannels(like string) report {
	columns := channelColumns()
	r := report{quoted: true}
	for _, col := range columns {
		r.columns = append(r.columns, col.name)
	}
	pattern := strings.ToLower(like)
	if !strings.Contains(pattern, "%") {
		pattern = "%" + pattern + "%"
	}
	for _, s := range c.deps.Core.Channels() {
		matches := func(field string) bool { return matchLike(pattern, strings.ToLower(field)) }
		if like != "" && !slices.ContainsFunc([]string{s.UUID, s.Name, s.CallerName, s.CallerNumber, s.PresenceData, s.AccountCode}, matches) {
			continue
		}
		row := make([]string, len(columns))
		for i, col := range columns {
			row[i] = col.value(&s)
		}
		r.rows = append(r.rows, row)
	}
	return r
}

// matchLike is SQL's LIKE: % stands for any text, _ for any byte.
func matchLike(pattern, text string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '%':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '_' || pattern[p] == text[i]):
			p, i = p+1, i+1
		case star >= 0: // let the last % stand for one more
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "%") == ""
}

// showCalls lists bridged pairs by their first legs and, unless bridgedOnly, channels without a partner with the second leg empty.
func (c *Control) showCalls(legs legColumns, bridgedOnly bool) report {
	byName := map[string]func(*call.Snapshot) string{}
	for _, col := range channelColumns() {
		byName[col.name] = col.value
	}
	r := report{quoted: true}
	var values []func(a, b *call.Snapshot) string
	for _, name := range legs.a {
		f := byName[name]
		r.columns = append(r.columns, name)
		values = append(values, func(a, _ *call.Snapshot) string { return f(a) })
	}
	for _, name := range legs.a {
		if slices.Contains(legs.withoutInB, name) {
			continue
		}
		f := byName[name]
		r.columns = append(r.columns, "b_"+name)
		values = append(values, func(_, b *call.Snapshot) string {
			if b == nil {
				return ""
			}
			return f(b)
		})
	}
	r.columns = append(r.columns, "call_created_epoch")
	values = append(values, func(a, b *call.Snapshot) string {
		if b == nil || a.BridgeCreated.IsZero() {
			return ""
		}
		return strconv.FormatInt(a.BridgeCreated.Unix(), 10)
	})
	for _, pair := range pairs(c.deps.Core.Channels()) {
		if bridgedOnly && pair.b == nil {
			continue
		}
		row := make([]string, len(values))
		for i, f := range values {
			row[i] = f(pair.a, pair.b)
		}
		r.rows = append(r.rows, row)
	}
	return r
}

// CallCounts counts channels and calls as "show" lists them.
type CallCounts struct {
	Channels int
	Calls    int // rows of show calls: bridged pairs, and channels without a partner
	Bridged  int // of them pairs
}

// CallCounts gives the counts.
func (c *Control) CallCounts() CallCounts {
	channels := c.deps.Core.Channels()
	n := CallCounts{Channels: len(channels)}
	for _, p := range pairs(channels) {
		n.Calls++
		if p.b != nil {
			n.Bridged++
		}
	}
	return n
}

type pair struct{ a, b *call.Snapshot }

// pairs puts bridged channels together, in order of creation. The first leg is the one that gave the call its uuid, else the older one.
func pairs(channels []call.Snapshot) []pair {
	byID := map[string]*call.Snapshot{}
	for i := range channels {
		byID[channels[i].UUID] = &channels[i]
	}
	var all []pair
	done := map[string]bool{}
	for i := range channels {
		a := &channels[i]
		if done[a.UUID] {
			continue
		}
		b := byID[a.OtherUUID]
		if b == nil || b == a || b.OtherUUID != a.UUID {
			all = append(all, pair{a: a})
			continue
		}
		done[b.UUID] = true
		if b.CallUUID == b.UUID && a.CallUUID != a.UUID {
			a, b = b, a
		}
		all = append(all, pair{a, b})
	}
	return all
}
