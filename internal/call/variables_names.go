package call

// commonNames are names of variables that most channels have, sorted. A channel that has come to rest keeps their places here. It never changes.
var commonNames = [...]string{
	"DIALSTATUS", "DP_MATCH", "advertised_media_ip", "answer_stamp", "audio_media_flow", "bridge_channel", "bridge_to", "bridge_uuid", "call_timeout",
	"call_uuid", "caller_id", "channel_cid_flipped", "channel_name", "continue_on_fail", "current_application", "current_application_data",
	"current_application_response", "current_loop", "dialed_domain", "dialed_user", "digits_dialed", "direction", "domain_name", "dtmf_type",
	"effective_caller_id_name", "effective_caller_id_number", "end_stamp", "endpoint_disposition", "ep_codec_string", "export_vars",
	"hangup_after_bridge", "hangup_cause", "hangup_cause_q850", "hold_accum_ms", "hold_accum_seconds", "hold_accum_usec", "ignore_early_media",
	"is_outbound", "last_app", "last_arg", "last_bridge_to", "last_sent_callee_id_name", "last_sent_callee_id_number", "local_media_ip",
	"local_media_port", "max_forwards", "number_alias", "original_read_codec", "original_read_rate", "originate_causes", "originate_disposition",
	"originate_early_media", "originate_endpoint", "originated_legs", "originating_leg_uuid", "origination_uuid", "originator", "originator_codec",
	"pre_transfer_caller_id_number", "presence_id", "profile_start_stamp", "read_codec", "read_rate", "recovery_profile_name", "remote_audio_media_flow",
	"remote_media_ip", "remote_media_port", "remote_text_media_flow", "remote_video_media_flow", "requested_domain_name", "requested_user_name",
	"rtp_2833_recv_payload", "rtp_2833_send_payload", "rtp_audio_recv_pt", "rtp_last_audio_codec_string", "rtp_local_sdp_str", "rtp_use_codec_channels",
	"rtp_use_codec_name", "rtp_use_codec_ptime", "rtp_use_codec_rate", "rtp_use_codec_string", "rtp_use_pt", "session_id", "signal_bond", "sip_allow",
	"sip_auth_realm", "sip_auth_username", "sip_authorized", "sip_call_id", "sip_contact_host", "sip_contact_params", "sip_contact_port",
	"sip_contact_uri", "sip_contact_user", "sip_cseq", "sip_destination_url", "sip_from_display", "sip_from_host", "sip_from_tag", "sip_from_uri",
	"sip_from_user", "sip_from_user_stripped", "sip_full_from", "sip_full_to", "sip_full_via", "sip_invite_domain", "sip_invite_stamp",
	"sip_local_network_addr", "sip_network_ip", "sip_network_port", "sip_number_alias", "sip_outgoing_contact_uri", "sip_profile_name", "sip_received_ip",
	"sip_received_port", "sip_recover_contact", "sip_recover_via", "sip_reply_host", "sip_reply_port", "sip_req_host", "sip_req_uri", "sip_req_user",
	"sip_to_host", "sip_to_port", "sip_to_tag", "sip_to_uri", "sip_to_user", "sip_user_agent", "sip_via_host", "sip_via_port", "sip_via_protocol",
	"sip_via_rport", "sofia_profile_name", "sofia_profile_url", "start_stamp", "switch_m_sdp", "switch_r_sdp", "text_media_flow", "total_loops",
	"transfer_fallback_extension", "transfer_ringback", "user_context", "user_name", "uuid", "video_media_flow", "write_codec", "write_rate",
}
