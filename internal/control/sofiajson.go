package control

import (
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/profile"
)

// node is a JSON object with its members in order, printed as cJSON_Print does: tabs, and one behind each colon.
type node []member

// member is a name with a text (already JSON) or a node.
type member struct {
	name string
	text string
	node node
}

func (n *node) put(name, value string) { *n = append(*n, member{name: name, text: quoteJSON(value)}) }

// quoteJSON makes a text a JSON string.
func quoteJSON(s string) string {
	e := esl.Event{Headers: []esl.Header{{Name: "x", Value: s}}}
	text := string(e.AppendJSON(nil)) // {"x":"…"}
	return text[strings.Index(text, ":")+1 : len(text)-1]
}

func (n node) print(b *strings.Builder, depth int) {
	b.WriteString("{\n")
	for i, m := range n {
		b.WriteString(strings.Repeat("\t", depth+1) + quoteJSON(m.name) + ":\t")
		if m.text != "" {
			b.WriteString(m.text)
		} else {
			m.node.print(b, depth+1)
		}
		if i < len(n)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString(strings.Repeat("\t", depth) + "}")
}

// profilesJSON is sofia jsonstatus: profiles and aliases with their state, what is configured, and their gateways.
func (c *Control) profilesJSON() string {
	var profiles node
	rows, _, _ := c.sofiaRows()
	seen := map[string]bool{}
	for _, r := range rows {
		if r.kind == "gateway" || seen[r.name] {
			continue
		}
		seen[r.name] = true
		profiles = append(profiles, member{name: r.name, node: c.profileJSON(r)})
	}
	var b strings.Builder
	node{{name: "profiles", node: profiles}}.print(&b, 0)
	b.WriteByte('\n')
	return b.String()
}

// infoFields are the fields of a profile that jsonstatus has.
const infoFields = " domain-name alias-of auto-nat db-name pres-hosts dialplan context challenge-realm rtp-ip ext-rtp-ip sip-ip ext-sip-ip " +
	"url bind-url tls-url tls-bind-url ws-bind-url wss-bind-url hold-music outbound-proxy "

func (c *Control) profileJSON(r sofiaRow) node {
	var status, info node
	status.put("type", r.kind)
	if r.kind == "alias" {
		status.put("data", r.data)
		status.put("state", r.state)
	} else {
		state, inUse, _ := strings.Cut(r.state, " (")
		inUse, _, _ = strings.Cut(inUse, ")")
		status.put("state", state)
		status = append(status, member{name: "in-use", text: inUse})
		status.put("data", r.data)
		if strings.HasSuffix(r.state, "(TLS)") {
			status.put("transport", "tls")
		}
	}
	out := node{{name: "status", node: status}}
	p, ok := c.profileConfig(r.name)
	if !ok {
		return out
	}
	if gateways := c.gatewaysJSON(r.name); len(gateways) > 0 {
		out = append(out, member{name: "gateways", node: gateways})
	}
	for _, f := range c.profileFields(p, r.name) {
		switch {
		case f.tag == "rtp-ip":
			info = append(info, member{name: f.tag, text: "[" + quoteJSON(f.value) + "]"})
		case strings.Contains(infoFields, " "+f.tag+" "):
			info.put(f.tag, f.value)
		}
	}
	return append(out, member{name: "info", node: info})
}

// gatewaysJSON are the gateways of a profile; an alias has none.
func (c *Control) gatewaysJSON(profileName string) (all node) {
	for _, g := range c.gateways() {
		if g.Profile != profileName {
			continue
		}
		s := c.gatewayState(g)
		var n node
		n.put("type", "gateway")
		n.put("data", g.ToURI())
		n.put("state", string(s.State))
		if s.State == profile.GatewayFailed || s.State == profile.GatewayTrying {
			if left := time.Until(s.Retry); left > 0 {
				n = append(n, member{name: "retry", text: strconv.Itoa(int(left.Seconds()))})
			} else {
				n.put("retry", "never")
			}
		}
		all = append(all, member{name: g.Name, node: n})
	}
	return all
}
