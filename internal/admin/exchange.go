package admin

import "runtime"

// exchangeFamilies are those of the exchange as a whole.
func exchangeFamilies() []family {
	return []family{
		gauges("talkpath_build_info", "Version of the program, and of Go that built it; always 1.", func(r *Reading, p put) {
			p(1, r.Version, runtime.Version())
		}, "version", "goversion"),
		gauge("talkpath_ready", "1 while new calls are taken: what /readyz says.", func(r *Reading) float64 { return truth(r.Ready) }),
		counter("talkpath_sessions_refused_total", "Channels that were not made for max-sessions, sessions-per-second, a pause or a drain.",
			func(r *Reading) uint64 { return r.Sessions.Refused }),
		counter("talkpath_channel_mailbox_overflows_total", "Times a channel had too much waiting: the call was hung up, or a message of a program was refused.",
			func(r *Reading) uint64 { return r.Sessions.MailboxOverflows }),
		counter("talkpath_channel_variables_dropped_total", "Variables that peers gave beyond what a channel holds; of channels that have ended.",
			func(r *Reading) uint64 { return r.Sessions.VariablesDropped }),
		counter("talkpath_channel_panics_total", "Calls that ended by a defect of the program.", func(r *Reading) uint64 { return r.Sessions.Panics }),
	}
}

// registrarFamilies are those of registrations; how many there are is freeswitch_registrations.
func registrarFamilies() []family {
	return []family{
		counter("talkpath_registrations_replaced_total", "Contacts pushed out by a newer one of the same user, at the bound of contacts a user.",
			func(r *Reading) uint64 { return r.Registrations.Replaced }),
		counter("talkpath_registrations_refused_total", "New contacts refused at the bound of all registrations, or of those of a user.",
			func(r *Reading) uint64 { return r.Registrations.Refused }),
		counter("talkpath_registrations_unstored_total", "Writes to registrations.db that failed.", func(r *Reading) uint64 { return r.Registrations.Unstored }),
	}
}

// recordFamilies are those of call records.
func recordFamilies() []family {
	return []family{
		counter("talkpath_call_records_written_total", "Call records written.", func(r *Reading) uint64 { return r.Records.Written }),
		counter("talkpath_call_records_lost_total", "Call records left out because the queue was full: the disk is too slow.",
			func(r *Reading) uint64 { return r.Records.Lost }),
		counter("talkpath_call_records_failed_total", "Call records that the disk refused.", func(r *Reading) uint64 { return r.Records.Failed }),
		gauge("talkpath_call_records_waiting", "Call records that wait to be written.", func(r *Reading) float64 { return float64(r.Records.Waiting) }),
	}
}
