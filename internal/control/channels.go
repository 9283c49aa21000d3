package control

import (
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/internal/call"
)

const noSuchChannel = "-ERR No such channel!\n"

// channelCommands show and steer calls.
func (c *Control) channelCommands() map[string]command {
	return map[string]command{
		"originate": action(c.originate, "Originate a call", "<call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>] "+
			"[<cid_name>] [<cid_num>] [<timeout_sec>]"),
		"hupall":            action(c.hupall, "hupall", "<cause> [<var> <value>] [<var2> <value2>]"),
		"uuid_kill":         query(c.uuidKill, "Kill channel", "<uuid> [cause]"),
		"uuid_exists":       query(c.uuidExists, "Check if a uuid exists", "<uuid>"),
		"uuid_dump":         {run: c.uuidDump, help: "Dump session vars", syntax: "<uuid> [format]"},
		"uuid_getvar":       query(c.uuidGetvar, "Get a variable from a channel", "<uuid> <var>"),
		"uuid_setvar":       {run: c.uuidSetvar, help: "Set a variable", syntax: "<uuid> <var> [value]"},
		"uuid_setvar_multi": {run: c.uuidSetvars, help: "Set multiple variables", syntax: "<uuid> <var>=<value>;<var>=<value>..."},
		"uuid_transfer":     action(c.uuidTransfer, "Transfer a session", "<uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]"),
		"uuid_bridge":       query(c.uuidBridge, "Bridge call legs", "<uuid> <other_uuid>"),
		"uuid_park":         query(c.uuidPark, "Park channel", "<uuid>"),
		"uuid_answer":       query(c.uuidAnswer, "answer", "<uuid>"),
		"uuid_pre_answer":   query(c.uuidPreAnswer, "pre_answer", "<uuid>"),
		"uuid_broadcast":    action(c.uuidBroadcast, "Execute dialplan application", "<uuid> <path> [aleg|bleg|holdb|both]"),
		"uuid_send_dtmf":    query(c.uuidSendDTMF, "Send dtmf digits", "<uuid> <dtmf_data>"),
		"uuid_recv_dtmf":    query(c.uuidRecvDTMF, "Receive dtmf digits", "<uuid> <dtmf_data>"),
	}
}

// storeCommands read and change what calls remember beyond their end.
func (c *Control) storeCommands() map[string]command {
	store := func(f func(*call.Store, string) string) func(string) string {
		return func(args string) string { return f(c.deps.Core.Store(), args) }
	}
	return map[string]command{
		"hash":        query(store((*call.Store).Hash), "hash get/set", "[insert|insert_ifempty|delete|delete_ifmatch|select]/<realm>/<key>/<value>"),
		"db":          query(store((*call.Store).DB), "db get/set", "[insert|delete|select|exists|count|list]/<realm>/<key>/<value>"),
		"group":       query(store((*call.Store).Group), "group [insert|delete|call]", "[insert|delete|call]:<group name>:<url>"),
		"limit_usage": query(store((*call.Store).LimitUsage), "Get the usage count of a limited resource", "<backend> <realm> <id> [rate]"),
		"limit_hash_usage": query(func(args string) string { return c.deps.Core.Store().LimitUsage("hash " + args) },
			"Deprecated: gets the usage count of a limited resource", "<realm> <id> [rate]"),
		"limit_status": query(func(string) string { return c.deps.Core.Store().LimitStatus() }, "Get the status of a limit backend", "<backend>"),
		"limit_reset":  action(func(string) string { return c.deps.Core.Store().LimitReset() }, "Reset the counters of a limit backend", "<backend>"),
	}
}

// channel finds a channel's snapshot.
func (c *Control) channel(id string) (call.Snapshot, bool) {
	if id == "" {
		return call.Snapshot{}, false
	}
	for _, s := range c.deps.Core.Channels() {
		if s.UUID == id {
			return s, true
		}
	}
	return call.Snapshot{}, false
}

// channelVariable looks a variable up, or one of the fields that expansion knows by a variable's name.
func channelVariable(s call.Snapshot, name string) (string, bool) {
	if value, ok := s.Variable(name); ok {
		return value, true
	}
	value := map[string]string{
		"uuid": s.UUID, "channel_name": s.Name, "direction": s.Direction, "caller_id_name": s.CallerName,
		"caller_id_number": s.CallerNumber, "destination_number": s.Destination, "network_addr": s.NetworkAddr, "context": s.Context,
		"dialplan": s.Dialplan,
	}[name]
	return value, value != ""
}

// cause reads a hang-up cause; FreeSWITCH takes an unknown one for NORMAL_CLEARING.
func cause(text string) call.Cause {
	if parsed, ok := call.ParseCause(text); ok {
		return parsed
	}
	return call.NormalClearing
}

// hupall is "[cause [variable value]…]". Without a cause it is MANAGER_REQUEST. With variables, only channels with all of them are
// hung up.
func (c *Control) hupall(args string) string {
	words := strings.Fields(args)
	why := call.ManagerRequest
	if len(words) > 0 {
		why = cause(words[0])
	}
	if len(words) < 3 {
		c.deps.Core.HangupAll(why, nil)
		return "+OK hangup all channels with cause " + string(why) + "\n"
	}
	pairs := words[1:]
	c.deps.Core.HangupAll(why, func(s call.Snapshot) bool {
		for i := 0; i+1 < len(pairs); i += 2 {
			if value, ok := s.Variable(pairs[i]); !ok || value != pairs[i+1] {
				return false
			}
		}
		return true
	})
	more := ""
	if len(pairs) > 3 {
		more = "..."
	}
	return "+OK hangup all channels matching [" + oneLine(pairs[0]) + "]=[" + oneLine(pairs[1]) + "]" + more + " with cause: " + string(why) + "\n"
}

func (c *Control) uuidKill(args string) string {
	words := strings.Fields(args)
	if len(words) == 0 {
		return c.usage("uuid_kill")
	}
	why := call.NormalClearing
	if len(words) > 1 {
		why = cause(words[1])
	}
	if c.deps.Core.HangupAll(why, func(s call.Snapshot) bool { return s.UUID == words[0] }) == 0 {
		return noSuchChannel
	}
	return "+OK\n"
}

func (c *Control) uuidExists(id string) string {
	_, ok := c.channel(id)
	return boolText(ok)
}

func (c *Control) uuidGetvar(args string) string {
	words := strings.Fields(args)
	if len(words) < 2 {
		return c.usage("uuid_getvar")
	}
	s, ok := c.channel(words[0])
	if !ok {
		return noSuchChannel
	}
	if value, ok := indexedVariable(s, words[1]); ok {
		return value
	}
	if value, ok := channelVariable(s, words[1]); ok {
		return value
	}
	return "_undef_"
}

// indexedVariable is "name[n]": one value of a variable that has several; of one that has one value, that. A peer's text is one value.
func indexedVariable(s call.Snapshot, expr string) (string, bool) {
	name, index, ok := strings.Cut(expr, "[")
	if !ok || !strings.Contains(index, "]") {
		return "", false
	}
	for _, v := range s.Variables {
		if v.Name != name {
			continue
		}
		n, _ := strconv.Atoi(index[:strings.IndexByte(index, ']')])
		joined, isArray := strings.CutPrefix(v.Value, "ARRAY::")
		if !isArray || v.Wire || n < 0 {
			return v.Value, true
		}
		values := strings.Split(joined, "|:")
		if n >= len(values) {
			return "", false
		}
		return values[n], true
	}
	return "", false
}
