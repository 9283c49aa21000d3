package config

// Param is one parameter of a SIP profile that has a place in Profile.
type Param struct {
	Name  string // in lower case
	Kind  string // flag, number, seconds, ms, port, address, folder, text, list, codecs
	Field string // of Profile
	Acts  bool   // something outside of this package looks at the field
	Ours  string // values, separated by commas, that say what is done anyway: nothing to report then. "*" = any
}

// profileParams are the parameters that do the work in sofia.c (config_sofia parses about 240 names).
var profileParams = []Param{
	{"context", "text", "Context", true, ""},
	{"dialplan", "text", "Dialplan", true, ""},
	{"sip-ip", "address", "SIPIP", true, ""},
	{"sip-port", "port", "SIPPort", true, ""},
	{"rtp-ip", "address", "RTPIP", true, ""},
	{"ext-sip-ip", "address", "ExtSIPIP", true, ""},
	{"ext-rtp-ip", "address", "ExtRTPIP", true, ""},
	{"ws-binding", "address", "WSBinding", true, ""},
	{"wss-binding", "address", "WSSBinding", true, ""},
	{"tls", "flag", "TLS", true, ""},
	{"tls-sip-port", "port", "TLSPort", true, ""},
	{"tls-cert-dir", "folder", "CertDir", true, ""},
	{"auth-calls", "flag", "AuthCalls", true, ""},
	{"challenge-realm", "text", "ChallengeRealm", true, ""},
	{"force-register-domain", "text", "ForceRegisterDomain", true, ""},
	{"force-register-db-domain", "text", "ForceRegisterDBDomain", false, "*"},
	{"inbound-codec-prefs", "codecs", "InboundCodecPrefs", true, ""},
	{"outbound-codec-prefs", "codecs", "OutboundCodecPrefs", true, ""},
	{"codec-prefs", "codecs", "InboundCodecPrefs", true, ""},
	{"rtp-timeout-sec", "seconds", "RTPTimeout", true, ""},
	{"rtp-hold-timeout-sec", "seconds", "RTPHoldTimeout", true, ""},
	{"user-agent-string", "text", "UserAgent", true, ""},
	{"nonce-ttl", "seconds", "NonceTTL", true, ""},
	{"multiple-registrations", "flag", "MultipleRegistrations", true, "true,contact,call-id"},
	{"max-registrations-per-extension", "number", "MaxRegistrationsPerExtension", true, ""},
	{"ext-sip-port", "port", "ExtSIPPort", true, ""},
	{"sip-domain", "text", "SIPDomain", false, ""},
	{"outbound-proxy", "text", "RouteProxy", false, ""},
	{"tls-only", "flag", "TLSOnly", true, ""},
	{"tls-version", "text", "TLSMinVersion", true, ""},
	{"tls-ciphers", "text", "TLSCipherSuites", true, ""},
	{"tls-verify-policy", "text", "VerifyClients", true, ""},
	{"auth-subscriptions", "flag", "AuthSubscriptions", false, "true"},
	{"auth-messages", "flag", "AuthMessages", false, "true"},
	{"auth-all-packets", "flag", "AuthAllPackets", false, ""},
	{"accept-blind-reg", "flag", "AcceptBlindReg", true, ""},
	{"accept-blind-auth", "flag", "AcceptBlindAuth", true, ""},
	{"auth-calls-acl-only", "flag", "AuthCallsACLOnly", true, ""},
	{"auth-require-user", "flag", "AuthRequireUser", false, ""},
	{"blind-auth-reply-403", "flag", "BlindReply403", false, ""},
	{"inbound-reg-force-matching-username", "flag", "ForceMatchingUsername", false, "true"},
	{"max-auth-validity", "number", "MaxAuthValidity", false, "0"},
	{"apply-inbound-acl", "list", "InboundACL", true, ""},
	{"apply-proxy-acl", "list", "ProxyACL", true, ""},
	{"apply-register-acl", "list", "RegisterACL", true, ""},
	{"apply-nat-acl", "list", "NATACL", false, "nat.auto"},
	{"apply-candidate-acl", "list", "CandidateACL", false, ""},
	{"local-network-acl", "list", "LocalNetworkACL", true, "localnet.auto,none"},
	{"force-subscription-domain", "text", "ForceSubscriptionDomain", false, ""},
	{"rfc2833-pt", "number", "RFC2833PT", false, "101"},
	{"dtmf-type", "text", "DTMFType", true, ""},
	{"dtmf-duration", "number", "DTMFDuration", false, "*"},
	{"liberal-dtmf", "flag", "LiberalDTMF", false, "*"},
	{"pass-rfc2833", "flag", "PassRFC2833", false, "true"},
	{"inbound-codec-negotiation", "text", "CodecNegotiation", false, "generous"},
	{"inbound-late-negotiation", "flag", "LateNegotiation", false, "true"},
	{"inbound-bypass-media", "flag", "BypassMedia", false, ""},
	{"inbound-proxy-media", "flag", "ProxyMedia", false, ""},
	{"disable-transcoding", "flag", "DisableTranscoding", false, "*"},
	{"require-secure-rtp", "flag", "RequireSecureRTP", true, ""},
	{"suppress-cng", "flag", "SuppressCNG", true, ""},
	{"supress-cng", "flag", "SuppressCNG", true, ""},
	{"enable-timer", "flag", "SessionTimers", true, ""},
	{"session-timeout", "seconds", "SessionTimeout", true, ""},
	{"minimum-session-expires", "seconds", "MinSessionExpires", true, ""},
	{"timer-t1", "ms", "T1", true, "500"},
	{"timer-t2", "ms", "T2", true, "4000"},
	{"timer-t4", "ms", "T4", true, "4000,5000"},
	{"websocket-reconnect-timeout", "seconds", "ReconnectTimeout", true, ""},
	{"strict-contact-wildcard", "flag", "StrictWildcard", true, ""},
	{"hold-music", "text", "HoldMusic", true, ""},
	{"media-option", "text", "MediaOptions", false, "none"},
	{"disable-transfer", "flag", "DisableTransfer", true, ""},
	{"disable-register", "flag", "DisableRegister", true, ""},
	{"disable-hold", "flag", "DisableHold", false, ""},
	{"sip-trace", "flag", "SIPTrace", true, "false"},
	{"log-auth-failures", "flag", "LogAuthFailures", false, "*"},
	{"nat-options-ping", "flag", "NATOptionsPing", true, ""},
	{"all-reg-options-ping", "flag", "AllOptionsPing", true, ""},
	{"unregister-on-options-fail", "flag", "UnregisterOnOptionsFail", true, ""},
	{"tcp-unreg-on-socket-close", "flag", "UnregisterOnSocketClose", false, "true"},
	{"ping-mean-interval", "seconds", "PingInterval", true, ""},
	{"sip-user-ping-max", "number", "PingMax", true, ""},
	{"sip-user-ping-min", "number", "PingMin", true, ""},
	{"max-proceeding", "number", "MaxProceeding", true, ""},
	{"max-calls", "number", "MaxCalls", false, "*"},
	{"max-recv-requests-per-second", "number", "MaxRequestsPerSecond", true, ""},
	{"ndlb-force-rport", "text", "ForceRport", false, "true,safe,server-only"},
	{"ndlb-received-in-nat-reg-contact", "flag", "ReceivedInContact", false, "true"},
	{"caller-id-type", "text", "CallerIDType", true, "rpid"},
	{"aggressive-nat-detection", "flag", "AggressiveNAT", false, "true"},
	{"pass-callee-id", "flag", "PassCalleeID", false, "*"},
	{"sip-force-expires", "seconds", "ForceExpires", true, ""},
	{"sip-force-expires-min", "seconds", "ForceExpiresMin", true, ""},
	{"sip-force-expires-max", "seconds", "ForceExpiresMax", true, ""},
	{"sip-expires-max-deviation", "seconds", "ExpiresMaxDeviation", true, ""},
	{"record-path", "folder", "RecordPath", true, ""},
	{"record-template", "text", "RecordTemplate", true, ""},
	{"parse-all-invite-headers", "flag", "ParseAllInviteHeaders", true, ""},
	{"full-id-in-dialplan", "flag", "FullIDInDialplan", true, ""},
	{"manual-redirect", "flag", "ManualRedirect", false, "true"},
	{"enable-100rel", "flag", "Require100rel", true, ""},
	{"sip-options-respond-503-on-busy", "flag", "Respond503OnBusy", true, ""},
	{"user-agent-filter", "text", "UserAgentFilter", false, ""},
	{"presence-hosts", "text", "PresenceHosts", true, "*"},
	{"p-asserted-id-parse", "text", "PAssertedIDParse", false, ""},
	{"manage-presence", "flag", "ManagePresence", false, "false"},
	{"proxy-refer", "flag", "ProxyRefer", false, ""},
	{"proxy-info", "flag", "ProxyInfo", true, ""},
	{"proxy-message", "flag", "ProxyMessage", true, ""},
	{"enable-3pcc", "flag", "Enable3PCC", false, ""},
	{"inbound-use-callid-as-uuid", "flag", "InboundUseCallIDAsUUID", false, ""},
	{"outbound-use-uuid-as-callid", "flag", "OutboundUseUUIDAsCallID", false, ""},
	{"cid-in-1xx", "flag", "CIDIn1xx", false, "*"},
	{"disable-srv", "flag", "DisableSRV", true, ""},
	{"disable-naptr", "flag", "DisableNAPTR", true, ""},
	{"disable-rtp-auto-adjust", "flag", "RTPAutoAdjust", false, ""},
	{"alias", "text", "Aliases", true, ""},
}

// quietParams have no meaning here, or ask for what is done anyway: databases, threads, timers, work-arounds for faults of libraries.
const quietParams = `
allow-update auto-invite-100 auto-restart auto-rtp-bugs bind-attempt-interval bind-attempts bind-params db-inner-post-trans-execute
db-inner-pre-trans-execute db-post-trans-execute db-pre-trans-execute db-spin-up-wait-ms dbname debug delete-subs-on-register disable-srv503
enable-compact-headers enable-soa extended-info-parsing fire-bye-response-events fire-message-events inbound-reg-in-new-thread
keepalive-method manual-rtp-bugs manual-video-rtp-bugs ndlb-allow-bad-iananame ndlb-allow-crypto-in-avp ndlb-allow-nondup-sdp
ndlb-expires-in-register-response ndlb-sendrecv-in-session odbc-dsn parse-invite-tel-params ping-thread-frequency presence-privacy
presence-proto-lookup profile-standby registration-thread-frequency renegotiate-codec-on-hold reuse-connections rtp-autofix-timing
rtp-autoflush-during-bridge rtp-digit-delay rtp-notimer-during-bridge rtp-timer-name shutdown-on-fail sip-expires-late-margin
socket-tcp-keepalive stun-auto-disable stun-enabled tcp-keepalive tcp-ping2pong tcp-pingpong tls-bind-params
tls-orq-connect-timeout tls-timeout tls-verify-date tls-verify-depth use-rtp-timer username watchdog-enabled
watchdog-event-timeout watchdog-step-timeout
`

// knownParams are the others that FreeSWITCH knows.
const knownParams = `
3pcc-reinvite-bridged-on-ack apply-inbound-acl-x-token apply-proxy-acl-x-token auto-jitterbuffer-msec bitpacking
channel-xml-fetch-on-nightmare-transfer cng-pt confirm-blind-transfer contact-user enable-chat enable-rfc-5626 enforce-blind-auth-result
fire-transfer-events force-publish-expires force-subscription-expires forward-unsolicited-mwi-notify ignore-183nosdp in-dialog-chat
inbound-no-media make-every-transfer-a-nightmare manage-shared-appearance mwi-use-reg-callid ndlb-broken-auth-hash
ndlb-proxy-never-patch-reinvites ndlb-support-asterisk-missing-srtp-auth pnp-provision-url presence-disable-early presence-hold-state
presence-probe-on-register proxy-hold proxy-info-content-types proxy-notify-events proxy-refer-replaces rfc-7989 rfc-7989-filter
rfc-7989-force-old rfc8760-auth-algorithms rtcp-audio-interval-msec rtcp-video-interval-msec rtp-rewrite-timestamps send-display-update
send-message-query-on-register send-presence-on-register sip-capture sip-messages-respond-200-ok sip-subscribe-respond-200-ok
sip-subscription-max-deviation t38-passthru tcp-always-nat timer-t1x64 tls-always-nat track-calls tls-passphrase
tls-verify-in-subjects update-refresher use-port-for-acl-check vad
`
