package sip

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"time"
)

// Listener is one address to listen on.
type Listener struct {
	Transport string // "udp", "tcp", "tls", "ws" or "wss"
	Addr      string // ip:port; port 0 picks a free one
}

// Handler serves out-of-dialog requests.
type Handler interface {
	// ServeSIP gets each new out-of-dialog request (never ACK or CANCEL), in the order of its connection. It must not block and must
	// answer the transaction sooner or later.
	ServeSIP(tx *ServerTx)
}

// HandlerFunc makes a function a Handler.
type HandlerFunc func(tx *ServerTx)

// ServeSIP calls f.
func (f HandlerFunc) ServeSIP(tx *ServerTx) { f(tx) }

// Config is what a Stack is made from.
type Config struct {
	Listeners []Listener
	// TLS serves tls and wss listeners; its GetCertificate may change certificates at run time.
	TLS *tls.Config
	// VerifyClients makes the peers of tls listeners show a certificate of TLS's ClientCAs; those of wss need none.
	VerifyClients bool
	// ClientTLS is used for tls and wss connections that FlowTo opens; nil verifies against the system's roots.
	ClientTLS *tls.Config
	// UserAgent is the User-Agent header of everything sent; "" sends none.
	UserAgent string
	// Handler gets out-of-dialog requests; nil answers them 405. It is called as soon as a listener is bound, possibly before NewStack
	// returns: it takes the stack from ServerTx.Stack.
	Handler Handler
	// Allow is the methods the Handler serves and what Allow says; others are answered 405 (known ones) or 501. Empty: every method
	// goes to the Handler and no Allow header is sent.
	Allow []string
	// Supported is the option tags that requests may Require (others: 420) and what Supported says.
	Supported []string
	// HTTP gets requests on ws and wss listeners that are no WebSocket upgrade with the sub-protocol sip; nil answers 426.
	HTTP http.Handler
	// Reliable sends early media in reliable provisional responses (RFC 3262) to callers that can take them; those that require them get
	// them anyway. "100rel" belongs into Supported and PRACK into Allow.
	Reliable bool
	// SessionTimers are off by default.
	SessionTimers SessionTimers
	// Timers and Limits: zero fields take their defaults.
	Timers Timers
	Limits Limits
	Logger *slog.Logger // nil discards
	// Trace sees each message as it is sent or was received, before anything is made of it. It must not block or keep data. nil: none.
	Trace func(f *Flow, sent bool, data []byte)
	// ContactHost is the host[:port] to advertise in Contact and Via of what goes to flow; nil or "" is the flow's local address.
	ContactHost func(flow *Flow) string
}

// Timers are the base values of RFC 3261 §17; the rest derives from them.
type Timers struct {
	T1     time.Duration // round-trip estimate, 500 ms
	T2     time.Duration // longest retransmission interval, 4 s
	T4     time.Duration // longest life of a message in the network, 5 s
	TimerC time.Duration // how long an INVITE may ring without another provisional response, 180 s
}

// timeout is 64*T1: timers B, F, H, J, L and M.
func (t Timers) timeout() time.Duration { return 64 * t.T1 }

func (t Timers) withDefaults() Timers {
	t.T1 = orDefault(t.T1, 500*time.Millisecond)
	t.T2 = orDefault(t.T2, 4*time.Second)
	t.T4 = orDefault(t.T4, 5*time.Second)
	t.TimerC = orDefault(t.TimerC, 180*time.Second)
	return t
}

// Limits bound what peers can make the stack hold. What exceeds one is refused and counted in Stats.
type Limits struct {
	MessageBytes     int // 64 KiB: larger ones get 513 or end their connection
	Headers          int // 256 header fields
	Vias             int // 70 Via values
	Connections      int // 10 000 stream connections
	ConnectionsPerIP int // 1 000 of them from one address, which in IPv6 is a /64
	Transactions     int // 50 000 live server transactions: beyond, 503 with Retry-After without state
	RequestsPerIP    int // 2 000 new out-of-dialog requests a second from one address (and twice that at once): beyond, 503, and over UDP beyond a tenth more nothing; -1 = any; loopback is exempt
	// Proceeding bounds the INVITEs without a final response: beyond, a new one gets 503. RequestsPerSecond bounds new out-of-dialog requests from
	// all addresses together, with as many at once: beyond, 503. 0 = any number. SetLoad changes both.
	Proceeding, RequestsPerSecond int
	Sessions                      int           // 10 000 sessions
	WriteQueue                    int           // 512 messages (and 4 MiB) waiting to be written to one connection: beyond, the connection is closed
	Handshake                     time.Duration // 5 s for a TLS handshake and for an HTTP header
	MessageTime                   time.Duration // 30 s for a connection's first message, and for any message that has begun, to be complete
	Write                         time.Duration // 10 s for one message to be taken by the peer
	Ping                          time.Duration // 60 s of silence until a WebSocket is pinged; no pong for as long again closes it
}

func (l Limits) withDefaults() Limits {
	l.MessageBytes = orDefault(l.MessageBytes, 64<<10)
	l.Headers = orDefault(l.Headers, 256)
	l.Vias = orDefault(l.Vias, 70)
	l.Connections = orDefault(l.Connections, 10_000)
	l.ConnectionsPerIP = orDefault(l.ConnectionsPerIP, 1_000)
	l.Transactions = orDefault(l.Transactions, 50_000)
	l.RequestsPerIP = orDefault(l.RequestsPerIP, 2_000)
	l.Sessions = orDefault(l.Sessions, 10_000)
	l.WriteQueue = orDefault(l.WriteQueue, 512)
	l.Handshake = orDefault(l.Handshake, 5*time.Second)
	l.MessageTime = orDefault(l.MessageTime, 30*time.Second)
	l.Write = orDefault(l.Write, 10*time.Second)
	l.Ping = orDefault(l.Ping, time.Minute)
	return l
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
