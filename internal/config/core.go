package config

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// core reads switch.conf. FreeSWITCH's own limits are 1000 calls and 30 new ones a second, its ports 16384 to 32768.
func (r *reader) core(n *fsxml.Node) Switch {
	s := r.settings(n)
	c := Switch{
		Name:              s.text("switchname", r.vars["switchname"]),
		MaxSessions:       s.number("max-sessions", 1000, 1, 1_000_000),
		SessionsPerSecond: s.number("sessions-per-second", 30, 1, 1_000_000),
		RTPStart:          s.port("rtp-start-port", 16384),
		RTPEnd:            s.port("rtp-end-port", 32768),
		RTPShards:         s.number("rtp-shards", 0, 0, 256),
		RTPMuxPort:        s.port("rtp-mux-port", r.portVariable("rtp_mux_port", 16383)),
	}
	r.coreRest(&c, n, s)
	if strings.EqualFold(s.text("rtp-mux-tcp-port", ""), "off") {
		c.RTPMuxTCPPort = -1
	} else {
		c.RTPMuxTCPPort = s.port("rtp-mux-tcp-port", r.portVariable("rtp_mux_tcp_port", c.RTPMuxPort))
	}
	switch {
	case c.RTPStart == 0 || c.RTPEnd == 0:
		c.RTPStart, c.RTPEnd = 0, 0
	case c.RTPEnd < c.RTPStart+1:
		r.problem(s.nodes["rtp-end-port"], fsxml.Error, "the RTP ports %d to %d are no range of two or more; 16384 to 32768 is used", c.RTPStart, c.RTPEnd)
		c.RTPStart, c.RTPEnd = 16384, 32768
	case c.RTPMuxPort >= c.RTPStart && c.RTPMuxPort <= c.RTPEnd:
		r.problem(s.nodes["rtp-mux-port"], fsxml.Warning, "rtp-mux-port %d lies within the range of RTP ports %d to %d", c.RTPMuxPort, c.RTPStart, c.RTPEnd)
	}
	return c
}

// ownVariables are those that are looked up here and not by the tree.
var ownVariables = []string{"rtp_mux_port", "rtp_mux_tcp_port", "admin_ip", "admin_port", "admin_pprof"}

// portVariable is the default of a port that FreeSWITCH does not have and its trees therefore do not name: a variable, as -set makes them.
func (r *reader) portVariable(name string, def int) int {
	if port, err := strconv.Atoi(r.vars[name]); err == nil && port >= 0 && port <= 65535 {
		return port
	}
	return def
}

// coreQuiet are parameters of switch.conf without meaning here: threads, databases, clocks, colours.
const coreQuiet = `
switchname max-sessions sessions-per-second rtp-start-port rtp-end-port rtp-mux-port rtp-mux-tcp-port rtp-shards loglevel event-heartbeat-interval
default-dtmf-duration min-dtmf-duration max-dtmf-duration verbose-channel-events enable-early-hangup ice-resolve-candidate max-audio-channels
colorize-console dialplan-timestamps max-db-handles db-handle-timeout mailer-app mailer-app-args dump-cores 1ms-timer cpu-idle-smoothing-depth
enable-clock-nanosleep enable-monotonic-timing enable-softtimer-timerfd enable-cond-yield enable-timer-matrix threaded-system-exec
spawn-instead-of-system tipping-point timer-affinity rtp-port-usage-robustness odbc-skip-autocommit-flip core-db-name core-db-dsn
core-db-pre-trans-execute core-db-post-trans-execute core-db-inner-pre-trans-execute core-db-inner-post-trans-execute core-dbtype
core-non-sqlite-db-required auto-create-schemas auto-clear-sql sql-buffer-len max-sql-buffer-len enable-use-system-time debug-level
session-thread-pool initial-event-threads events-use-dispatch multiple-registrations exclude-error-log-from-xml-cdr crash-protection
`

// coreRest reads the params of switch.conf that few trees set.
func (r *reader) coreRest(c *Switch, n *fsxml.Node, s settings) {
	c.LogLevel = strings.ToLower(s.text("loglevel", ""))
	c.Heartbeat = time.Duration(s.number("event-heartbeat-interval", 20, 0, 1<<20)) * time.Second
	c.DefaultDTMFDuration = s.number("default-dtmf-duration", 2000, 1, 1<<20)
	c.MinDTMFDuration, c.MaxDTMFDuration = s.number("min-dtmf-duration", 400, 1, 1<<20), s.number("max-dtmf-duration", 192000, 1, 1<<20)
	c.VerboseChannelEvents, c.EarlyHangup = s.flag("verbose-channel-events", false), s.flag("enable-early-hangup", false)
	c.ICEResolveCandidates = s.flag("ice-resolve-candidate", false)
	c.MaxAudioChannels = s.number("max-audio-channels", 2, 1, 2)
	for _, list := range n.All("interface-allowlist") {
		for _, x := range list.Children {
			c.InterfaceAllowlist = append(c.InterfaceAllowlist, firstOf(x.Attr("name"), x.Attr("value"), x.Text))
		}
	}
	r.unknownParams("switch.conf", s, words(coreQuiet))
}

// sofiaGlobals reports what sofia.conf sets for all profiles: nothing of it acts yet.
func (r *reader) sofiaGlobals(n *fsxml.Node) {
	s := newSettings(r, n)
	for _, list := range n.All("global_settings") {
		s.add(list)
	}
	r.unknownParams("sofia.conf", s, words("log-level tracelevel debug-presence debug-sla auto-restart max-reg-threads abort-on-empty-external-ip"))
}

// eventSocket reads event_socket.conf. Without a list of addresses FreeSWITCH lets only loopback.auto in (mod_event_socket.c), which
// is why an open listen-ip with the well-known password is not an open door there.
func (r *reader) eventSocket(n *fsxml.Node) EventSocket {
	if n == nil {
		r.problem(nil, fsxml.Warning, "there is no event_socket.conf: the event socket listens on 127.0.0.1:8021")
	}
	s := r.settings(n)
	e := EventSocket{
		ListenIP: s.text("listen-ip", "127.0.0.1"),
		Port:     s.port("listen-port", 8021),
		Password: s.text("password", ""),
		ACLs:     splitNames(s.names("apply-inbound-acl")),

		StopOnBindError: s.flag("stop-on-bind-error", false), NATMap: s.flag("nat-map", false),
		Debug: s.number("debug", 0, 0, 10),
	}
	r.unknownParams("event_socket.conf", s, words("listen-ip listen-port password apply-inbound-acl stop-on-bind-error debug"))
	e.ListenIP = r.listenIP(s, e.ListenIP)
	where := s.nodes["password"]
	if where == nil {
		where = n
	}
	e.ACL = strings.Join(e.ACLs, ",")
	inside := !slices.ContainsFunc(e.ACLs, func(name string) bool { return name != "loopback.auto" })
	switch local := loopback(e.ListenIP) || inside; {
	case e.Password == "":
		r.danger(where, fsxml.Refusal, "the event socket has no password; set esl_password or the param password")
	case knownSecret(e.Password) && !local:
		r.danger(where, fsxml.Refusal, "the event socket is reachable from outside (%s, %s) with a password everybody knows", e.ListenIP, e.ACL)
	case knownSecret(e.Password):
		r.danger(where, fsxml.Warning, "the event socket has a password everybody knows; only this machine may connect")
	}
	return e
}

// listenIP reads the address of a listener that is on loopback unless it is told otherwise.
func (r *reader) listenIP(s settings, text string) string {
	const local = "127.0.0.1"
	if text == "*" {
		return "::"
	}
	ip, err := netip.ParseAddr(strings.Trim(text, "[]"))
	switch {
	case text == "localhost":
		return local
	case err != nil:
		r.problem(s.nodes["listen-ip"], fsxml.Error, "listen-ip must be an IP address, not %q; %s is used", text, local)
		return local
	}
	return ip.String()
}

// loopback says whether an address reaches this machine only.
func loopback(ip string) bool {
	a, err := netip.ParseAddr(ip)
	return err == nil && a.Unmap().IsLoopback()
}

// stockPassword is the password of every user in FreeSWITCH's stock tree.
const stockPassword = "1234"

// knownSecret says whether a password stands in public documentation.
func knownSecret(s string) bool {
	switch s {
	case "ClueCon", stockPassword, "password", "secret", "changeme", "mudar", "freeswitch", "talkpath":
		return true
	}
	return false
}

// splitNames takes lists of names with commas apart.
func splitNames(lists []string) (names []string) {
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}
