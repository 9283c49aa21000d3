package control

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/internal/profile"
)

// gatewayState asks for a gateway's state. One that nobody runs is shown as what its configuration makes of it.
func (c *Control) gatewayState(g *config.Gateway) profile.GatewayStatus {
	if c.deps.Gateway != nil {
		if s, ok := c.deps.Gateway(g.Profile, g.Name); ok {
			return s
		}
	}
	if g.Register {
		return profile.GatewayStatus{State: profile.GatewayUnregistered}
	}
	return profile.GatewayStatus{State: profile.GatewayNoRegister, Up: true, Since: c.deps.Started}
}

// stateText is a state, and when another attempt follows.
func stateText(s profile.GatewayStatus) string {
	switch s.State {
	case profile.GatewayFailed, profile.GatewayFailWait, profile.GatewayTrying:
	default:
		return string(s.State)
	}
	if left := time.Until(s.Retry); left >= 0 {
		return fmt.Sprintf("%s (retry: %ds)", s.State, int(left.Seconds()))
	}
	return string(s.State) + " (retry: NEVER)"
}

// gatewayData is "NAME ivar|ovar|var VARIABLE": what is not there is empty.
func (c *Control) gatewayData(args string) string {
	if args == "" {
		return "-ERR Parameter missing\n"
	}
	words := strings.Fields(args)
	if len(words) < 3 {
		return ""
	}
	g, ok := c.deps.Config().Gateway(words[0])
	if !ok {
		return ""
	}
	switch strings.ToLower(words[1]) {
	case "ivar":
		return g.InVariables.Value(words[2])
	case "ovar":
		return g.OutVariables.Value(words[2])
	case "var":
		if v, ok := g.InVariables.Lookup(words[2]); ok {
			return v
		}
		return g.OutVariables.Value(words[2])
	}
	return ""
}

// gatewayStatus is the table of all gateways, or all about one.
func (c *Control) gatewayStatus(words []string, asXML bool) string {
	var b strings.Builder
	if len(words) == 0 {
		if !asXML {
			return c.gatewaysText()
		}
		b.WriteString(xmlHead + "<gateways>\n")
		for _, g := range c.gateways() {
			b.WriteString(c.gatewayXML(g))
		}
		b.WriteString("</gateways>\n")
		return b.String()
	}
	g, ok := c.deps.Config().Gateway(words[0])
	switch {
	case !ok:
		return "Invalid Gateway!\n"
	case asXML:
		return xmlHead + c.gatewayXML(g)
	}
	b.WriteString(line)
	for _, r := range c.gatewayRows(g) {
		fmt.Fprintf(&b, "%-8s\t%s\n", r[0], oneLine(r[1]))
	}
	b.WriteString(line)
	return b.String()
}

// gateways are those of the profiles that run.
func (c *Control) gateways() []*config.Gateway {
	var list []*config.Gateway
	all := c.deps.Config().Gateways
	for i := range all {
		if c.runs(all[i].Profile) {
			list = append(list, &all[i])
		}
	}
	return list
}

func (c *Control) gatewayXML(g *config.Gateway) string {
	var b strings.Builder
	b.WriteString("  <gateway>\n")
	for _, r := range c.gatewayTags(g) {
		fmt.Fprintf(&b, "    <%s>%s</%s>\n", r[0], escapeXML(r[1]), r[0])
	}
	b.WriteString("  </gateway>\n")
	return b.String()
}

// gatewayTags are the rows as XML has them: with names, and some values, of its own.
func (c *Control) gatewayTags(g *config.Gateway) [][2]string {
	s := c.gatewayState(g)
	var tags [][2]string
	for _, r := range c.gatewayRows(g) {
		name, value := strings.ToLower(r[0]), r[1]
		switch r[0] {
		case "PingState":
			count := strings.Split(value, "/")
			tags = append(tags, [2]string{"pingmin", count[0]}, [2]string{"pingcount", count[1]}, [2]string{"pingmax", count[2]})
			continue
		case "PingTime": // it comes after the others
			continue
		case "State":
			tags = append(tags, [2]string{"pingtime", fmt.Sprintf("%0.2f", milliseconds(s.PingTime))}, [2]string{"pinging", flag(s.Pinging)})
		case "Status":
			value = strings.TrimSuffix(value, " (ping)")
		case "Uptime":
			name, value = "uptime-usec", "0"
			if s.Up {
				value = strconv.FormatInt(time.Since(s.Since).Microseconds(), 10)
			}
		case "CallsIN", "CallsOUT", "FailedCallsIN", "FailedCallsOUT":
			name = map[string]string{"CallsIN": "calls-in", "CallsOUT": "calls-out", "FailedCallsIN": "failed-calls-in",
				"FailedCallsOUT": "failed-calls-out"}[r[0]]
		}
		tags = append(tags, [2]string{name, value})
	}
	if _, retry, ok := strings.Cut(stateText(s), "(retry: "); ok {
		tags = append(tags, [2]string{"retry", strings.TrimSuffix(retry, ")")})
	}
	return tags
}

func (c *Control) gatewayRows(g *config.Gateway) [][2]string {
	s := c.gatewayState(g)
	password, status, uptime, ping := "yes", "DOWN", 0, 0
	if g.Password == "" {
		password = "no"
	}
	if s.Up {
		status, uptime = "UP", int(time.Since(s.Since).Seconds())
	}
	if s.Pinging {
		status += " (ping)"
	}
	if g.Ping > 0 {
		ping = int(g.Ping.Seconds())
	}
	proxy := g.RegisterProxy
	if proxy == "" {
		proxy = "sip:" + g.Proxy
	}
	n, count := strconv.Itoa, func(n uint64) string { return strconv.FormatUint(n, 10) }
	return [][2]string{
		{"Name", g.Name}, {"Profile", g.Profile}, {"Scheme", "Digest"}, {"Realm", g.Realm}, {"Username", g.Username},
		{"Password", password}, {"From", "<" + g.FromURI() + ">"}, {"Contact", "<" + s.Contact + ">"}, {"Exten", g.Extension},
		{"To", g.ToURI()}, {"Proxy", proxy}, {"Context", g.Context}, {"Expires", n(g.ExpireSeconds)}, {"Freq", n(frequency(s, g))},
		{"Ping", n(ping)}, {"PingFreq", n(ping)}, {"PingTime", fmt.Sprintf("%0.2f", milliseconds(s.PingTime))},
		{"PingState", fmt.Sprintf("%d/%d/%d", g.PingMin, s.PingCount, g.PingMax)},
		{"State", string(s.State)}, {"Status", status}, {"Uptime", n(uptime) + "s"}, {"CallsIN", count(s.CallsIn)}, {"CallsOUT", count(s.CallsOut)},
		{"FailedCallsIN", count(s.FailedCallsIn)}, {"FailedCallsOUT", count(s.FailedCallsOut)},
	}
}

// frequency is how often the gateway registers, in seconds: what was granted, else what is asked for.
func frequency(s profile.GatewayStatus, g *config.Gateway) int {
	if s.Granted > 0 {
		return int(s.Granted.Seconds())
	}
	return g.ExpireSeconds
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (c *Control) gatewaysText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%25s\t%32s\t%s\t%9s\t%s\t%s\n", "Profile::Gateway-Name", "    Data    ", "State", "Ping Time", "IB Calls(F/T)", "OB Calls(F/T)")
	b.WriteString(line)
	var total profile.GatewayStatus
	all := c.gateways()
	for _, g := range all {
		s := c.gatewayState(g)
		total.CallsIn, total.CallsOut = total.CallsIn+s.CallsIn, total.CallsOut+s.CallsOut
		total.FailedCallsIn, total.FailedCallsOut = total.FailedCallsIn+s.FailedCallsIn, total.FailedCallsOut+s.FailedCallsOut
		waits := strings.TrimPrefix(stateText(s), string(s.State)) // at the end of the row here
		fmt.Fprintf(&b, "%25s\t%32s\t%s\t%6.2f\t%d/%d\t%d/%d%s\n", g.Profile+"::"+g.Name, g.ToURI(), s.State, milliseconds(s.PingTime),
			s.FailedCallsIn, s.CallsIn, s.FailedCallsOut, s.CallsOut, waits)
	}
	b.WriteString(line)
	fmt.Fprintf(&b, "%d gateway%s: Inbound(Failed/Total): %d/%d,Outbound(Failed/Total):%d/%d\n", len(all), plural(len(all), "s"),
		total.FailedCallsIn, total.CallsIn, total.FailedCallsOut, total.CallsOut)
	return b.String()
}

// steerGateway ends a gateway until the profile's next rescan, or begins or ends its registration; a name of "all" or "_all_" means every
// gateway of the profile.
func (c *Control) steerGateway(profileName, action, name string) string {
	if c.deps.SteerGateway == nil {
		return notAvailable
	}
	killing := action == "killgw"
	switch {
	case name == "" && killing:
		return "-ERR missing gw name\n"
	case name == "":
		return "No gateway name provided!\n"
	}
	every := strings.EqualFold(name, "_all_") && killing || strings.EqualFold(name, "all") && !killing
	_, name, _ = cutLast(name, "::")
	found := 0
	for _, g := range c.deps.Config().Gateways {
		if g.Profile == profileName && (every || g.Name == name) && c.deps.SteerGateway(profileName, g.Name, action) {
			found++
		}
	}
	switch {
	case killing && every:
		return "+OK every gateway marked for deletion.\n"
	case killing && found == 0:
		return "-ERR no such gateway.\n"
	case killing:
		return "+OK gateway marked for deletion.\n"
	case found == 0 && !every:
		return "Invalid gateway!\n"
	}
	return "+OK\n"
}

// startGateway reads the configuration again, which starts the gateways that are new in it or were ended.
func (c *Control) startGateway(ctx context.Context, profileName, name string) string {
	if name == "" {
		return "-ERR missing gw name\n"
	}
	return c.act(c.deps.RescanProfile, ctx, profileName, "+OK start gateway "+oneLine(name)+" complete\n",
		"-ERR cannot add gateway "+oneLine(name)+" for profile "+profileName)
}

// cutLast splits at the last separator; without one all is after it.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}
