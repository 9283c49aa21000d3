package admin

import "github.com/talkpath/talkpath/sip"

// sipFamilies are those of SIP profiles. They begin at 0 when a profile is started again.
func sipFamilies() []family {
	one := func(value func(*Profile) uint64) func(*Reading, put) {
		return func(r *Reading, p put) {
			for i := range r.Profiles {
				p(float64(value(&r.Profiles[i])), r.Profiles[i].Name)
			}
		}
	}
	two := func(first string, a func(*Profile) uint64, second string, b func(*Profile) uint64) func(*Reading, put) {
		return func(r *Reading, p put) {
			for i := range r.Profiles {
				p(float64(a(&r.Profiles[i])), r.Profiles[i].Name, first)
				p(float64(b(&r.Profiles[i])), r.Profiles[i].Name, second)
			}
		}
	}
	return []family{
		counters("talkpath_sip_messages_total", "SIP messages.", two("in", func(p *Profile) uint64 { return p.SIP.Received },
			"out", func(p *Profile) uint64 { return p.SIP.Sent }), "profile", "direction"),
		counters("talkpath_sip_requests_total", "Requests received, by method; unknown ones are \"other\".", sipRequests, "profile", "method"),
		counters("talkpath_sip_retransmissions_total", "Requests received again and absorbed.", one(func(p *Profile) uint64 { return p.SIP.Retransmissions }), "profile"),
		counters("talkpath_sip_keep_alives_total", "CRLF pings answered.", one(func(p *Profile) uint64 { return p.SIP.KeepAlives }), "profile"),
		counters("talkpath_sip_dropped_total", "Messages and connections refused or dropped, by reason: see below.", sipDrops, "profile", "reason"),
		counters("talkpath_sip_panics_total", "Messages whose handling ended by a defect of the program.", one(func(p *Profile) uint64 { return p.SIP.Panics }), "profile"),
		gauges("talkpath_sip_connections", "Open connections, by transport.", func(r *Reading, p put) {
			for i := range r.Profiles {
				for transport, n := range r.Profiles[i].SIP.ConnectionsByTransport {
					p(float64(n), r.Profiles[i].Name, transport)
				}
			}
		}, "profile", "transport"),
		gauges("talkpath_sip_transactions", "Transactions alive, by role: server, client.", two("server", func(p *Profile) uint64 { return uint64(p.SIP.ServerTransactions) },
			"client", func(p *Profile) uint64 { return uint64(p.SIP.ClientTransactions) }), "profile", "role"),
		gauges("talkpath_sip_sessions", "INVITE sessions alive.", one(func(p *Profile) uint64 { return uint64(p.SIP.Sessions) }), "profile"),
		counters("talkpath_sip_calls_total", "Calls, by direction.", two("in", func(p *Profile) uint64 { return p.Calls.In },
			"out", func(p *Profile) uint64 { return p.Calls.Out }), "profile", "direction"),
		counters("talkpath_sip_calls_failed_total", "Calls that ended without an answer.", two("in", func(p *Profile) uint64 { return p.Calls.FailedIn },
			"out", func(p *Profile) uint64 { return p.Calls.FailedOut }), "profile", "direction"),
		counters("talkpath_sip_wrong_credentials_total", "Requests with wrong credentials; those of the next are among them.",
			one(func(p *Profile) uint64 { return p.Refusals.Credentials }), "profile"),
		counters("talkpath_sip_locked_out_total", "Requests refused unseen: the user failed too often from there.",
			one(func(p *Profile) uint64 { return p.Refusals.Locked }), "profile"),
		counters("talkpath_sip_text_messages_refused_total", "MESSAGE requests answered 503: too many wait for an answer.",
			one(func(p *Profile) uint64 { return p.Refusals.Messages }), "profile"),
		counters("talkpath_sip_trace_lost_total", "Messages that a SIP trace left out: the log is too slow.",
			one(func(p *Profile) uint64 { return p.Refusals.TraceMessages }), "profile"),
	}
}

func sipRequests(r *Reading, p put) {
	for i := range r.Profiles {
		for method, n := range r.Profiles[i].SIP.ReceivedByMethod {
			p(float64(n), r.Profiles[i].Name, method)
		}
	}
}

// sipDropReasons are what talkpath_sip_dropped_total counts.
func sipDropReasons() []reason[sip.Stats] {
	return []reason[sip.Stats]{
		{"malformed", "cannot be parsed or breaks a rule; answered 400 when possible", func(s *sip.Stats) uint64 { return s.Malformed }},
		{"oversize", "larger than 64 KiB", func(s *sip.Stats) uint64 { return s.Oversize }},
		{"overload", "answered 503 without state, and over UDP beyond a rate not at all: a bound of transactions, sessions or requests a second", func(s *sip.Stats) uint64 { return s.Overload }},
		{"merged", "the same request by another way, answered 482", func(s *sip.Stats) uint64 { return s.Merged }},
		{"stray_response", "a response to no request of ours", func(s *sip.Stats) uint64 { return s.StrayResponses }},
		{"stray_ack", "an ACK for no call", func(s *sip.Stats) uint64 { return s.StrayAcks }},
		{"connection_limit", "a connection beyond the bound of all or of one address", func(s *sip.Stats) uint64 { return s.RefusedConnections }},
		{"handshake", "a TLS or WebSocket handshake that failed or took too long", func(s *sip.Stats) uint64 { return s.FailedHandshakes }},
		{"slow_connection", "a connection that sends or reads too slowly", func(s *sip.Stats) uint64 { return s.SlowConnections }},
		{"socket_queue", "datagrams for which the system's queue of a UDP socket was full (Linux)", func(s *sip.Stats) uint64 { return s.QueueDrops }},
		{"send", "could not be written", func(s *sip.Stats) uint64 { return s.SendErrors }},
		{"callback_queue", "a call had too much waiting", func(s *sip.Stats) uint64 { return s.DroppedCallbacks }},
	}
}

func sipDrops(r *Reading, p put) {
	for i := range r.Profiles {
		for _, d := range sipDropReasons() {
			p(float64(d.count(&r.Profiles[i].SIP)), r.Profiles[i].Name, d.name)
		}
	}
}
