package media

// EventType says what happened to a session.
type EventType int

const (
	// EventConnected: media can flow. ICE and DTLS are done, or the first RTP packet of a plain leg arrived. Once per session.
	EventConnected EventType = iota + 1
	// EventTimeout: nothing came for the configured time although media should flow, or ICE consent was lost (RFC 7675).
	EventTimeout
	// EventDTMF: the peer sent a digit by RFC 4733; reported at its end.
	EventDTMF
	// EventFailed: media cannot flow on this leg (DTLS failed for good).
	EventFailed
)

// String names the type for logs.
func (t EventType) String() string {
	switch t {
	case EventConnected:
		return "connected"
	case EventTimeout:
		return "timeout"
	case EventDTMF:
		return "dtmf"
	case EventFailed:
		return "failed"
	}
	return "unknown"
}

// Event is what a session reports to its owner.
type Event struct {
	Type     EventType
	Digit    byte // DTMF: 0-9 * # A-D
	Duration int  // DTMF: milliseconds
	InBand   bool // DTMF: heard in the sound itself (Session.DetectDTMF), not by RFC 4733
	Err      error
}
