package call

import "time"

// Snapshot is a channel as others may see it.
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
