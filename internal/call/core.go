package call

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
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
	ErrNoMedia      = errors.New("call: no media engine")
)

var (
	errNoCodec  = errors.New("call: no common codec")
	errPlainRTP = errors.New("call: plain RTP, where SRTP is required")
)

// Config is what a Core works with. Bus, Media and Plan are required.
type Config struct {
	Bus    *event.Bus
	Media  *media.Engine
	Plan   func() *dialplan.Plan
	Dialer Dialer
	// Controller is for the application socket; nil refuses it.
	Controller Controller
	// Globals looks up global variables for ${} (domain, local_ip_v4 …); Funcs runs ${func(args)}.
	Globals func(name string) (string, bool)
	Funcs   func(name, args string) (string, bool)
	// Store is what calls remember beyond their end; nil keeps it in memory.
	Store *Store
	// UserVars gives the variables of a user of the directory; nil knows none.
	UserVars func(user, domain string) ([]Variable, bool)
	// MaxSessions and SessionsPerSecond bound the channels that exist and that come into being within a second; 0 is no bound.
	MaxSessions       int
	SessionsPerSecond int
	Hostname          string
	// Record takes the call detail record of each leg at its end, before CHANNEL_HANGUP_COMPLETE. It must not block. nil: none are made.
	Record func(*Record)
	// Sound says where sounds are and recordings go, asked for at each use; nil has generated sounds only.
	Sound func() Sound
	// Programs says whether programs may have an address, those that a unicast exchanges a call's sound with; nil knows those of this machine.
	Programs func(netip.Addr) bool
	Logger   *slog.Logger
}

// Stats counts sessions as FreeSWITCH's status command shows them. A session is a channel.
type Stats struct {
	Started                                    time.Time
	SinceStart                                 uint64
	Current, Peak, PeakFiveMin                 int
	PerSecond, PerSecondPeak, PerSecondFiveMin int
	MaxSessions, SessionsPerSecond             int
	LastPerSecond                              int // sessions begun in the last second that is over
	Draining                                   bool
	PausedInbound, PausedOutbound              bool // see Core.Pause
	Panics, MailboxOverflows, Refused          uint64
	VariablesDropped                           uint64 // that peers gave beyond the limits of a channel; of those that have ended
}

// Core owns the table of channels.
type Core struct {
	cfg     Config
	log     *slog.Logger
	noted   noted // what has been warned of
	media   mediaEngine
	apps    map[string]app
	store   *Store
	ignored ignoredApps
	ctx     context.Context // for log calls only
	dial    atomic.Pointer[Dialer]

	panics, overflows, refused, variables atomic.Uint64
	running                               sync.WaitGroup // channel goroutines

	mu       sync.Mutex // guards what follows
	channels map[string]*Channel
	hidden   map[*Channel]struct{} // ended, about to go
	rates    rates
	max      int
	perSec   int
	draining bool
	paused   map[string]bool // directions without new channels
	closed   bool
	created  uint64

	originations map[*origination]struct{} // under way
}

// NewCore makes a core without calls.
func NewCore(cfg Config) *Core {
	c := &Core{cfg: cfg, log: cfg.Logger, apps: applications(), ignored: newIgnoredApps(), ctx: context.Background(), channels: map[string]*Channel{},
		hidden: map[*Channel]struct{}{}, originations: map[*origination]struct{}{}, paused: map[string]bool{}, max: cfg.MaxSessions,
		perSec: cfg.SessionsPerSecond, rates: rates{started: time.Now()}}
	if c.store = cfg.Store; c.store == nil {
		c.store = NewStore(nil)
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if cfg.Media != nil {
		c.media = engine{cfg.Media}
	}
	if cfg.Plan == nil {
		c.cfg.Plan = func() *dialplan.Plan { return nil }
	}
	if cfg.Dialer != nil {
		c.SetDialer(cfg.Dialer)
	}
	return c
}

// SetDialer gives the core its dialer after the fact: the signalling side needs the core and the core the dialer.
func (c *Core) SetDialer(d Dialer) { c.dial.Store(&d) }

func (c *Core) dialer() Dialer {
	if d := c.dial.Load(); d != nil {
		return *d
	}
	return nil
}

// SetLimits changes the bounds of sessions.
func (c *Core) SetLimits(maxSessions, perSecond int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.max, c.perSec = maxSessions, perSecond
}

// NewInbound creates and starts the channel of a call that arrived.
func (c *Core) NewInbound(in Inbound) (LegHandler, error) {
	ch, err := c.newChannel(inbound, in.ChannelName, "", in.within)
	if err != nil {
		return nil, err
	}
	ch.incoming, ch.leg = &in, in.Leg
	c.start(ch)
	return ch, nil
}

// newChannel makes a channel, with that uuid if it may have it, and enters it in the table. within says that it belongs to a call that
// exists. start must follow.
func (c *Core) newChannel(direction, name, uuid string, within bool) (*Channel, error) {
	if c.media == nil {
		return nil, ErrNoMedia
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.admit(direction, within, now); err != nil {
		c.refused.Add(1)
		return nil, err
	}
	c.created++
	ch := &Channel{core: c, uuid: c.wantedUUID(uuid), direction: direction, number: c.created, created: now, box: newMailbox(), name: name,
		answerState: answerRinging, children: map[*Channel]struct{}{}}
	ch.callUUID = ch.uuid
	ch.log = c.log.With("channel", name, "uuid", ch.uuid)
	ch.publish()
	c.channels[ch.uuid] = ch
	c.rates.count(now, len(c.channels))
	c.running.Add(1)
	return ch, nil
}

// admit applies the limits. A called leg of a call that exists is not held to the rate, nor to a drain, but to a pause.
func (c *Core) admit(direction string, within bool, now time.Time) error {
	switch {
	case c.max > 0 && len(c.channels) >= c.max:
		return ErrSessionLimit
	case c.paused[direction]:
		return ErrDraining
	case within:
		return nil
	case c.draining:
		return ErrDraining
	case c.perSec > 0 && c.rates.inSecond(now) >= c.perSec:
		return ErrRateLimit
	}
	return nil
}

// start runs a channel.
func (c *Core) start(ch *Channel) { go ch.run() }

// hide takes a channel out of the listings before its end is reported.
func (c *Core) hide(ch *Channel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hidden[ch] = struct{}{}
}

// done takes a channel out of the table when its goroutine ends.
func (c *Core) done(ch *Channel) {
	c.mu.Lock()
	delete(c.channels, ch.uuid)
	delete(c.hidden, ch)
	c.mu.Unlock()
	c.running.Done()
}

// all lists the channels in order of creation.
func (c *Core) all() []*Channel {
	c.mu.Lock()
	list := make([]*Channel, 0, len(c.channels))
	for _, ch := range c.channels {
		if _, gone := c.hidden[ch]; !gone {
			list = append(list, ch)
		}
	}
	c.mu.Unlock()
	slices.SortFunc(list, func(a, b *Channel) int { return cmp.Compare(a.number, b.number) })
	return list
}

// Channels lists all channels in order of creation; it never waits for one.
func (c *Core) Channels() []Snapshot {
	list := c.all()
	out := make([]Snapshot, len(list))
	for i, ch := range list {
		out[i] = ch.Snapshot()
	}
	return out
}

// Channel finds a channel.
func (c *Core) Channel(uuid string) (*Channel, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch, ok := c.channels[uuid]
	if _, gone := c.hidden[ch]; gone {
		return nil, false
	}
	return ch, ok
}

// HangupAll hangs up every channel that match accepts (nil: every one) and returns how many.
func (c *Core) HangupAll(cause Cause, match func(Snapshot) bool) int {
	n := 0
	for _, ch := range c.all() {
		if match == nil || match(ch.Snapshot()) {
			ch.Hangup(cause)
			n++
		}
	}
	return n
}

// Stats are the counters of now.
func (c *Core) Stats() Stats {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.rates.stats(now)
	s.SinceStart, s.Current = c.created, len(c.channels)
	s.MaxSessions, s.SessionsPerSecond, s.Draining = c.max, c.perSec, c.draining
	s.PausedInbound, s.PausedOutbound = c.paused[inbound], c.paused[outbound]
	s.Panics, s.MailboxOverflows, s.Refused = c.panics.Load(), c.overflows.Load(), c.refused.Load()
	s.VariablesDropped = c.variables.Load()
	return s
}

// Busy says whether a new inbound call would be refused for the number of those that exist, a pause or a drain.
func (c *Core) Busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.draining || c.paused[inbound] || c.max > 0 && len(c.channels) >= c.max
}

// Drain refuses new calls from now on; Undrain accepts them again.
func (c *Core) Drain() { c.setDraining(true) }

// Undrain ends Drain.
func (c *Core) Undrain() { c.setDraining(false) }

func (c *Core) setDraining(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = on
}

// Pause refuses new channels of a direction, "inbound" or "outbound", from now on, or accepts them again. Calls that exist get no new legs
// of a paused direction either, as in FreeSWITCH.
func (c *Core) Pause(direction string, on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused[direction] = on
}

// ResetRatePeak forgets how many sessions began in the busiest second.
func (c *Core) ResetRatePeak() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rates.perSecPeak = 0
}

// Close drains, hangs up everything with SYSTEM_SHUTDOWN and waits for the channels to end.
func (c *Core) Close(ctx context.Context) error {
	c.Drain()
	c.mu.Lock()
	c.closed = true
	for o := range c.originations {
		o.stop()
	}
	c.mu.Unlock()
	c.HangupAll(SystemShutdown, nil)
	done := make(chan struct{})
	go func() {
		c.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
