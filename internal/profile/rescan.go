package profile

import (
	"crypto/tls"
	"fmt"
	"strconv"

	"github.com/talkpath/talkpath/internal/config"
)

// RescanReport is what a rescan did and could not do.
type RescanReport struct {
	GatewaysStarted, GatewaysEnded int
	// NeedsRestart names the params that have changed but act only when the profile is started again: those of its sockets.
	NeedsRestart []string
}

// Rescan makes the profile what a new configuration says, as far as that touches no socket and no call. Most of it needs no rescan: a
// profile reads directory, access lists, contexts and codecs from the snapshot of the moment. What is left is the gateways.
func (p *Profile) Rescan(snap *config.Snapshot) RescanReport {
	var r RescanReport
	r.GatewaysStarted, r.GatewaysEnded = p.updateGateways(snap, false)
	now, began := p.view(snap), p.began.Load()
	p.stack.SetLoad(now.MaxProceeding, now.MaxRequestsPerSecond)
	for _, x := range []struct{ name, was, is string }{
		{"sip-ip", began.SIPIP, now.SIPIP},
		{"sip-port", strconv.Itoa(began.SIPPort), strconv.Itoa(now.SIPPort)},
		{"tls", strconv.FormatBool(began.TLS), strconv.FormatBool(now.TLS)},
		{"tls-only", strconv.FormatBool(began.TLSOnly), strconv.FormatBool(now.TLSOnly)},
		{"tls-sip-port", strconv.Itoa(began.TLSPort), strconv.Itoa(now.TLSPort)},
		{"tls-cert-dir", began.CertDir, now.CertDir},
		{"tls-version, tls-ciphers, tls-verify-policy", fmt.Sprint(began.TLSSettings), fmt.Sprint(now.TLSSettings)},
		{"ws-binding", began.WSBinding, now.WSBinding},
		{"wss-binding", began.WSSBinding, now.WSSBinding},
		{"user-agent-string", began.UserAgent, now.UserAgent},
		{"nonce-ttl", began.NonceTTL.String(), now.NonceTTL.String()},
		{"timer-t1", began.T1.String(), now.T1.String()},
		{"timer-t2", began.T2.String(), now.T2.String()},
		{"timer-t4", began.T4.String(), now.T4.String()},
	} {
		if x.was != x.is {
			r.NeedsRestart = append(r.NeedsRestart, x.name)
		}
	}
	return r
}

// Restart makes the profile what a new configuration says, sockets included, and ends no call: listeners that stay are not touched, those
// that are gone take nobody new but keep the connections they have, and registrations stay. Gateways register again. serve is what TLS and WSS
// connections are served with from now on. timer-t1, -t2 and -t4 remain as they were: they need a New profile. When a new address cannot be
// bound, nothing changes but that.
func (p *Profile) Restart(snap *config.Snapshot, serve *tls.Config) error {
	view := p.view(snap)
	p.stack.SetTLS(serve, view.VerifyClients)
	if err := p.stack.SetListeners(listeners(view, p.cfg.TLS != nil)); err != nil {
		return fmt.Errorf("profile: %s: %w", p.cfg.Name, err)
	}
	p.stack.SetUserAgent(p.agent(view))
	p.stack.SetLoad(view.MaxProceeding, view.MaxRequestsPerSecond)
	p.apply(view)
	p.updateGateways(snap, true)
	return nil
}
