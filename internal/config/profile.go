package config

import (
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// Defaults of a profile's params where FreeSWITCH has none that suits, and its own otherwise (sofia.c).
const (
	defaultCodecs      = "OPUS,G722,PCMU,PCMA"
	defaultNonceTTL    = 60
	defaultMaxBindings = 10
	maxProfiles        = 1000
)

// profiles reads sofia.conf, each name once.
func (r *reader) profiles(n *fsxml.Node) []Profile {
	var all []Profile
	seen := map[string]*fsxml.Node{}
	for _, list := range n.All("profiles") {
		for _, p := range list.All("profile") {
			name := p.Attr("name")
			if name == "" {
				r.problem(p, fsxml.Error, "a profile needs a name; it is ignored")
				continue
			}
			if first := seen[name]; first != nil {
				r.problem(p, fsxml.Error, "profile %q stands at %s:%d already; this one is ignored", name, first.File, first.Line)
				continue
			}
			if len(all) == maxProfiles {
				r.problem(p, fsxml.Error, "more than %d profiles; the others are ignored", maxProfiles)
				return all
			}
			seen[name] = p
			all = append(all, r.profile(name, p))
		}
	}
	return all
}

func (r *reader) profile(name string, n *fsxml.Node) Profile {
	s := r.settings(n)
	codecs := s.text("codec-prefs", defaultCodecs)
	p := Profile{
		Name: name, File: n.File, Line: n.Line,
		SIPIP: s.address("sip-ip"), RTPIP: s.address("rtp-ip"),
		SIPPort: s.port("sip-port", 5060), TLSPort: s.port("tls-sip-port", 5061),
		TLS:       s.flag("tls", false),
		WSBinding: s.binding("ws-binding"), WSSBinding: s.binding("wss-binding"),
		CertDir: s.text("tls-cert-dir", r.vars["certs_dir"]),
		Context: s.text("context", "default"), Dialplan: s.text("dialplan", "XML"),
		AuthCalls:             s.flag("auth-calls", true),
		ChallengeRealm:        s.text("challenge-realm", "auto_to"),
		ForceRegisterDomain:   s.text("force-register-domain", ""),
		ForceRegisterDBDomain: s.text("force-register-db-domain", ""),
		InboundCodecPrefs:     s.text("inbound-codec-prefs", codecs),
		OutboundCodecPrefs:    s.text("outbound-codec-prefs", codecs),
		RTPTimeout:            s.seconds("rtp-timeout-sec", 0), RTPHoldTimeout: s.seconds("rtp-hold-timeout-sec", 0),
		UserAgent: s.text("user-agent-string", ""),
		NonceTTL:  s.seconds("nonce-ttl", defaultNonceTTL),
		// "contact" and "call-id" say how FreeSWITCH tells registrations apart; only a plain "false" means one a user.
		MultipleRegistrations:        !strings.EqualFold(s.text("multiple-registrations", "true"), "false"),
		MaxRegistrationsPerExtension: s.number("max-registrations-per-extension", defaultMaxBindings, 1, 1000),
		Params:                       map[string]string{},
	}
	p.readExternal(s)
	for name, node := range s.nodes {
		p.Params[name] = node.Attr("value")
	}
	for _, list := range n.All("aliases") {
		for _, a := range list.All("alias") {
			p.Aliases = append(p.Aliases, a.Attr("name"))
		}
	}
	for _, a := range s.every["alias"] {
		p.Aliases = append(p.Aliases, a.Attr("value"))
	}
	p.certDirNode, p.verifyNode = s.nodes["tls-cert-dir"], s.nodes["tls-verify-policy"]
	p.ProfileSettings = r.profileSettings(n, s)
	newParamTable().judge(r, s.list)
	if !strings.EqualFold(p.Dialplan, "XML") && !strings.HasPrefix(strings.ToUpper(p.Dialplan), "XML,") {
		r.problem(s.nodes["dialplan"], fsxml.Warning, "only the XML dialplan is supported, not %q", p.Dialplan)
	}
	return p
}

// nameAliases completes the other names of each profile: those of <aliases> and alias params, then the domains that its <domains> make aliases ("all" is
// every domain of the directory). A name that is a profile's, or an earlier profile's alias, stays with that one.
func nameAliases(s *Snapshot) {
	taken := map[string]bool{}
	for i := range s.Profiles {
		taken[s.Profiles[i].Name] = true
	}
	for i := range s.Profiles {
		p := &s.Profiles[i]
		var list []string
		take := func(name string) {
			if name != "" && !taken[name] {
				taken[name] = true
				list = append(list, name)
			}
		}
		for _, name := range p.Aliases {
			take(name)
		}
		for _, d := range p.Domains {
			switch {
			case !d.Alias:
			case d.Name != "all":
				take(d.Name)
			default:
				for _, x := range s.Directory.domains {
					take(x.Name)
				}
			}
		}
		p.Aliases = list
	}
}
