package call

import (
	"strconv"
	"strings"
)

// Hang-up causes, by the names FreeSWITCH puts into Hangup-Cause. The numbers are those of ITU-T Q.850 up to 127; FreeSWITCH's own start
// at 150 for what no ISDN cause says.
const (
	None                   Cause = "NONE"
	UnallocatedNumber      Cause = "UNALLOCATED_NUMBER"
	NoRouteTransitNet      Cause = "NO_ROUTE_TRANSIT_NET"
	NoRouteDestination     Cause = "NO_ROUTE_DESTINATION"
	ChannelUnacceptable    Cause = "CHANNEL_UNACCEPTABLE"
	CallAwardedDelivered   Cause = "CALL_AWARDED_DELIVERED"
	NormalClearing         Cause = "NORMAL_CLEARING"
	UserBusy               Cause = "USER_BUSY"
	NoUserResponse         Cause = "NO_USER_RESPONSE"
	NoAnswer               Cause = "NO_ANSWER"
	SubscriberAbsent       Cause = "SUBSCRIBER_ABSENT"
	CallRejected           Cause = "CALL_REJECTED"
	NumberChanged          Cause = "NUMBER_CHANGED"
	Redirection            Cause = "REDIRECTION_TO_NEW_DESTINATION"
	ExchangeRoutingError   Cause = "EXCHANGE_ROUTING_ERROR"
	DestinationOutOfOrder  Cause = "DESTINATION_OUT_OF_ORDER"
	InvalidNumberFormat    Cause = "INVALID_NUMBER_FORMAT"
	FacilityRejected       Cause = "FACILITY_REJECTED"
	ResponseToStatusEnq    Cause = "RESPONSE_TO_STATUS_ENQUIRY"
	NormalUnspecified      Cause = "NORMAL_UNSPECIFIED"
	NormalCircuitCong      Cause = "NORMAL_CIRCUIT_CONGESTION"
	NetworkOutOfOrder      Cause = "NETWORK_OUT_OF_ORDER"
	NormalTemporaryFailure Cause = "NORMAL_TEMPORARY_FAILURE"
	SwitchCongestion       Cause = "SWITCH_CONGESTION"
	AccessInfoDiscarded    Cause = "ACCESS_INFO_DISCARDED"
	RequestedChanUnavail   Cause = "REQUESTED_CHAN_UNAVAIL"
	PreEmpted              Cause = "PRE_EMPTED"
	FacilityNotSubscribed  Cause = "FACILITY_NOT_SUBSCRIBED"
	OutgoingCallBarred     Cause = "OUTGOING_CALL_BARRED"
	IncomingCallBarred     Cause = "INCOMING_CALL_BARRED"
	BearerCapNotAuth       Cause = "BEARERCAPABILITY_NOTAUTH"
	BearerCapNotAvail      Cause = "BEARERCAPABILITY_NOTAVAIL"
	ServiceUnavailable     Cause = "SERVICE_UNAVAILABLE"
	BearerCapNotImpl       Cause = "BEARERCAPABILITY_NOTIMPL"
	ChanNotImplemented     Cause = "CHAN_NOT_IMPLEMENTED"
	FacilityNotImplemented Cause = "FACILITY_NOT_IMPLEMENTED"
	ServiceNotImplemented  Cause = "SERVICE_NOT_IMPLEMENTED"
	InvalidCallReference   Cause = "INVALID_CALL_REFERENCE"
	IncompatibleDest       Cause = "INCOMPATIBLE_DESTINATION"
	InvalidMsgUnspecified  Cause = "INVALID_MSG_UNSPECIFIED"
	MandatoryIEMissing     Cause = "MANDATORY_IE_MISSING"
	MessageTypeNonexist    Cause = "MESSAGE_TYPE_NONEXIST"
	WrongMessage           Cause = "WRONG_MESSAGE"
	IENonexist             Cause = "IE_NONEXIST"
	InvalidIEContents      Cause = "INVALID_IE_CONTENTS"
	WrongCallState         Cause = "WRONG_CALL_STATE"
	RecoveryOnTimerExpire  Cause = "RECOVERY_ON_TIMER_EXPIRE"
	MandatoryIELengthError Cause = "MANDATORY_IE_LENGTH_ERROR"
	ProtocolError          Cause = "PROTOCOL_ERROR"
	Interworking           Cause = "INTERWORKING"
	Success                Cause = "SUCCESS"
	OriginatorCancel       Cause = "ORIGINATOR_CANCEL"
	Crash                  Cause = "CRASH"
	SystemShutdown         Cause = "SYSTEM_SHUTDOWN"
	LoseRace               Cause = "LOSE_RACE"
	ManagerRequest         Cause = "MANAGER_REQUEST"
	BlindTransfer          Cause = "BLIND_TRANSFER"
	AttendedTransfer       Cause = "ATTENDED_TRANSFER"
	AllottedTimeout        Cause = "ALLOTTED_TIMEOUT"
	UserChallenge          Cause = "USER_CHALLENGE"
	MediaTimeout           Cause = "MEDIA_TIMEOUT"
	PickedOff              Cause = "PICKED_OFF"
	UserNotRegistered      Cause = "USER_NOT_REGISTERED"
	ProgressTimeout        Cause = "PROGRESS_TIMEOUT"
	InvalidGateway         Cause = "INVALID_GATEWAY"
	GatewayDown            Cause = "GATEWAY_DOWN"
	InvalidURL             Cause = "INVALID_URL"
	InvalidProfile         Cause = "INVALID_PROFILE"
	NoPickup               Cause = "NO_PICKUP"
	SRTPReadError          Cause = "SRTP_READ_ERROR"
	Bowout                 Cause = "BOWOUT"
	BusyEverywhere         Cause = "BUSY_EVERYWHERE"
	Decline                Cause = "DECLINE"
	DoesNotExistAnywhere   Cause = "DOES_NOT_EXIST_ANYWHERE"
	NotAcceptable          Cause = "NOT_ACCEPTABLE"
	Unwanted               Cause = "UNWANTED"
	NoIdentity             Cause = "NO_IDENTITY"
	BadIdentityInfo        Cause = "BAD_IDENTITY_INFO"
	UnsupportedCertificate Cause = "UNSUPPORTED_CERTIFICATE"
	InvalidIdentity        Cause = "INVALID_IDENTITY"
	StaleDate              Cause = "STALE_DATE"
	RejectAll              Cause = "REJECT_ALL"
)

// causeRow is a cause with its number.
type causeRow struct {
	cause Cause
	q850  int
}

// causeTable lists every cause FreeSWITCH 1.11 knows, with its number (hangup_cause_q850).
func causeTable() []causeRow {
	return []causeRow{
		{None, 0}, {UnallocatedNumber, 1}, {NoRouteTransitNet, 2}, {NoRouteDestination, 3}, {ChannelUnacceptable, 6},
		{CallAwardedDelivered, 7}, {NormalClearing, 16}, {UserBusy, 17}, {NoUserResponse, 18}, {NoAnswer, 19},
		{SubscriberAbsent, 20}, {CallRejected, 21}, {NumberChanged, 22}, {Redirection, 23}, {ExchangeRoutingError, 25},
		{DestinationOutOfOrder, 27}, {InvalidNumberFormat, 28}, {FacilityRejected, 29}, {ResponseToStatusEnq, 30},
		{NormalUnspecified, 31}, {NormalCircuitCong, 34}, {NetworkOutOfOrder, 38}, {NormalTemporaryFailure, 41},
		{SwitchCongestion, 42}, {AccessInfoDiscarded, 43}, {RequestedChanUnavail, 44}, {PreEmpted, 45},
		{FacilityNotSubscribed, 50}, {OutgoingCallBarred, 52}, {IncomingCallBarred, 54}, {BearerCapNotAuth, 57},
		{BearerCapNotAvail, 58}, {ServiceUnavailable, 63}, {BearerCapNotImpl, 65}, {ChanNotImplemented, 66},
		{FacilityNotImplemented, 69}, {ServiceNotImplemented, 79}, {InvalidCallReference, 81}, {IncompatibleDest, 88},
		{InvalidMsgUnspecified, 95}, {MandatoryIEMissing, 96}, {MessageTypeNonexist, 97}, {WrongMessage, 98}, {IENonexist, 99},
		{InvalidIEContents, 100}, {WrongCallState, 101}, {RecoveryOnTimerExpire, 102}, {MandatoryIELengthError, 103},
		{ProtocolError, 111}, {Interworking, 127}, {Success, 142}, {OriginatorCancel, 487}, {Crash, 700}, {SystemShutdown, 701},
		{LoseRace, 702}, {ManagerRequest, 703}, {BlindTransfer, 800}, {AttendedTransfer, 801}, {AllottedTimeout, 802},
		{UserChallenge, 803}, {MediaTimeout, 804}, {PickedOff, 805}, {UserNotRegistered, 806}, {ProgressTimeout, 807},
		{InvalidGateway, 808}, {GatewayDown, 809}, {InvalidURL, 810}, {InvalidProfile, 811}, {NoPickup, 812}, {SRTPReadError, 813},
		{Bowout, 814}, {BusyEverywhere, 815}, {Decline, 816}, {DoesNotExistAnywhere, 817}, {NotAcceptable, 818}, {Unwanted, 819},
		{NoIdentity, 821}, {BadIdentityInfo, 822}, {UnsupportedCertificate, 823}, {InvalidIdentity, 824}, {StaleDate, 825},
		{RejectAll, 826},
	}
}

// ParseCause finds a cause by its name, in any case, or by its number.
func ParseCause(s string) (Cause, bool) {
	s = strings.TrimSpace(s)
	for _, row := range causeTable() {
		if strings.EqualFold(string(row.cause), s) || strconv.Itoa(row.q850) == s {
			return row.cause, true
		}
	}
	return "", false
}

// Q850 is the cause's number, 0 when it has none.
func (c Cause) Q850() int {
	for _, row := range causeTable() {
		if row.cause == c {
			return row.q850
		}
	}
	return 0
}

// orNormal is c, or NORMAL_CLEARING when nothing was said.
func (c Cause) orNormal() Cause {
	if c == "" || c == None {
		return NormalClearing
	}
	return c
}
