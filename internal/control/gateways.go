package control

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/config"
)

// GatewayState is what a gateway does now.
type GatewayState struct {
	State   string // NOREG, UNREGED, TRYING, REGED, FAIL_WAIT, EXPIRED …
	Up      bool
	UpSince time.Time
	Retry   time.Time // when the next attempt to register is due; zero: none is
	Ping    time.Duration
	// Contact is what is registered.
	Contact                                string
	CallsIn, CallsOut, FailedIn, FailedOut int
}

// gatewayState asks for a gateway's state. One that nobody runs is shown as what its configuration makes of it.
func (c *Control) gatewayState(g *config.Gateway) GatewayState {
	if c.deps.Gateway != nil {
		if s, ok := c.deps.Gateway(g.Profile, g.Name); ok {
			return s
		}
	}
	if g.Register {
		return GatewayState{State: "UNREGED"}
	}
	return GatewayState{State: "NOREG", Up: true, UpSince: c.deps.Started}
}

// retryText is what FreeSWITCH writes behind a state that waits for another attempt.
func (s GatewayState) retryText() string {
	switch s.State {
	case "FAILED", "FAIL_WAIT", "TRYING":
	default:
		return ""
	}
	if left := time.Until(s.Retry); left >= 0 {
		return fmt.Sprintf(" (retry: %ds)", int(left.Seconds()))
	}
	return " (retry: NEVER)"
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
	if len(words) == 0 {
		return c.gatewaysText()
	}
	g, ok := c.deps.Config().Gateway(words[0])
	if !ok {
		return "Invalid Gateway!\n"
	}
	rows := c.gatewayRows(g)
	var b strings.Builder
	if asXML {
		b.WriteString(xmlHead + "  <gateway>\n")
		for _, r := range rows {
			name := strings.ToLower(r[0])
			fmt.Fprintf(&b, "    <%s>%s</%s>\n", name, escapeXML(r[1]), name)
		}
		b.WriteString("  </gateway>\n")
		return b.String()
	}
	b.WriteString(line)
	for _, r := range rows {
		fmt.Fprintf(&b, "%-8s\t%s\n", r[0], oneLine(r[1]))
	}
	b.WriteString(line)
	return b.String()
}

func (c *Control) gatewayRows(g *config.Gateway) [][2]string {
	s := c.gatewayState(g)
	password, status, uptime, ping := "yes", "DOWN", 0, 0
	if g.Password == "" {
		password = "no"
	}
	if s.Up {
		status, uptime = "UP", int(time.Since(s.UpSince).Seconds())
	}
	if g.Ping > 0 {
		status, ping = status+" (ping)", int(g.Ping.Seconds())
	}
	proxy := g.RegisterProxy
	if proxy == "" {
		proxy = "sip:" + g.Proxy
	}
	n := strconv.Itoa
	return [][2]string{
		{"Name", g.Name}, {"Profile", g.Profile}, {"Scheme", "Digest"}, {"Realm", g.Realm}, {"Username", g.Username},
		{"Password", password}, {"From", "<" + g.FromURI() + ">"}, {"Contact", "<" + s.Contact + ">"}, {"Exten", g.Extension},
		{"To", g.ToURI()}, {"Proxy", proxy}, {"Context", g.Context}, {"Expires", n(g.ExpireSeconds)}, {"Freq", n(g.ExpireSeconds)},
		{"Ping", n(ping)}, {"PingFreq", n(ping)}, {"PingTime", fmt.Sprintf("%0.2f", milliseconds(s.Ping))},
		{"State", s.State}, {"Status", status}, {"Uptime", n(uptime) + "s"}, {"CallsIN", n(s.CallsIn)}, {"CallsOUT", n(s.CallsOut)},
		{"FailedCallsIN", n(s.FailedIn)}, {"FailedCallsOUT", n(s.FailedOut)},
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (c *Control) gatewaysText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%25s\t%32s\t%s\t%9s\t%s\t%s\n", "Profile::Gateway-Name", "    Data    ", "State", "Ping Time", "IB Calls(F/T)", "OB Calls(F/T)")
	b.WriteString(line)
	var total GatewayState
	count := 0
	all := c.deps.Config().Gateways
	for i := range all {
		g := &all[i]
		if !c.runs(g.Profile) {
			continue
		}
		s := c.gatewayState(g)
		count++
		total.CallsIn, total.CallsOut = total.CallsIn+s.CallsIn, total.CallsOut+s.CallsOut
		total.FailedIn, total.FailedOut = total.FailedIn+s.FailedIn, total.FailedOut+s.FailedOut
		fmt.Fprintf(&b, "%25s\t%32s\t%s\t%6.2f\t%d/%d\t%d/%d%s\n", g.Profile+"::"+g.Name, g.ToURI(), s.State, milliseconds(s.Ping),
			s.FailedIn, s.CallsIn, s.FailedOut, s.CallsOut, s.retryText())
	}
	b.WriteString(line)
	fmt.Fprintf(&b, "%d gateway%s: Inbound(Failed/Total): %d/%d,Outbound(Failed/Total):%d/%d\n", count, plural(count, "s"),
		total.FailedIn, total.CallsIn, total.FailedOut, total.CallsOut)
	return b.String()
}

// steerGateway ends a gateway until the profile's next rescan, or begins or ends its registration; a name of "all" or "_all_" means every
// gateway of the profile.
func (c *Control) steerGateway(profile, action, name string) string {
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
		if g.Profile == profile && (every || g.Name == name) && c.deps.SteerGateway(profile, g.Name, action) {
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

// cutLast splits at the last separator; without one all is after it.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}
