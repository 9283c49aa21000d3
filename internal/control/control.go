// Package control is the command table: what a program can ask the switch over the event socket or in process, and the texts it gets
// back, which are FreeSWITCH's byte for byte wherever a program may parse them.
//
// It owns what commands made: global variables, tasks for later, aliases and words that complete a line. It reads calls, registrations and configuration from immutable snapshots and
// copies, so that a query never waits for a call. *Control implements esl.Backend and is safe for concurrent use. Tasks run on goroutines of its own, which Close ends.
package control

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/cdr"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/internal/event"
	"github.com/talkpath/talkpath/internal/profile"
	"github.com/talkpath/talkpath/registrar"
)

// Core is what commands need of the call core; *call.Core is one.
type Core interface {
	Channels() []call.Snapshot
	HangupAll(cause call.Cause, match func(call.Snapshot) bool) int
	Stats() call.Stats
	Originate(o call.Origination) (uuid string, failed call.Cause)
	Applications() (served, ignored []string)
	Channel(uuid string) (*call.Channel, bool)
	Store() *call.Store
	SetLimits(maxSessions, perSecond int)
	Pause(direction string, on bool)
	ResetRatePeak()
}

// Registrations is where commands look registered contacts up; *registrar.Registrar is one.
type Registrations interface {
	All() []registrar.Binding
	Lookup(user, domain string) []registrar.Binding
}

// Deps is what a Control works with. All but Profiles and Shutdown are required.
type Deps struct {
	Core          Core
	Config        func() *config.Snapshot
	Bus           *event.Bus
	Registrations Registrations
	Profiles      func() profile.Set // those that run now; nil: none is managed here
	Version       string
	Started       time.Time
	// Shutdown begins to end the process: now, or gracefully when calls have ended. nil: the shutdown command is not available.
	Shutdown func(graceful bool)
	// Reload loads the configuration again; ReloadACL does so for the access lists alone. nil: not available.
	Reload, ReloadACL func(ctx context.Context) error
	// ReloadCertificates looks at the certificates' files now. nil: not available.
	ReloadCertificates func()
	// Logger gets what the command log says and what commands do later; LogLevel says how much of it is kept, and commands change it. nil:
	// discarded, and not available.
	Logger   *slog.Logger
	LogLevel *slog.LevelVar
	// RotateLog opens the log file again. nil: there is none.
	RotateLog func() error

	// What the sofia command does to profiles, by name. StartProfile, RestartProfile and RescanProfile read the configuration again first;
	// Stop and Restart return when the profile's sockets are closed or open again. nil: not available.
	StartProfile, StopProfile, RestartProfile, RescanProfile func(ctx context.Context, name string) error
	// RotateRecords has call records go on in new files; RecordStats counts them. nil: there are none.
	RotateRecords func()
	RecordStats   func() cdr.Stats
	// Notify has a profile, by its name, send a notice to a user's contacts. nil: not available.
	Notify func(name string, n profile.Notice) error
	// FlushRegistrations forgets a profile's registrations: all, or those with a Call-ID or of a user@domain.
	FlushRegistrations func(profile, which string)
	// SteerGateway does "register", "unregister" or "killgw" to a gateway and says whether there was one; Gateway tells what one does now.
	// nil: those of Profiles do; without any, gateways are shown as configured.
	SteerGateway func(profile, name, action string) bool
	Gateway      func(profile, name string) (profile.GatewayStatus, bool)
}

// Control executes commands.
type Control struct {
	deps  Deps
	table map[string]command
	// steered finds a channel to do something to.
	steered    func(uuid string) (steered, bool)
	tasks      *taskTable
	typing     *typing
	background background

	ctx     context.Context // of tasks; done with Close
	stop    context.CancelFunc
	running sync.WaitGroup // goroutines that wait for a shutdown

	idle IdleCPU

	mu sync.RWMutex // guards what follows
	// globals are variables set by global_setvar; a "" here hides the configuration's.
	globals map[string]string
	leaving context.CancelFunc // set while fsctl shutdown waits for the last call
	closed  bool
}

// New returns a Control.
func New(deps Deps) *Control {
	if running := deps.Profiles; running != nil {
		if deps.SteerGateway == nil {
			deps.SteerGateway = func(profile, name, action string) bool { return running().SteerGateway(profile, name, action) }
		}
		if deps.Gateway == nil {
			deps.Gateway = func(name, gateway string) (profile.GatewayStatus, bool) { return running().Gateway(name, gateway) }
		}
	}
	if deps.Logger == nil {
		deps.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Control{deps: deps, globals: map[string]string{}, typing: newTyping()}
	c.tasks = newTaskTable(deps.Logger, c.emitSchedule)
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.table = c.commands()
	c.steered = func(id string) (steered, bool) {
		ch, ok := deps.Core.Channel(id)
		return steeredChannel{ch, deps.Core}, ok
	}
	return c
}

// Execute implements esl.Backend: it runs one command line and returns its output, which may be empty.
func (c *Control) Execute(ctx context.Context, line string) string {
	name, args, _ := strings.Cut(line, " ")
	args = strings.TrimSpace(args)
	cmd, ok := c.table[strings.ToLower(name)]
	if alias, is := c.typing.alias(name); is && !ok {
		name, rest, _ := strings.Cut(alias, " ")
		line = strings.TrimSpace(rest + " " + args)
		if cmd, ok = c.table[strings.ToLower(name)]; ok {
			c.announce(name, line)
			return cmd.run(ctx, line)
		}
	}
	if !ok {
		return "-ERR " + name + " Command not found!\n"
	}
	c.announce(name, args)
	return cmd.run(ctx, args)
}

// SendMessage implements esl.Messenger. A message that does not fit in what waits at the channel is counted.
func (c *Control) SendMessage(_ context.Context, uuid string, headers []esl.Header, body string) error {
	ch, ok := c.deps.Core.Channel(uuid)
	if !ok {
		return esl.ErrNoChannel
	}
	err := ch.Send(call.ParseMessage(headers, body))
	if errors.Is(err, call.ErrChannelGone) {
		return esl.ErrNoChannel
	}
	return err
}

// ControlledChannel implements esl.Channels.
func (c *Control) ControlledChannel(uuid string) (esl.Channel, bool) {
	ch, ok := c.deps.Core.Channel(uuid)
	if !ok {
		return nil, false
	}
	return ch.Controlled(), true
}

// EventSocketUser implements esl.Users.
func (c *Control) EventSocketUser(name, domain string) (esl.User, bool) {
	u, ok := c.deps.Config().Directory.User(name, domain)
	if !ok {
		return esl.User{}, false
	}
	list := func(param string) *string {
		if value, ok := u.Params.Lookup(param); ok {
			return &value
		}
		return nil
	}
	return esl.User{Password: u.Param("esl-password"), AllowedEvents: list("esl-allowed-events"), AllowedAPI: list("esl-allowed-api"),
		DenyLog: u.DeniesLog()}, true
}

// Subscribe implements esl.Backend.
func (c *Control) Subscribe() esl.Subscription { return c.deps.Bus.Subscribe(event.Limit{}) }

// Publish implements esl.Backend.
func (c *Control) Publish(e *esl.Event) {
	if e.Name() == "NOTIFY" {
		if err := c.notify(e); err != nil {
			c.deps.Logger.Info("an event NOTIFY tells no phone", "error", err)
		}
	}
	c.deps.Bus.Publish(e)
}

// NewEvent implements esl.Backend.
func (c *Control) NewEvent(name string) *esl.Event { return c.deps.Bus.NewEvent(name, event.Origin{}) }
