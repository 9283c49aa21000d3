package config

import (
	"net/netip"
	"time"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// Options says which tree to load.
type Options struct {
	Dir      string            // configuration folder; "" = the embedded tree
	Defaults map[string]string // built-in variables (local_ip_v4, hostname, conf_dir …), overridable by the tree
	Set      map[string]string // overrides: win over the tree's own
	Env      []string          // os.Environ(): TALKPATH_SET_name=value overrides too, Set wins over it; also what env-set reads
	// LocalNets are the networks this machine is in, for the access lists localnet.auto and nat.auto. FreeSWITCH takes that of local_ip_v4.
	LocalNets []netip.Prefix
	// AllowExec lets the tree run programs by exec and exec-set; without it they are refused. No shell is ever involved.
	AllowExec bool
}

// Snapshot is one loaded configuration. It is immutable.
type Snapshot struct {
	Tree         *fsxml.Tree
	Vars         map[string]string
	Directory    *Directory
	Profiles     []Profile
	EventSocket  EventSocket
	Switch       Switch
	Admin        Admin
	LocalStreams map[string]LocalStream // by name
	JSONRecords  JSONRecords
	CSVRecords   CSVRecords
	Contexts     []string // names of the dialplan's contexts, in document order
	Problems     []fsxml.Problem
	DialplanNode *fsxml.Node // <section name="dialplan">, never nil
	Source       string      // folder, or "embedded"
	Gateways     []Gateway   // of all profiles
	Modules      []Module    // what modules.conf loads
	Unsupported  []Unsupported
	Unsafe       []fsxml.Problem // of Problems: what lets strangers in

	acls map[string]*ACL
}

// Profile is one SIP profile. Addresses are IP addresses; an external one is "" when there is none, or none is known yet.
type Profile struct {
	Name                                  string
	SIPIP, RTPIP, ExtSIPIP, ExtRTPIP      string
	AskSIPIP, AskRTPIP                    Question // how the external ones are found; the zero value when they are fixed
	SIPPort, TLSPort                      int
	TLS                                   bool
	WSBinding, WSSBinding                 string // ip:port or :port; "" = off
	CertDir                               string
	Context, Dialplan                     string
	AuthCalls                             bool
	ChallengeRealm                        string // "auto_from", "auto_to" or a realm
	ForceRegisterDomain                   string
	ForceRegisterDBDomain                 string
	InboundCodecPrefs, OutboundCodecPrefs string
	RTPTimeout, RTPHoldTimeout            time.Duration // 0 = off
	UserAgent                             string
	NonceTTL                              time.Duration
	MultipleRegistrations                 bool
	MaxRegistrationsPerExtension          int
	Aliases                               []string          // of <aliases>, alias params and <domains>; a name stays with the first profile that has it
	Params                                map[string]string // every param of <settings>, the last of a name
	File                                  string
	Line                                  int
	ProfileSettings

	certDirNode, verifyNode *fsxml.Node
}

// Admin is admin.conf, which FreeSWITCH does not have: the HTTP listener for metrics and health.
type Admin struct {
	ListenIP string
	Port     int  // 0 = ephemeral, -1 = off
	Pprof    bool // profiles of the running program, for this machine only
}

// EventSocket is event_socket.conf.
type EventSocket struct {
	ListenIP        string
	Port            int
	Password        string
	ACL             string   // apply-inbound-acl, several joined by commas; "" = loopback.auto, as in FreeSWITCH
	ACLs            []string // all of them: an address that one of them allows may connect
	StopOnBindError bool     // the server must not run without the event socket
	NATMap          bool     // nat-map: read, not served
	Debug           int
}

// Switch is switch.conf with the ports all media shares.
type Switch struct {
	Name                           string
	MaxSessions, SessionsPerSecond int
	RTPStart, RTPEnd               int // 0 = ephemeral
	RTPShards                      int // packet loops of the media engine, 0 = one less than processors
	RTPMuxPort, RTPMuxTCPPort      int // 0 = ephemeral, RTPMuxTCPPort -1 = off

	LogLevel                                                string        // loglevel: debug, info, notice, warning, err …; "" when not set
	Heartbeat                                               time.Duration // event-heartbeat-interval, 20 s
	DefaultDTMFDuration, MinDTMFDuration, MaxDTMFDuration   int           // in samples of 8 kHz: 2000, 400, 192000
	VerboseChannelEvents, EarlyHangup, ICEResolveCandidates bool
	MaxAudioChannels                                        int // 2
	InterfaceAllowlist                                      []string
}
