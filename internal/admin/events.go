package admin

import "github.com/talkpath/talkpath/esl"

// eventFamilies are those of the bus and of the event socket.
func eventFamilies() []family {
	signed := func(name, help string, value func(*esl.Stats) int64) family {
		return counter(name, help, func(r *Reading) uint64 { return uint64(value(&r.EventSocket)) })
	}
	return []family{
		counter("talkpath_events_published_total", "Events, wanted or not.", func(r *Reading) uint64 { return r.Events.Published }),
		gauge("talkpath_event_subscribers", "Readers of events.", func(r *Reading) float64 { return float64(r.Events.Subscribers) }),
		gauge("talkpath_events_queued", "Events that wait for their readers.", func(r *Reading) float64 { return float64(r.Events.Queued) }),
		counter("talkpath_event_overflows_total", "Readers that lost their place because their queue was full.", func(r *Reading) uint64 { return r.Events.Overflows }),
		gauge("talkpath_event_socket_connections", "Connections of the event socket.", func(r *Reading) float64 { return float64(r.EventSocket.Connections) }),
		signed("talkpath_event_socket_accepted_total", "Connections greeted.", func(s *esl.Stats) int64 { return s.Accepted }),
		signed("talkpath_event_socket_commands_total", "Commands executed, bgapi included.", func(s *esl.Stats) int64 { return s.Commands }),
		signed("talkpath_event_socket_jobs_total", "Commands of bgapi accepted.", func(s *esl.Stats) int64 { return s.Jobs }),
		signed("talkpath_event_socket_dialled_total", "Outbound connections, of the application socket.", func(s *esl.Stats) int64 { return s.Dialled }),
		counters("talkpath_event_socket_dropped_total", "What was refused or lost, by reason: see below.", func(r *Reading, p put) {
			for _, d := range eventSocketReasons() {
				p(float64(d.count(&r.EventSocket)), d.name)
			}
		}, "reason"),
	}
}

// eventSocketReasons are what talkpath_event_socket_dropped_total counts.
func eventSocketReasons() []reason[esl.Stats] {
	of := func(name, meaning string, value func(*esl.Stats) int64) reason[esl.Stats] {
		return reason[esl.Stats]{name, meaning, func(s *esl.Stats) uint64 { return uint64(value(s)) }}
	}
	return []reason[esl.Stats]{
		of("refused", "a connection not allowed by the access list, or beyond the bound of connections", func(s *esl.Stats) int64 { return s.Refused }),
		of("evicted", "a connection that had not authenticated and made room for a newer one", func(s *esl.Stats) int64 { return s.Evicted }),
		of("auth", "a wrong password, or none in time", func(s *esl.Stats) int64 { return s.AuthFailed }),
		of("slow_reader", "a connection that did not read", func(s *esl.Stats) int64 { return s.SlowReaders }),
		of("overflow", "a connection whose queue of events was full", func(s *esl.Stats) int64 { return s.Overflows }),
		of("too_long", "a connection that sent a command or body beyond the limits", func(s *esl.Stats) int64 { return s.TooLong }),
		of("jobs", "a bgapi command beyond the bound of them", func(s *esl.Stats) int64 { return s.JobsRefused }),
		of("dial", "an outbound connection that came to nothing", func(s *esl.Stats) int64 { return s.DialFailed }),
		of("log_lines", "log lines that a reader was too slow for", func(s *esl.Stats) int64 { return s.LostLines }),
	}
}
