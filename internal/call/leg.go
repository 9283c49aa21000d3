// Package call owns calls: channels (one leg each), their states and variables, bridges, dialplan applications and the channel events.
//
// It does not know SIP: a channel drives a Leg and hears from it through LegHandler; a Dialer says where a target of a dial string
// rings. It neither reads configuration nor knows that an event socket exists: events go to the bus, built only when somebody wants them.
//
// Each channel is one goroutine with a FIFO mailbox (channel.go, mailbox.go). Everything mutable of a channel belongs to its goroutine;
// others post to the mailbox and never wait, queries read an atomically published Snapshot. What a peer may have waiting is bounded, and
// a peer that exceeds it is hung up; what channels tell each other is never dropped. A panic ends that call and no other.
//
// A called leg reports to the channel that called it (toCaller, child…); the caller decides who wins, joins the media and says when the
// bridge begins and ends. The caller's last events come after those of the legs it called.
//
// Names, states, variables and the order of headers are FreeSWITCH's; RFC 3261 §16.3 (Max-Forwards), RFC 3264 (hold), RFC 4733 (DTMF).
package call

import (
	"net/netip"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// Leg is one signalling dialog as a Channel drives it. It is implemented by the signalling side (internal/profile for SIP) and by
// fakes in tests; call never sees SIP. Methods never block for the network: they hand the request over and return; what comes of it
// arrives through LegHandler. Methods are called from the channel's goroutine only.
type Leg interface {
	// SetHeaders says which headers later messages carry: variables named sip_ph_NAME go on provisional responses, sip_rh_NAME on final ones,
	// sip_bye_h_NAME on BYE and CANCEL. It replaces what was set before.
	SetHeaders(variables []Variable)
	// Ring sends a provisional response on an inbound leg: 180 without sdp, 183 with it.
	Ring(sdp []byte) error
	// Answer accepts an inbound leg with the final SDP.
	Answer(sdp []byte) error
	// Hangup ends the leg in whatever state it is: a final failure response, CANCEL or BYE, with the status and Reason that belong to
	// the cause. Idempotent.
	Hangup(h HangupReason)
	// Reoffer sends a re-INVITE with sdp; the answer arrives at done (nil sdp on failure) on any goroutine. It fails with ErrOfferPending when
	// another one is under way.
	Reoffer(sdp []byte, done func(answer []byte, err error)) error
	// SendInfo sends an in-dialog INFO, for DTMF relay.
	SendInfo(contentType string, body []byte) error
	// Request sends another request within the dialog: NOTIFY, MESSAGE, UPDATE. Its answer is of no interest.
	Request(r Request) error
	// Redirect refuses an inbound leg that was not answered with 302 Moved Temporarily and these Contact URIs, in order of preference. The
	// leg is over then; Hangup may follow.
	Redirect(contacts []string) error
	// Refer asks the peer of an answered leg to call target instead (REFER, RFC 3515). The peer ends this leg when it does.
	Refer(target string) error
}

// Request is a request within a dialog.
type Request struct {
	Method      string
	Headers     []Variable // Name is the header's
	ContentType string     // "" for none
	Body        []byte
}

// HangupReason says why a leg is ended.
type HangupReason struct {
	Cause Cause
	// Silent leaves out the Reason header: a fork that lost must not show an error to a browser (LOSE_RACE).
	Silent bool
	// Status is the SIP status to send upstream when the cause came from one (0: derived from the cause).
	Status int
	// Phrase is the reason phrase that goes with Status ("": the status's own).
	Phrase string
}

// LegHandler is what a Leg reports to; *Channel implements it. Every method posts to the channel's mailbox and returns at once.
// Variables carry what the signalling message taught, in FreeSWITCH's names (sip_to_tag, sip_call_id, sip_h_X-…), in order.
type LegHandler interface {
	// LegProgress: a provisional response came for an outbound leg; sdp is non-nil for early media.
	LegProgress(status int, sdp []byte, vars []Variable)
	// LegAnswered: an outbound leg was answered.
	LegAnswered(sdp []byte, vars []Variable)
	// LegConfirmed: an inbound leg's answer was acknowledged; sdp is the peer's answer when ours was an offer.
	LegConfirmed(sdp []byte)
	// LegEnded: the leg is over by the peer's or the network's doing; nothing more comes from it.
	LegEnded(e LegEnd)
	// LegReoffer: the peer offers new SDP in the dialog; respond exactly once, nil error accepts with answer.
	// Without sdp the peer asks for our offer, which is then what is responded with; its answer follows by LegReofferAnswer.
	LegReoffer(sdp []byte, respond func(answer []byte, err error))
	// LegReofferAnswer: the peer answered our offer of LegReoffer; nil when it gave no answer.
	LegReofferAnswer(sdp []byte)
	// LegDTMF: a digit came by signalling (INFO application/dtmf-relay), duration in ms.
	LegDTMF(digit byte, duration time.Duration)
	// LegPass: a request of the peer is to go on to whom it is bridged to; respond says whether it could. It is called at most once.
	LegPass(r Request, respond func(passed bool))
	// LegRefer: the peer asks that the other party of the call goes on somewhere else.
	LegRefer(r Referral)
	// LegPeer tells, without waiting, who the leg talks to, or talked to last: user@domain of the directory, "" for others and nobody.
	LegPeer() string
	// LegRecord: the peer asks by signalling that both directions are recorded into the file that a template of the configuration names, or with ""
	// that the recording it began ends; respond exactly once, "" when it is so, else the reason why not.
	LegRecord(template string, respond func(refusal string))
	// LegInfo: an INFO came in the dialog. A digit in it is told by LegDTMF besides.
	LegInfo(m Info)
}

// Info is a SIP INFO (RFC 6086) as FreeSWITCH's RECV_INFO shows it.
type Info struct {
	Headers [][2]string // SIP-Content-Type, SIP-From-User …, in order
	Body    []byte
}

// LegEnd is how a leg ended.
type LegEnd struct {
	Cause Cause
	// Status and Phrase of the SIP message that ended it: 200 for BYE, 487 for CANCEL, the failure response otherwise.
	Status int
	Phrase string
	// Disposition is FreeSWITCH's sip_hangup_disposition: recv_bye, recv_cancel, recv_refuse, send_bye …
	Disposition string
	Vars        []Variable
}

// Variable is one channel variable. Wire is set for values that came from outside: they are never expanded again.
type Variable struct {
	Name, Value string
	Wire        bool
}

// Inbound describes a call that arrived, for Core.NewInbound.
type Inbound struct {
	Leg         Leg
	ChannelName string // sofia/internal/1000@example.com
	Profile     string // internal
	CallerName  string
	CallerNum   string
	Username    string
	ANI         string
	NetworkAddr string
	Destination string
	Dialplan    string // XML
	Context     string
	PresenceID  string
	SDP         []byte // the offer; nil: the caller wants one of ours in the answer (RFC 3261 §13.2.1)
	HideName    bool   // the caller wants privacy (RFC 3325 §9.3)
	HideNumber  bool
	WebRTC      bool          // without SDP: what it is offered, ICE + DTLS-SRTP
	SDES        bool          // or SDES-SRTP
	CodecPrefs  string        // inbound-codec-prefs of the profile, "OPUS,G722,PCMU,PCMA"
	DTMFType    string        // dtmf-type of the profile: how digits are sent: rfc2833 or "", info, none
	RequireSRTP bool          // an offer of plain RTP is refused
	SuppressCNG bool          // suppress-cng of the profile: comfort noise is not agreed on
	RTPTimeout  time.Duration // without media that should come
	HoldTimeout time.Duration // without media while the leg is on hold
	MediaIP     netip.Addr    // the address that the peer is told for media; zero: this machine's own
	HoldMusic   string        // of the profile: what those hear whom this leg holds; "": the core's
	Vars        []Variable    // in FreeSWITCH's order

	source  string            // Caller-Source; "" is mod_sofia
	program dialplan.Expanded // of the dialplan "inline"
	within  bool              // part of a call that exists: not held to the limits of new ones
}

// Dialer turns one target of a dial string into the destinations to ring. Implemented by the signalling side.
type Dialer interface {
	// Resolve looks a target up ("user", "1001@example.com", variables of the target) and returns every destination that rings for it,
	// or the cause why there is none: USER_NOT_REGISTERED, SUBSCRIBER_ABSENT, NO_ROUTE_DESTINATION … It must not block.
	Resolve(endpoint, dest string, vars []Variable) ([]Destination, Cause)
}

// Destination is one place to ring: one binding of a user, or one SIP URI.
type Destination struct {
	ChannelName string        // sofia/internal/1001@10.0.0.7:5060
	CalleeNum   string        // contact user: Caller-Callee-ID-Number, Caller-Destination-Number
	PresenceID  string        // 1001@example.com
	WebRTC      bool          // offer ICE + DTLS-SRTP
	SDES        bool          // offer SDES-SRTP
	CodecPrefs  string        // outbound-codec-prefs of the profile
	DTMFType    string        // dtmf-type of the profile
	SuppressCNG bool          // suppress-cng of the profile
	NetworkAddr string        // IP address that signalling goes to, when known: media from there may be latched ("": only what SDP says)
	RTPTimeout  time.Duration // without media that should come
	HoldTimeout time.Duration // without media while the leg is on hold
	MediaIP     netip.Addr    // the address that the peer is told for media; zero: this machine's own
	HoldMusic   string        // of the profile: what those hear whom this leg holds; "": the core's
	Vars        []Variable    // dialed_user, dialed_domain, directory variables …
	// Dial sends the INVITE. It returns at once; results go to h, which may be called before Dial returns.
	Dial func(o Outbound, h LegHandler) (Leg, error)
}

// Outbound is what an outgoing INVITE carries.
type Outbound struct {
	UUID        string // the channel's
	CallerName  string // From display name
	CallerNum   string // From user
	HideName    bool   // the caller wants privacy (RFC 3323, 3325): neither name nor number may be shown
	HideNumber  bool
	SDP         []byte // offer
	MaxForwards int
	Headers     []Variable // custom X- headers to pass: Name without the sip_h_ prefix
}

// Cause is a FreeSWITCH hang-up cause name, as in Hangup-Cause.
type Cause string
