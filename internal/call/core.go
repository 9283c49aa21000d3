package call

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/internal/event"
	"github.com/talkpath/talkpath/media"
)

// Errors of NewInbound; the caller answers 503 Service Unavailable.
var (
	ErrSessionLimit = errors.New("call: session limit reached")
	ErrRateLimit    = errors.New("call: too many sessions per second")
	ErrDraining     = errors.New("call: no new calls are accepted")
)

// Config is what a Core works with. Bus, Plan and Logger are required.
type Config struct {
	Bus    *event.Bus
	Media  *media.Engine
	Plan   func() *dialplan.Plan
	Dialer Dialer
	// Globals looks up global variables for ${} (domain, local_ip_v4 …); Funcs runs ${func(args)}.
	Globals func(name string) (string, bool)
	Funcs   func(name, args string) (string, bool)
	// MaxSessions and SessionsPerSecond bound the channels that exist and that come into being within a second; 0 is no bound.
	MaxSessions       int
	SessionsPerSecond int
	Hostname          string
	Logger            *slog.Logger
}

// Stats counts sessions as FreeSWITCH's status command shows them.
type Stats struct {
	Current, Peak, PeakFiveMin                 int
	SinceStart                                 uint64
	PerSecond, PerSecondPeak, PerSecondFiveMin int
	MaxSessions, SessionsPerSecond             int
	MailboxOverflows, Panics, RefusedByLimit   uint64
	Started                                    time.Time
	Draining                                   bool
}

// Core owns the table of channels.
type Core struct{}

// NewCore makes a core without calls.
func NewCore(cfg Config) *Core { return &Core{} }

// SetDialer gives the core its dialer after the fact: the signalling side needs the core and the core the dialer.
func (c *Core) SetDialer(d Dialer) {}

// NewInbound creates and starts the channel of a call that arrived.
func (c *Core) NewInbound(in Inbound) (LegHandler, error) { return nil, ErrDraining }

// Channels lists all channels in order of creation; it never waits for one.
func (c *Core) Channels() []Snapshot { return nil }

// Channel finds a channel.
func (c *Core) Channel(uuid string) (*Channel, bool) { return nil, false }

// HangupAll hangs up every channel that match accepts (nil: every one) and returns how many.
func (c *Core) HangupAll(cause Cause, match func(Snapshot) bool) int { return 0 }

// Stats are the counters of now.
func (c *Core) Stats() Stats { return Stats{} }

// SetLimits changes the bounds of sessions.
func (c *Core) SetLimits(maxSessions, perSecond int) {}

// Drain refuses new calls from now on; Undrain accepts them again.
func (c *Core) Drain() {}

// Undrain ends Drain.
func (c *Core) Undrain() {}

// Close drains, hangs up everything with SYSTEM_SHUTDOWN and waits for the channels to end.
func (c *Core) Close(ctx context.Context) error { return nil }
