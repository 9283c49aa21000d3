// Package sip is a SIP endpoint stack: transports (UDP, TCP, TLS, WebSocket, secure WebSocket), transactions, dialogs and INVITE
// sessions. Parsing and the message model come from github.com/emiago/sipgo/sip; everything else is here.
//
// It knows nothing of calls, media or registrations: a body is a []byte.
//
// Concurrency: messages of one connection are handled in their order by that connection's reader. Handler.ServeSIP and the callback of
// Stack.Send run on it and must not block. Session callbacks run one at a time per session, in order, on a goroutine of the stack.
// All exported methods may be called from any goroutine, also from within callbacks. Stack.Close ends every goroutine.
//
// RFC 3261 (SIP), 3262 (PRACK), 3263 not (no DNS: callers name addresses), 3311 (UPDATE), 3581 (rport), 3891 (Replaces),
// 4028 (session timers), 5626 (flows, keep-alive), 6026 (Accepted state), 7118 (WebSocket), 8760 and 7616 (digest, in sip/digest).
package sip
