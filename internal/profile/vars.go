package profile

import (
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/sip"
)

// vars gathers channel variables in order.
type vars []call.Variable

// wire adds a value that came from the network: nobody expands it again.
func (v *vars) wire(name, value string) {
	if value != "" {
		*v = append(*v, call.Variable{Name: name, Value: clean(value), Wire: true})
	}
}

// own adds a value of ours.
func (v *vars) own(name, value string) { *v = append(*v, call.Variable{Name: name, Value: value}) }

// uri adds sip_PREFIX_user, _port, _uri, _host in the order FreeSWITCH (sofia_glue.c set_variable_sip_param…) has them.
func (v *vars) uri(prefix string, u *sip.Uri) {
	if len(u.UriParams) > 0 {
		v.wire(prefix+"_params", u.UriParams.ToString(';'))
	}
	v.wire(prefix+"_user", u.User)
	if u.Port > 0 {
		v.wire(prefix+"_port", strconv.Itoa(u.Port))
	}
	v.wire(prefix+"_uri", userHost(u))
	v.wire(prefix+"_host", u.Host)
}

// userHost writes user@host[:port].
func userHost(u *sip.Uri) string {
	if u.User == "" {
		return hostPort(u)
	}
	return u.User + "@" + hostPort(u)
}

// inboundVars is what a new inbound channel knows, in FreeSWITCH's names and order.
func (p *Profile) inboundVars(tx *sip.ServerTx, snap *config.Snapshot, view *config.Profile, a access) []call.Variable {
	v := make(vars, 0, 64)
	req, remote := tx.Request(), tx.Flow().RemoteAddr()
	from := req.From()
	ip, port := remote.Addr().Unmap().String(), strconv.Itoa(int(remote.Port()))
	v.wire("sip_from_user", from.Address.User)
	v.wire("sip_from_uri", userHost(&from.Address))
	v.wire("sip_from_host", from.Address.Host)
	v.wire("sip_call_id", callID(req))
	v.own("sip_local_network_addr", p.localIP(tx.Flow(), view))
	v.own("sip_network_ip", ip)
	v.own("sip_network_port", port)
	v.own("sip_invite_stamp", strconv.FormatInt(time.Now().UnixMicro(), 10))
	v.own("sip_received_ip", ip)
	v.own("sip_received_port", port)
	v.own("sip_via_protocol", tx.Flow().Transport())
	if a.trusted {
		v.own("sip_acl_authed_by", a.list)
	}
	if a.user != nil || a.trusted {
		v.own("sip_authorized", "true")
	}
	if a.user != nil {
		if a.user.byAddress {
			v.own("sip_acl_token", a.user.user.ID+"@"+a.user.user.Domain)
		}
		v.user(snap, a.user)
	}
	if a.looped {
		v.own("sip_looped_call", "true")
	}
	p.requestVars(&v, tx, view)
	return v
}

// user adds what the directory says about the authenticated user.
func (v *vars) user(snap *config.Snapshot, id *identity) {
	alias := aliasOf(id.user)
	v.own("sip_number_alias", alias)
	v.own("sip_auth_username", id.user.ID)
	v.wire("sip_auth_realm", id.realm)
	v.own("number_alias", alias)
	v.own("requested_user_name", id.user.ID)
	v.own("requested_domain_name", id.user.Domain)
	for _, x := range userVariables(snap, id.user) {
		v.own(x.Name, x.Value)
	}
	v.own("user_name", id.user.ID)
	v.own("domain_name", id.user.Domain)
}

func (p *Profile) requestVars(v *vars, tx *sip.ServerTx, view *config.Profile) {
	req := tx.Request()
	from, to := req.From(), req.To()
	v.wire("sip_from_user_stripped", strings.TrimPrefix(from.Address.User, "+"))
	v.wire("sip_from_tag", tagOf(from.Params))
	v.wire("sip_from_display", unquoteName(from.DisplayName))
	v.own("sofia_profile_name", p.cfg.Name)
	v.own("sofia_profile_url", p.url(view))
	v.own("recovery_profile_name", p.cfg.Name)
	via := sourceVia(req, tx.Flow())
	v.wire("sip_full_via", fullVia(req, via))
	v.wire("sip_full_from", from.Value())
	v.wire("sip_full_to", to.Value())
	v.wire("sip_allow", spaced(headerValue(req, "Allow")))
	v.uri("sip_req", &req.Recipient)
	v.uri("sip_to", &to.Address)
	if c := req.Contact(); c != nil && !c.Address.Wildcard {
		v.uri("sip_contact", &c.Address)
	}
	v.own("rtp_use_codec_string", view.InboundCodecPrefs)
	v.wire("sip_subject", headerValue(req, "Subject"))
	v.wire("sip_user_agent", headerValue(req, "User-Agent"))
	if via != nil {
		v.wire("sip_via_host", via.Host)
		if via.Port > 0 {
			v.wire("sip_via_port", strconv.Itoa(via.Port))
		}
		if rport, ok := via.Params.Get("rport"); ok {
			v.wire("sip_via_rport", rport)
		}
	}
	v.custom("sip_h_", req)
	if view.ParseAllInviteHeaders {
		v.every(req)
	}
	v.own("max_forwards", strconv.Itoa(maxForwards(req)))
}

// sourceVia is the top Via with the received and rport that belong to where the request came from (RFC 3581 §4).
func sourceVia(req *sip.Request, flow *sip.Flow) *sip.ViaHeader {
	top := req.Via()
	if top == nil {
		return nil
	}
	via, remote := top.Clone(), flow.RemoteAddr()
	port := strconv.Itoa(int(remote.Port()))
	received := via.Host != remote.Addr().Unmap().String()
	if received {
		via.Params.Add("received", remote.Addr().Unmap().String())
	}
	if received || via.Params.Has("rport") {
		via.Params.Add("rport", port)
	}
	return via
}

// fullVia writes all Via values with the top one replaced.
func fullVia(req *sip.Request, top *sip.ViaHeader) string {
	var all []string
	for i, h := range req.GetHeaders("Via") {
		if i == 0 && top != nil {
			all = append(all, top.Value())
			continue
		}
		all = append(all, h.Value())
	}
	return strings.Join(all, ",")
}

// custom adds the X-, P- and other extension headers a message carries (sip_h_X-…), as sofia.c does for unknown headers that begin
// with X- or P-, and Referred-By and Diversion.
func (v *vars) custom(prefix string, m sip.Message) {
	hs, ok := m.(interface{ Headers() []sip.Header })
	if !ok {
		return
	}
	for _, h := range hs.Headers() {
		name := h.Name()
		if isCustom(name) && token(name) {
			v.wire(prefix+name, h.Value())
		}
	}
}

// every adds each header of an INVITE as sip_i_NAME (parse-all-invite-headers): small letters, underscores; several of a name are joined.
func (v *vars) every(req *sip.Request) {
	seen := map[string]bool{}
	for _, h := range req.Headers() {
		name := strings.ReplaceAll(strings.ToLower(h.Name()), "-", "_")
		if !seen[name] && token(name) && !secret(name) {
			seen[name] = true
			v.wire("sip_i_"+name, joinValues(req, h.Name()))
		}
	}
}

// secret says whether a header must not be shown to whoever reads variables.
func secret(name string) bool { return name == "authorization" || name == "proxy_authorization" }

func isCustom(name string) bool {
	if len(name) > 2 && (name[0] == 'X' || name[0] == 'x' || name[0] == 'P' || name[0] == 'p') && name[1] == '-' {
		return true
	}
	return strings.EqualFold(name, "Referred-By") || strings.EqualFold(name, "Diversion")
}

// replyVars is what the callee's responses taught an outbound channel.
func (p *Profile) replyVars(flow *sip.Flow, res *sip.Response, prefix string) []call.Variable {
	var v vars
	remote := flow.RemoteAddr()
	ip, port := remote.Addr().Unmap().String(), strconv.Itoa(int(remote.Port()))
	v.own("sip_local_network_addr", p.localIP(flow, p.view(p.cfg.Snapshot())))
	v.own("sip_reply_host", ip)
	v.own("sip_reply_port", port)
	v.own("sip_network_ip", ip)
	v.own("sip_network_port", port)
	contact := res.Contact()
	if contact != nil {
		v.wire("sip_recover_contact", contact.Value())
	}
	v.wire("sip_full_via", joinValues(res, "Via"))
	v.wire("sip_recover_via", joinValues(res, "Via"))
	if from := res.From(); from != nil {
		v.wire("sip_from_display", unquoteName(from.DisplayName))
		v.wire("sip_full_from", from.Value())
		if to := res.To(); to != nil {
			v.wire("sip_full_to", to.Value())
		}
		v.uri("sip_from", &from.Address)
	}
	to := res.To()
	if to != nil {
		v.uri("sip_to", &to.Address)
	}
	if contact != nil && !contact.Address.Wildcard {
		v.uri("sip_contact", &contact.Address)
	}
	if to != nil {
		v.wire("sip_to_tag", tagOf(to.Params))
	}
	if from := res.From(); from != nil {
		v.wire("sip_from_tag", tagOf(from.Params))
	}
	if cs := res.CSeq(); cs != nil {
		v.wire("sip_cseq", strconv.FormatUint(uint64(cs.SeqNo), 10))
	}
	v.wire("sip_call_id", callID(res))
	v.wire("sip_user_agent", headerValue(res, "User-Agent"))
	v.custom(prefix, res)
	return v
}

func tagOf(params sip.HeaderParams) string {
	tag, _ := params.Get("tag")
	return tag
}

func joinValues(m sip.Message, name string) string {
	var all []string
	for h := range sip.FindHeaders(m, name) {
		all = append(all, h.Value())
	}
	return strings.Join(all, ",")
}

// spaced writes a comma list with one space after each comma.
func spaced(list string) string {
	var all []string
	for s := range strings.SplitSeq(list, ",") {
		if s = strings.TrimSpace(s); s != "" {
			all = append(all, s)
		}
	}
	return strings.Join(all, ", ")
}

func maxForwards(req *sip.Request) int {
	if h := req.MaxForwards(); h != nil {
		return int(h.Val())
	}
	return 70
}

// localIP is our address towards a flow.
func (p *Profile) localIP(flow *sip.Flow, view *config.Profile) string {
	if a := flow.LocalAddr().Addr(); a.IsValid() && !a.IsUnspecified() {
		return a.Unmap().String()
	}
	return view.SIPIP
}
