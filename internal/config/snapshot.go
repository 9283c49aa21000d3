package config

import (
	"time"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// Options says which tree to load.
type Options struct {
	Dir      string            // configuration folder; "" = the embedded tree
	Defaults map[string]string // built-in variables (local_ip_v4, hostname, conf_dir …), overridable by the tree
	Set      map[string]string // overrides: win over the tree's own
	Env      []string          // os.Environ(): TALKPATH_SET_name=value overrides too, Set wins over it; also what env-set reads
}

// Snapshot is one loaded configuration. It is immutable.
type Snapshot struct {
	Tree         *fsxml.Tree
	Vars         map[string]string
	Directory    *Directory
	Profiles     []Profile
	EventSocket  EventSocket
	Switch       Switch
	Contexts     []string // names of the dialplan's contexts, in document order
	Problems     []fsxml.Problem
	DialplanNode *fsxml.Node // <section name="dialplan">, never nil
	Source       string      // folder, or "embedded"
}

// Profile is one SIP profile. Addresses are IP addresses; an external one is "" when nothing fixed is configured.
type Profile struct {
	Name                                  string
	SIPIP, RTPIP, ExtSIPIP, ExtRTPIP      string
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
	Aliases                               []string
	Params                                map[string]string // every param of <settings>, the last of a name
	File                                  string
	Line                                  int
}

// EventSocket is event_socket.conf.
type EventSocket struct {
	ListenIP string
	Port     int
	Password string
	ACL      string // apply-inbound-acl; "" = loopback.auto, as in FreeSWITCH
}

// Switch is switch.conf with the ports all media shares.
type Switch struct {
	Name                           string
	MaxSessions, SessionsPerSecond int
	RTPStart, RTPEnd               int // 0 = ephemeral
	RTPMuxPort, RTPMuxTCPPort      int // 0 = ephemeral, RTPMuxTCPPort -1 = off
}
