// Package profile runs a SIP profile: the only place where SIP meets calls. It owns the profile's sockets (through sip.Stack),
// authentication, the translation between INVITE dialogs and call legs in both directions, and the resolution of dial targets.
//
// It does not route (internal/dialplan does), relays no media, and knows no event socket: what belongs there leaves by Config.Events.
// Handlers run on the stack's goroutines and never block; a leg's state is guarded by its own mutex.
//
// RFC 3261, RFC 3263 for numeric hosts only, RFC 3326, RFC 3398, RFC 5626, RFC 7118, RFC 8760.
package profile

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

// Core is what a profile needs of the call core; *call.Core is one.
type Core interface {
	NewInbound(in call.Inbound) (call.LegHandler, error)
}

// Config of a Profile.
type Config struct {
	Name      string                  // "internal"; the view is Snapshot().Profiles[…].Name == Name
	Snapshot  func() *config.Snapshot // the current configuration; called for each request
	Core      Core
	Registrar *registrar.Registrar // shared by all profiles
	TLS       *tls.Config          // for tls and wss; nil: those listeners are refused
	HTTP      http.Handler         // what ws and wss listeners answer to plain HTTP; nil: 426
	// Events gets the CUSTOM events: sofia::register, ::unregister, ::expire, ::register_attempt, ::register_failure, ::pre_register.
	// Headers are in FreeSWITCH's order, without the base headers. It must not block. nil: none.
	Events func(subclass string, headers [][2]string)
	Logger *slog.Logger
	// Version is used in the User-Agent header, "Talkpath/VERSION", unless the profile's user-agent-string is set.
	Version string
	// StrictWildcard and other registrar policy belong to the registrar's Config.
}

// Profile is a running SIP profile.
type Profile struct {
	cfg   Config
	log   *slog.Logger
	stack *sip.Stack
}

// New binds the profile's listeners and serves them.
func New(cfg Config) (*Profile, error) {
	return &Profile{cfg: cfg}, nil
}

// Name gives the profile's name.
func (p *Profile) Name() string { return p.cfg.Name }

// Addr gives the bound address of a transport ("udp" "tcp" "tls" "ws" "wss"), nil when it has none.
func (p *Profile) Addr(transport string) net.Addr { return p.stack.Addr(transport) }

// Stats gives the counters of the SIP stack.
func (p *Profile) Stats() sip.Stats { return p.stack.Stats() }

// Drain refuses new calls with 503 from now on; registrations and calls in progress go on.
func (p *Profile) Drain() {}

// Close closes the sockets. Calls must have been ended before.
func (p *Profile) Close() error { return p.stack.Close() }

// Resolve implements call.Dialer for this profile alone.
func (p *Profile) Resolve(endpoint, dest string, vars []call.Variable) ([]call.Destination, call.Cause) {
	return nil, "NO_ROUTE_DESTINATION"
}

// Set is all profiles of a server; it implements call.Dialer.
type Set []*Profile

// Resolve implements call.Dialer: sofia/NAME/… goes to the profile NAME, user/… to the profile that took the registration.
func (s Set) Resolve(endpoint, dest string, vars []call.Variable) ([]call.Destination, call.Cause) {
	return nil, "NO_ROUTE_DESTINATION"
}
