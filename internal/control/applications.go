package control

// application is what show application says about one.
type application struct{ name, description, syntax, module string }

// applicationOf describes an application in FreeSWITCH's words; one that FreeSWITCH lacks has no description.
func applicationOf(name string) application {
	for _, a := range describedApplications() {
		if a.name == name {
			return a
		}
	}
	return application{name: name, module: "mod_dptools"}
}

func describedApplications() []application {
	return []application{
		{"acknowledge_call", "Indicate Call Acknowledged", "", "mod_dptools"},
		{"answer", "Answer the call", "", "mod_dptools"},
		{"att_xfer", "Attended Transfer", "<channel_url>", "mod_dptools"},
		{"bind_digit_action", "bind a key sequence or regex to an action", "<realm>,<digits|~regex>,<string>[,<value>][,<dtmf target leg>][,<event target leg>]", "mod_dptools"},
		{"bind_meta_app", "Bind a key to an application", "<key> [a|b|ab] [a|b|o|s|i|1] <app>", "mod_dptools"},
		{"break", "Break", "", "mod_dptools"},
		{"bridge", "Bridge Audio", "<channel_url>", "mod_dptools"},
		{"bridge_export", "Export a channel variable across a bridge", "<varname>=<value>", "mod_dptools"},
		{"broadcast", "Broadcast File", "<path> <leg>", "mod_dptools"},
		{"check_acl", "Check an ip against an ACL list", "<ip> <acl | cidr> [<hangup_cause>]", "mod_dptools"},
		{"clear_digit_action", "clear all digit bindings", "<realm>|all[,target]", "mod_dptools"},
		{"db", "Insert to the db", "[insert|delete]/<realm>/<key>/<val>", "mod_db"},
		{"deflect", "Send call deflect", "<deflect_data>", "mod_dptools"},
		{"delay_echo", "echo audio at a specified delay", "<delay ms>", "mod_dptools"},
		{"displace_session", "Displace File", "<path> [<flags>] [+time_limit_ms]", "mod_dptools"},
		{"echo", "Echo", "", "mod_dptools"},
		{"enable_heartbeat", "Enable Media Heartbeat", "[0|<seconds>]", "mod_dptools"},
		{"endless_playback", "Playback File Endlessly", "<path>", "mod_dptools"},
		{"eval", "Do Nothing", "", "mod_dptools"},
		{"event", "Fire an event", "", "mod_dptools"},
		{"execute_extension", "Execute an extension", "<extension> <dialplan> <context>", "mod_dptools"},
		{"export", "Export a channel variable across a bridge", "<varname>=<value>", "mod_dptools"},
		{"flush_dtmf", "flush any queued dtmf", "", "mod_dptools"},
		{"gentones", "Generate Tones", "<tgml_script>[|<loops>]", "mod_dptools"},
		{"group", "Manage a group", "[insert|delete]:<group name>:<val>", "mod_db"},
		{"hangup", "Hangup the call", "[<cause>]", "mod_dptools"},
		{"hash", "Insert into the hashtable", "[insert|insert_ifempty|delete|delete_ifmatch]/<realm>/<key>/<val>", "mod_hash"},
		{"hold", "Send a hold message", "[<display message>]", "mod_dptools"},
		{"info", "Display Call Info", "", "mod_dptools"},
		{"intercept", "intercept", "[-bleg] <uuid>", "mod_dptools"},
		{"limit", "Limit", "<backend> <realm> <id> [<max>[/interval]] [number [dialplan [context]]]", "mod_dptools"},
		{"limit_execute", "Limit", "<backend> <realm> <id> <max>[/interval] <application> [application arguments]", "mod_dptools"},
		{"limit_hash", "Limit", "<realm> <id> [<max>[/interval]] [number [dialplan [context]]]", "mod_dptools"},
		{"limit_hash_execute", "Limit", "<realm> <id> <max>[/interval] <application> [application arguments]", "mod_dptools"},
		{"log", "Logs to the logger", "<log_level> <log_string>", "mod_dptools"},
		{"loop_playback", "Playback File looply", "[+loops] <path>", "mod_dptools"},
		{"multiset", "Set many channel variables", "[^^<delim>]<varname>=<value> <var2>=<val2>", "mod_dptools"},
		{"park", "Park", "", "mod_dptools"},
		{"play_and_get_digits", "Play and get Digits", "<min> <max> <tries> <timeout> <terminators> <file> <invalid_file> <var_name> <regexp> " +
			"[<digit_timeout>] ['<failure_ext> [failure_dp [failure_context]]']", "mod_dptools"},
		{"playback", "Playback File", "<path>", "mod_dptools"},
		{"pre_answer", "Pre-Answer the call", "", "mod_dptools"},
		{"presence", "Send Presence", "<rpid> <status> [<id>]", "mod_dptools"},
		{"privacy", "Set privacy on calls", "off|on|name|full|number", "mod_dptools"},
		{"push", "Set a channel variable", "<varname>=<value>", "mod_dptools"},
		{"queue_dtmf", "Queue dtmf to be sent", "<dtmf_data>", "mod_dptools"},
		{"read", "Read Digits", "<min> <max> <file> <var_name> <timeout> <terminators> <digit_timeout>", "mod_dptools"},
		{"record", "Record File", "<path> [<time_limit_secs>] [<silence_thresh>] [<silence_hits>]", "mod_dptools"},
		{"record_session", "Record Session", "<path> [+<timeout>]", "mod_dptools"},
		{"redirect", "Send session redirect", "<redirect_data>", "mod_dptools"},
		{"respond", "Send session respond", "<respond_data>", "mod_dptools"},
		{"ring_ready", "Indicate Ring_Ready", "", "mod_dptools"},
		{"sched_broadcast", "Schedule a broadcast in the future", "[+]<time> <path> [aleg|bleg|both]", "mod_dptools"},
		{"sched_cancel", "cancel scheduled tasks", "[group]", "mod_dptools"},
		{"sched_hangup", "Schedule a hangup in the future", "[+]<time> [<cause>]", "mod_dptools"},
		{"sched_heartbeat", "Enable Scheduled Heartbeat", "[0|<seconds>]", "mod_dptools"},
		{"sched_transfer", "Schedule a transfer in the future", "[+]<time> <extension> <dialplan> <context>", "mod_dptools"},
		{"send_dtmf", "Send dtmf to be sent", "<dtmf_data>", "mod_dptools"},
		{"set", "Set a channel variable", "<varname>=<value>", "mod_dptools"},
		{"set_profile_var", "Set a caller profile variable", "<varname>=<value>", "mod_dptools"},
		{"set_user", "Set a User", "<user>@<domain> [prefix]", "mod_dptools"},
		{"sleep", "Pause a channel", "<pausemilliseconds>", "mod_dptools"},
		{"socket", "Connect to a socket", "<ip>[:<port>]", "mod_event_socket"},
		{"sofia_sla", "private sofia sla function", "<uuid>", "mod_sofia"},
		{"soft_hold", "Put a bridged channel on hold", "<unhold key> [<moh_a>] [<moh_b>]", "mod_dptools"},
		{"start_dtmf", "Detect dtmf", "", "mod_dptools"},
		{"stop_displace_session", "Stop Displace File", "<path>", "mod_dptools"},
		{"stop_dtmf", "stop inband dtmf", "", "mod_dptools"},
		{"stop_record_session", "Stop Record Session", "<path>", "mod_dptools"},
		{"three_way", "three way call with a uuid", "<uuid>", "mod_dptools"},
		{"transfer", "Transfer a channel", "<exten> [<dialplan> <context>]", "mod_dptools"},
		{"unbind_meta_app", "Unbind a key from an application", "[<key>]", "mod_dptools"},
		{"unhold", "Send a un-hold message", "", "mod_dptools"},
		{"unset", "Unset a channel variable", "<varname>", "mod_dptools"},
		{"verbose_events", "Make ALL Events verbose.", "", "mod_dptools"},
		{"wait_for_silence", "wait_for_silence", "<silence_thresh> <silence_hits> <listen_hits> <timeout_ms> [<file>]", "mod_dptools"},
	}
}
