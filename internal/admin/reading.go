package admin

import (
	"time"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/cdr"
	"github.com/talkpath/talkpath/internal/control"
	"github.com/talkpath/talkpath/internal/event"
	"github.com/talkpath/talkpath/internal/profile"
	"github.com/talkpath/talkpath/media"
	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

// Reading is all figures of an exchange at one time.
type Reading struct {
	Version    string
	Started    time.Time
	Ready      bool // new calls are taken
	IdleCPU    float64
	Modules    map[string]bool // those that modules.conf loads, and whether their work is done here
	Interfaces []control.Interface

	Sessions      call.Stats
	Calls         control.CallCounts
	Media         media.EngineStats
	Classes       map[media.LegClass]*media.ClassStats
	Profiles      []Profile
	Gateways      []profile.GatewayStatus
	Registrations registrar.Stats
	Events        event.Stats
	EventSocket   esl.Stats
	Records       cdr.Stats

	running bool
}

// Profile is the figures of a SIP profile.
type Profile struct {
	Name     string
	SIP      sip.Stats
	Calls    profile.CallStats
	Refusals profile.Refusals
}
