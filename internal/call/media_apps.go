package call

// mediaApplications are the applications that play, record and listen.
func mediaApplications() map[string]app {
	return map[string]app{
		"playback": appPlayback, "endless_playback": appEndlessPlayback, "loop_playback": appLoopPlayback, "gentones": appGentones,
		"sleep": appSleepDigits, "read": appRead, "play_and_get_digits": appPlayAndGetDigits,
		"record": appRecord, "record_session": appRecordSession, "stop_record_session": appStopRecordSession,
		"delay_echo": appDelayEcho, "wait_for_silence": appWaitForSilence, "three_way": appThreeWay, "att_xfer": appAttXfer,
		"send_dtmf": appSendDTMF, "queue_dtmf": appQueueDTMF, "flush_dtmf": appFlushDTMF,
		"start_dtmf": appStartDTMF, "stop_dtmf": appStopDTMF, "bind_meta_app": appBindMetaApp, "unbind_meta_app": appUnbindMetaApp,
	}
}
