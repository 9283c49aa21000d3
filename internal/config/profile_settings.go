package config

import (
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// ACLRule is one apply-inbound-acl: a network list and, when the tree says so, the dialplan contexts of callers whom it allows and of those it
// does not (LIST:PASS:FAIL).
type ACLRule struct{ List, Pass, Fail string }

// ProfileSettings are params of a SIP profile beyond those it cannot run without, with FreeSWITCH's defaults (config_sofia in sofia.c) where none
// is said.
type ProfileSettings struct {
	ExtSIPPort            int // 0 = the port of sip-port
	SIPDomain, RouteProxy string
	TLSOnly               bool
	TLSSettings
	AuthSubscriptions, AuthMessages                   bool // on
	AuthAllPackets, AcceptBlindReg, AcceptBlindAuth   bool
	AuthCallsACLOnly, AuthRequireUser, BlindReply403  bool
	ForceMatchingUsername                             bool // inbound-reg-force-matching-username
	MaxAuthValidity                                   int  // uses of a nonce; 0 = any number
	InboundACL                                        []ACLRule
	ProxyACL, RegisterACL, NATACL, CandidateACL       []string
	LocalNetworkACL                                   string // localnet.auto; "" = none
	ForceSubscriptionDomain                           string
	RFC2833PT                                         int    // 101
	DTMFType                                          string // rfc2833, info or none
	DTMFDuration                                      int    // of a digit, in samples of 8 kHz: 100 in FreeSWITCH's code, 2000 in its stock tree
	LiberalDTMF, PassRFC2833                          bool
	CodecNegotiation                                  string // generous, greedy or scrooge
	LateNegotiation, BypassMedia, ProxyMedia          bool   // inbound-…
	DisableTranscoding, RequireSecureRTP              bool
	SuppressCNG                                       bool          // no comfort noise is agreed on
	SessionTimers                                     bool          // enable-timer; on
	SessionTimeout, MinSessionExpires                 time.Duration // 0 = the stack's own
	T1, T2, T4                                        time.Duration // 0 = RFC 3261's
	HoldMusic                                         string
	MediaOptions                                      []string
	DisableTransfer, DisableRegister, DisableHold     bool
	SIPTrace, LogAuthFailures                         bool
	NATOptionsPing, AllOptionsPing                    bool
	UDPNATOptionsPing                                 bool // nat-options-ping is udp-only
	PingMax, PingMin                                  int  // sip-user-ping-…: answers counted at most, and those that make a contact reachable; 3 and 1
	UnregisterOnOptionsFail, UnregisterOnSocketClose  bool
	PingInterval                                      time.Duration // ping-mean-interval, 30 s
	MaxProceeding, MaxCalls                           int           // 0 = no limit
	MaxRequestsPerSecond                              int           // of all peers together; 0 = no limit
	ForceRport, CallerIDType                          string        // NDLB-force-rport as written; rpid, pid or none
	ReceivedInContact, AggressiveNAT, PassCalleeID    bool
	ForceExpires, ForceExpiresMin, ForceExpiresMax    int // seconds; 0 = as asked for
	ExpiresMaxDeviation                               int
	RecordPath, RecordTemplate                        string
	ParseAllInviteHeaders, FullIDInDialplan           bool
	ManualRedirect, Require100rel, Respond503OnBusy   bool
	UserAgentFilter, PresenceHosts, PAssertedIDParse  string
	ManagePresence                                    bool
	ProxyRefer, ProxyInfo, ProxyMessage, Enable3PCC   bool
	InboundUseCallIDAsUUID, OutboundUseUUIDAsCallID   bool
	CIDIn1xx, DisableSRV, DisableNAPTR, RTPAutoAdjust bool
	ReconnectTimeout                                  time.Duration // websocket-reconnect-timeout, ours: how long a call outlives its WebSocket; 30 s, 0 = for ever
	StrictWildcard                                    bool          // strict-contact-wildcard, ours: "Contact: *" removes all devices of the user
	Domains                                           []ProfileDomain
}

// ProfileDomain is one <domain> of a profile's <domains>; Name "all" is every domain of the directory.
type ProfileDomain struct {
	Name         string
	Alias, Parse bool // the domain is another name of the profile; its users' gateways are the profile's
}

// settingsOf reads the params into the typed view.
func (r *reader) profileSettings(n *fsxml.Node, s settings) ProfileSettings {
	p := ProfileSettings{
		ExtSIPPort: s.port("ext-sip-port", 0), SIPDomain: s.text("sip-domain", ""), RouteProxy: s.text("outbound-proxy", ""),
		TLSOnly: s.flag("tls-only", false), TLSSettings: r.tlsSettings(s),
		AuthSubscriptions: s.flag("auth-subscriptions", true) && !s.flag("disable-auth-subscriptions", false),
		AuthMessages:      s.flag("auth-messages", true) && !s.flag("disable-auth-messages", false),
		AuthAllPackets:    s.flag("auth-all-packets", false),
		AcceptBlindReg:    s.flag("accept-blind-reg", false), AcceptBlindAuth: s.flag("accept-blind-auth", false),
		AuthCallsACLOnly: s.flag("auth-calls-acl-only", false), AuthRequireUser: s.flag("auth-require-user", false),
		BlindReply403:         s.flag("blind-auth-reply-403", false),
		ForceMatchingUsername: s.flag("inbound-reg-force-matching-username", false),
		MaxAuthValidity:       s.number("max-auth-validity", 0, 0, 1<<30),
		ProxyACL:              s.names("apply-proxy-acl"), RegisterACL: s.names("apply-register-acl"),
		NATACL: s.names("apply-nat-acl"), CandidateACL: s.names("apply-candidate-acl"),
		LocalNetworkACL:         s.text("local-network-acl", "localnet.auto"),
		ForceSubscriptionDomain: s.text("force-subscription-domain", ""),
		RFC2833PT:               s.number("rfc2833-pt", 101, 96, 127),
		DTMFType:                s.choice("dtmf-type", "rfc2833", "rfc2833", "info", "none"),
		DTMFDuration:            s.number("dtmf-duration", 100, 0, 1<<20),
		LiberalDTMF:             s.flag("liberal-dtmf", false), PassRFC2833: s.flag("pass-rfc2833", false),
		CodecNegotiation: s.choice("inbound-codec-negotiation", "generous", "generous", "greedy", "scrooge"),
		LateNegotiation:  s.flag("inbound-late-negotiation", false), BypassMedia: s.flag("inbound-bypass-media", false),
		ProxyMedia: s.flag("inbound-proxy-media", false), DisableTranscoding: s.flag("disable-transcoding", false),
		RequireSecureRTP: s.flag("require-secure-rtp", false),
		SuppressCNG:      s.flag("suppress-cng", s.flag("supress-cng", false)),
		MediaOptions:     s.names("media-option"), HoldMusic: s.text("hold-music", ""),
		RecordPath: s.text("record-path", ""), RecordTemplate: s.text("record-template", ""),
		UserAgentFilter: s.text("user-agent-filter", ""), PresenceHosts: s.text("presence-hosts", ""),
		PAssertedIDParse: s.text("p-asserted-id-parse", ""), ManagePresence: s.flag("manage-presence", false),
	}
	if strings.EqualFold(p.LocalNetworkACL, "none") {
		p.LocalNetworkACL = ""
	}
	r.profileLimits(&p, s)
	for _, v := range s.names("apply-inbound-acl") {
		list, rest, _ := strings.Cut(v, ":")
		if strings.Contains(v, "/") { // address/bits may be IPv6
			list, rest = v, ""
		}
		pass, fail, _ := strings.Cut(rest, ":")
		p.InboundACL = append(p.InboundACL, ACLRule{list, pass, fail})
	}
	for _, list := range n.All("domains") {
		for _, d := range list.All("domain") {
			p.Domains = append(p.Domains, ProfileDomain{d.Attr("name"), isTrue(d.Attr("alias")), isTrue(d.Attr("parse"))})
		}
	}
	return p
}

// profileLimits reads times, limits and switches.
func (r *reader) profileLimits(p *ProfileSettings, s settings) {
	p.SessionTimers = s.flag("enable-timer", true)
	p.SessionTimeout, p.MinSessionExpires = s.seconds("session-timeout", 0), s.seconds("minimum-session-expires", 0)
	if s.text("minimum-session-expires", "") != "" {
		p.MinSessionExpires = max(p.MinSessionExpires, 90*time.Second) // RFC 4028 §5
	}
	p.ReconnectTimeout, p.StrictWildcard = s.seconds("websocket-reconnect-timeout", 30), s.flag("strict-contact-wildcard", false)
	ms := func(name string) time.Duration { return time.Duration(s.number(name, 0, 0, 1<<20)) * time.Millisecond }
	p.T1, p.T2, p.T4 = ms("timer-t1"), ms("timer-t2"), ms("timer-t4")
	p.DisableTransfer, p.DisableRegister, p.DisableHold = s.flag("disable-transfer", false), s.flag("disable-register", false), s.flag("disable-hold", false)
	p.SIPTrace, p.LogAuthFailures = s.flag("sip-trace", false), s.flag("log-auth-failures", false)
	p.UDPNATOptionsPing = strings.EqualFold(s.text("nat-options-ping", ""), "udp-only")
	p.NATOptionsPing, p.AllOptionsPing = p.UDPNATOptionsPing || s.flag("nat-options-ping", false), s.flag("all-reg-options-ping", false)
	p.PingMax, p.PingMin = s.number("sip-user-ping-max", 3, 0, 1000), s.number("sip-user-ping-min", 1, 0, 1000)
	p.UnregisterOnOptionsFail = s.flag("unregister-on-options-fail", false)
	p.UnregisterOnSocketClose = s.flag("tcp-unreg-on-socket-close", false)
	p.PingInterval = s.seconds("ping-mean-interval", 30)
	p.MaxProceeding, p.MaxCalls = s.number("max-proceeding", 0, 0, 1<<30), s.number("max-calls", 0, 0, 1<<30)
	p.MaxRequestsPerSecond = s.number("max-recv-requests-per-second", 0, 0, 1<<30)
	p.ForceRport, p.ReceivedInContact = s.text("ndlb-force-rport", ""), s.flag("ndlb-received-in-nat-reg-contact", false)
	p.CallerIDType = s.choice("caller-id-type", "rpid", "rpid", "pid", "none", "default", "p-asserted-identity", "remote-party-id")
	p.AggressiveNAT, p.PassCalleeID = s.flag("aggressive-nat-detection", false), s.flag("pass-callee-id", true)
	p.ForceExpires = s.number("sip-force-expires", 0, 0, 1<<30)
	p.ForceExpiresMin, p.ForceExpiresMax = s.number("sip-force-expires-min", 0, 0, 1<<30), s.number("sip-force-expires-max", 0, 0, 1<<30)
	p.ExpiresMaxDeviation = s.number("sip-expires-max-deviation", 0, 0, 1<<30)
	p.ParseAllInviteHeaders, p.FullIDInDialplan = s.flag("parse-all-invite-headers", false), s.flag("full-id-in-dialplan", false)
	p.ManualRedirect, p.Require100rel = s.flag("manual-redirect", false), s.flag("enable-100rel", false)
	p.Respond503OnBusy = s.flag("sip-options-respond-503-on-busy", false)
	p.ProxyRefer, p.ProxyInfo, p.ProxyMessage = s.flag("proxy-refer", false), s.flag("proxy-info", false), s.flag("proxy-message", false)
	p.Enable3PCC = s.text("enable-3pcc", "") == "proxy" || s.flag("enable-3pcc", false)
	p.InboundUseCallIDAsUUID, p.OutboundUseUUIDAsCallID = s.flag("inbound-use-callid-as-uuid", false), s.flag("outbound-use-uuid-as-callid", false)
	p.CIDIn1xx, p.DisableSRV, p.DisableNAPTR = s.flag("cid-in-1xx", true), s.flag("disable-srv", false), s.flag("disable-naptr", false)
	p.RTPAutoAdjust = !s.flag("disable-rtp-auto-adjust", false)
}

// names lists the values of a param that may stand several times; "none" empties the list, as in sofia.c.
func (s settings) names(name string) []string {
	var list []string
	for _, n := range s.every[name] {
		switch v := strings.TrimSpace(n.Attr("value")); {
		case strings.EqualFold(v, "none"):
			list = nil
		case v != "":
			list = append(list, v)
		}
	}
	return list
}

// choice returns one of some words, in lower case. Another one is a problem and def.
func (s settings) choice(name, def string, words ...string) string {
	v := strings.ToLower(s.text(name, def))
	for _, w := range words {
		if v == w {
			return v
		}
	}
	s.r.problem(s.nodes[name], fsxml.Warning, "%s must be one of %s, not %q; %s is used", name, strings.Join(words, ", "), v, def)
	return def
}
