package sip

import "sync/atomic"

// Stats is a reading of a stack's counters. Everything dropped or refused is counted somewhere here.
type Stats struct {
	Received, Sent         uint64 // messages
	KeepAlives             uint64 // CRLF pings answered
	Malformed              uint64 // could not be parsed or broke a rule; answered 400 when possible
	Oversize               uint64 // larger than Limits.MessageBytes
	Retransmissions        uint64 // requests absorbed by their transaction
	StrayResponses         uint64 // no client transaction
	StrayAcks              uint64 // no transaction, no session
	Merged                 uint64 // answered 482
	Overload               uint64 // answered 503 without state, or beyond that not at all
	RefusedConnections     uint64 // over a connection limit
	FailedHandshakes       uint64 // TLS or WebSocket
	QueueDrops             uint64 // datagrams that the system dropped for full queues of the UDP sockets there are; known on Linux only
	SlowConnections        uint64 // closed: no complete message in time, queue of writes full, or a write not taken in time
	SendErrors             uint64 // could not be written, or had a forbidden byte
	DroppedCallbacks       uint64 // a session's queue of callbacks was full
	Panics                 uint64 // recovered while handling a message
	Connections            int    // now open
	ServerTransactions     int    // now alive
	ClientTransactions     int    // now alive
	Sessions               int    // now alive
	ConnectionsByTransport map[string]int
	ReceivedByMethod       map[string]uint64 // known methods; others under "other"
}

type counters struct {
	received, sent, keepAlives, malformed, oversize, retransmissions, strayResponses, strayAcks, merged, overload,
	refusedConnections, failedHandshakes, slowConnections, sendErrors, droppedCallbacks, panics atomic.Uint64
	byMethod [len(knownMethods) + 1]atomic.Uint64
}

// knownMethods are the methods of the RFCs: refused ones get 405, any other 501.
var knownMethods = [...]RequestMethod{INVITE, ACK, CANCEL, BYE, REGISTER, OPTIONS, SUBSCRIBE, NOTIFY, REFER, INFO, MESSAGE, PRACK, UPDATE, PUBLISH}

func methodIndex(m RequestMethod) int {
	for i, k := range knownMethods {
		if k == m {
			return i
		}
	}
	return len(knownMethods)
}

// Stats reads the counters.
func (s *Stack) Stats() Stats {
	c := &s.count
	st := Stats{
		Received: c.received.Load(), Sent: c.sent.Load(), KeepAlives: c.keepAlives.Load(), Malformed: c.malformed.Load(),
		Oversize: c.oversize.Load(), Retransmissions: c.retransmissions.Load(), StrayResponses: c.strayResponses.Load(),
		StrayAcks: c.strayAcks.Load(), Merged: c.merged.Load(), Overload: c.overload.Load(),
		RefusedConnections: c.refusedConnections.Load(), FailedHandshakes: c.failedHandshakes.Load(),
		SlowConnections: c.slowConnections.Load(), SendErrors: c.sendErrors.Load(), DroppedCallbacks: c.droppedCallbacks.Load(),
		Panics: c.panics.Load(), ServerTransactions: s.serverTxs.len(), ClientTransactions: s.clientTxs.len(), Sessions: s.sessions.len(),
		ConnectionsByTransport: map[string]int{}, ReceivedByMethod: map[string]uint64{},
	}
	for _, l := range s.bound() {
		if l.socket != nil {
			st.QueueDrops += l.socket.overflowed()
		}
	}
	s.mu.Lock()
	for f := range s.conns {
		st.Connections++
		st.ConnectionsByTransport[f.transport]++
	}
	s.mu.Unlock()
	for i := range c.byMethod {
		name := "other"
		if i < len(knownMethods) {
			name = string(knownMethods[i])
		}
		if n := c.byMethod[i].Load(); n > 0 {
			st.ReceivedByMethod[name] = n
		}
	}
	return st
}
