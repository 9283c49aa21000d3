package call

// state is a channel's place in its life, switch_types.h switch_channel_state_t.
type state int

const (
	csNew state = iota
	csInit
	csRouting
	csSoftExecute
	csExecute
	csExchangeMedia
	csPark
	csConsumeMedia
	csHibernate
	csReset
	csHangup
	csReporting
	csDestroy
	csNone
)

var stateNames = [...]string{"CS_NEW", "CS_INIT", "CS_ROUTING", "CS_SOFT_EXECUTE", "CS_EXECUTE", "CS_EXCHANGE_MEDIA", "CS_PARK",
	"CS_CONSUME_MEDIA", "CS_HIBERNATE", "CS_RESET", "CS_HANGUP", "CS_REPORTING", "CS_DESTROY", "CS_NONE"}

func (s state) String() string { return stateNames[s] }

// callState is what a person would say about the call, switch_channel_callstate_t.
type callState int

const (
	callDown callState = iota
	callDialing
	callRinging
	callEarly
	callActive
	callHeld
	callRingWait
	callHangup
	callUnheld
)

var callStateNames = [...]string{"DOWN", "DIALING", "RINGING", "EARLY", "ACTIVE", "HELD", "RING_WAIT", "HANGUP", "UNHELD"}

func (s callState) String() string { return callStateNames[s] }

// Values of Answer-State.
const (
	answerRinging = "ringing"
	answerEarly   = "early"
	answered      = "answered"
	answerHangup  = "hangup"
)

// Values of Call-Direction and Other-Type.
const (
	inbound    = "inbound"
	outbound   = "outbound"
	originator = "originator"
	originatee = "originatee"
)
