package call

import "time"

// Snapshot is a channel as others may see it: published after each step of the channel's goroutine, immutable.
type Snapshot struct {
	UUID      string
	CallUUID  string // Channel-Call-UUID
	OtherUUID string // the bridged channel, "" when not bridged
	// Direction is "inbound" or "outbound", seen from the switch.
	Direction     string
	Created       time.Time
	Answered      time.Time // zero: not
	Bridged       time.Time // zero: never
	BridgeCreated time.Time // when the present bridge began
	Name          string
	State         string // CS_EXECUTE
	CallState     string // ACTIVE
	AnswerState   string // answered

	CallerName, CallerNumber string
	CalleeName, CalleeNumber string
	// CalleeDirection is "SEND" or "RECV" once identities were exchanged.
	CalleeDirection                  string
	SentCalleeName, SentCalleeNumber string
	NetworkAddr                      string
	Destination                      string
	Application, ApplicationData     string
	Dialplan, Context                string

	ReadCodec, WriteCodec     string // "PCMU"
	ReadRate, WriteRate       int
	ReadBitRate, WriteBitRate int
	Secure                    string

	Hostname     string
	PresenceID   string
	PresenceData string
	AccountCode  string

	// As the channel came to life.
	InitialCallerName, InitialCallerNumber string
	InitialNetworkAddr                     string
	InitialDestination                     string
	InitialDialplan, InitialContext        string

	Profile     string // SIP profile, "internal"
	HangupCause Cause
	Variables   []Variable
}

// Variable looks a channel variable up.
func (s Snapshot) Variable(name string) (string, bool) {
	for _, v := range s.Variables {
		if v.Name == name {
			return v.Value, true
		}
	}
	return "", false
}

// publish makes the channel's present state visible to others.
func (ch *Channel) publish() {
	s := Snapshot{UUID: ch.uuid, CallUUID: ch.callUUID, Direction: ch.direction, Created: ch.created, BridgeCreated: ch.bridgeBegan,
		Name: ch.name, State: ch.state.String(), CallState: ch.callState.String(), AnswerState: ch.answerState,
		Application: ch.app, ApplicationData: ch.appData, Hostname: ch.core.cfg.Hostname, HangupCause: ch.cause,
		Variables: ch.vars.share()}
	if ch.bridgedTo != nil {
		s.OtherUUID = ch.bridgedTo.uuid
	}
	if p := ch.profile; p != nil {
		s.CallerName, s.CallerNumber, s.CalleeName, s.CalleeNumber = p.CallerName, p.CallerNumber, p.CalleeName, p.CalleeNumber
		s.NetworkAddr, s.Destination, s.Dialplan, s.Context = p.NetworkAddr, p.Destination, p.Dialplan, p.Context
		s.Answered, s.Bridged = p.Times.Answered, p.Times.Bridged
		s.InitialCallerName, s.InitialCallerNumber = p.CallerName, p.CallerNumber
		s.InitialNetworkAddr, s.InitialDestination, s.InitialDialplan, s.InitialContext = p.NetworkAddr, p.Destination, p.Dialplan, p.Context
	}
	if name, ok := ch.vars.lookup("last_sent_callee_id_name"); ok {
		s.CalleeDirection, s.SentCalleeName, s.SentCalleeNumber = "SEND", name.Value, ch.vars.value("last_sent_callee_id_number")
	}
	if c := ch.codec; c.Name != "" {
		s.ReadCodec, s.ReadRate, s.ReadBitRate = c.Name, c.SampleRate(), bitRate(c)
		s.WriteCodec, s.WriteRate, s.WriteBitRate = s.ReadCodec, s.ReadRate, s.ReadBitRate
	}
	s.Secure = ch.secure
	s.PresenceID, s.PresenceData, s.AccountCode = ch.vars.value("presence_id"), ch.vars.value("presence_data"), ch.vars.value("accountcode")
	s.Profile = profileOf(ch.name)
	if ch.incoming != nil && ch.incoming.Profile != "" {
		s.Profile = ch.incoming.Profile
	}
	ch.snap.Store(&s)
}
