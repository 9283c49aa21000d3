package control

// limitCommands are those about what a channel counts as.
func (c *Control) limitCommands() map[string]command {
	return map[string]command{
		"uuid_limit": action(c.uuidLimit, "Increase limit resource",
			"<uuid> <backend> <realm> <resource> [<max>[/interval]] [number [dialplan [context]]]"),
		"uuid_limit_release": action(c.uuidLimitRelease, "Release limit resource", "<uuid> <backend> [realm] [resource]"),
	}
}

// uuidLimit is "UUID BACKEND REALM ID [MAX[/SECONDS] [DESTINATION [DIALPLAN [CONTEXT]]]]": what the application limit does.
func (c *Control) uuidLimit(args string) string {
	w := words(args, 2)
	if len(words(args, 8)) < 4 {
		return "USAGE: uuid_limit " + c.table["uuid_limit"].syntax + "\n"
	}
	return c.do(w[0], "limit", w[1], "+OK", "-ERR Cannot find session with uuid "+w[0]+"\n")
}

// uuidLimitRelease is "UUID BACKEND [REALM] [ID]".
func (c *Control) uuidLimitRelease(args string) string {
	w := words(args, 5)
	if len(w) < 2 {
		return "USAGE: uuid_limit_release " + c.table["uuid_limit_release"].syntax + "\n"
	}
	ch, ok := c.steered(w[0])
	if !ok {
		return "-ERR Cannot find session with uuid " + w[0] + "\n"
	}
	realm, id := append(w, "", "")[2], append(w, "", "")[3]
	ch.ReleaseLimits(realm, id)
	return "+OK"
}
