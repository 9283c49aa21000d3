package talkpath

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/internal/profile"
	"github.com/talkpath/talkpath/web"
)

// Addresses is where a running server can be reached. Ports are the bound ones, also where the configuration says 0.
type Addresses struct {
	Page   string `json:"page"`  // URL of the web phone
	WSS    string `json:"wss"`   // URL for SIP over secure WebSocket
	WS     string `json:"ws"`    // and over plain WebSocket
	SIP    string `json:"sip"`   // host:port of UDP
	TCP    string `json:"tcp"`   // host:port of TCP: the same, unless the configuration says 0
	TLS    string `json:"tls"`   // host:port
	ESL    string `json:"esl"`   // host:port of the event socket
	Admin  string `json:"admin"` // URL of metrics and health
	Media  string `json:"media"`
	Domain string `json:"domain"`
}

// Addresses of the running server; the zero value when it does not run. A transport that is off has an empty address.
func (s *Server) Addresses() Addresses {
	ex := s.running.Load()
	if ex == nil {
		return Addresses{}
	}
	c := s.snapshot.Load()
	host := c.Vars["local_ip_v4"]
	at := func(transport string) string {
		for _, p := range usersFirst(ex.running()) {
			if addr := p.Addr(transport); addr != nil {
				return reachable(addr, host)
			}
		}
		return ""
	}
	a := Addresses{
		SIP: at("udp"), TCP: at("tcp"), TLS: at("tls"), ESL: ex.eslAddr.String(), Domain: c.Vars["domain"],
		Media: ex.media.MuxAddr().String(),
	}
	if wss := at("wss"); wss != "" {
		a.Page, a.WSS = "https://"+wss+"/", "wss://"+wss
	}
	if ws := at("ws"); ws != "" {
		a.WS = "ws://" + ws
	}
	if ex.adminAddr != nil {
		a.Admin = "http://" + reachable(ex.adminAddr, host) + "/"
	}
	return a
}

// usersFirst puts the profile that FreeSWITCH's trees keep for users before the others.
func usersFirst(set profile.Set) profile.Set {
	sorted := slices.Clone(set)
	slices.SortStableFunc(sorted, func(a, b *profile.Profile) int { return usersRank(a.Name()) - usersRank(b.Name()) })
	return sorted
}

// reachable turns a bound address into one that others can use: all interfaces become the host given.
func reachable(addr net.Addr, host string) string {
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ap.Addr().IsUnspecified() {
		return net.JoinHostPort(host, strconv.Itoa(int(ap.Port())))
	}
	return ap.String()
}

// Announce prints, for the person who started the server, where to open the web phone, the users and their password, and the addresses of
// WSS, SIP and the event socket. With TALKPATH_READY_JSON=1 in Config.Environ a line of JSON for programs follows; only then
// the event socket's password is printed too.
func (s *Server) Announce(w io.Writer) {
	a := s.Addresses()
	c := s.snapshot.Load()
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-15s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(w, "Talkpath %s is ready.\n\n", Version())
	note := "self-signed certificate: accept it once"
	if !web.Built() {
		note = "without the web phone: the page says how to build it"
	}
	if a.Page != "" {
		row("Web phone", "%s     (%s)", a.Page, note)
	}
	row("Users", "%s", s.describeUsers())
	if a.WSS != "" {
		row("SIP over WSS", "%s", a.WSS)
	}
	row("SIP", "%s", a.describeSIP())
	row("Event socket", "%s     (password: %s)", a.ESL, s.describeESLPassword())
	if a.Admin != "" {
		row("Metrics", "%smetrics     (health: /livez, /readyz)", a.Admin)
	}
	row("Media", "%s udp and tcp for browsers", a.Media)
	fmt.Fprintln(w)
	if environ(s.cfg.Environ, "TALKPATH_READY_JSON") == "1" {
		json.NewEncoder(w).Encode(struct {
			Addresses
			Password    string `json:"password"`
			ESLPassword string `json:"esl_password"`
		}{a, c.Vars["default_password"], c.EventSocket.Password})
	}
}

// describeSIP lists the addresses of plain SIP.
func (a Addresses) describeSIP() string {
	var parts []string
	switch {
	case a.SIP != "" && a.SIP == a.TCP:
		parts = append(parts, a.SIP+" udp/tcp")
	default:
		for _, t := range [][2]string{{a.SIP, "udp"}, {a.TCP, "tcp"}} {
			if t[0] != "" {
				parts = append(parts, t[0]+" "+t[1])
			}
		}
	}
	if a.TLS != "" {
		parts = append(parts, a.TLS+" tls")
	}
	return strings.Join(parts, ", ")
}

// describeUsers says which users there are and, where it is the generated one, their password.
func (s *Server) describeUsers() string {
	c := s.snapshot.Load()
	var ids []string
	shared := ""
	for _, d := range c.Directory.Domains() {
		for _, u := range d.Users {
			ids = append(ids, u.ID)
			if u.Password() == s.secrets.DefaultPassword {
				shared = s.secrets.DefaultPassword
			}
		}
	}
	if len(ids) == 0 {
		return "none"
	}
	text := ids[0]
	if len(ids) > 1 {
		text = fmt.Sprintf("%s … %s (%d)", ids[0], ids[len(ids)-1], len(ids))
	}
	if shared != "" {
		return text + "     password  " + shared
	}
	return text + "     (passwords as configured)"
}

func (s *Server) describeESLPassword() string {
	if s.snapshot.Load().EventSocket.Password == s.secrets.ESLPassword {
		return "in " + s.cfg.StateDir + string(os.PathSeparator) + "secrets.json"
	}
	return "as configured"
}

// environ looks a name up in a list of name=value; the last one wins, as in exec.
func environ(list []string, name string) string {
	value := ""
	for _, entry := range list {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}
