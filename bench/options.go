package bench

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/talkpath/talkpath/srtp"
)

// options is what the arguments say. Each scenario registers the flags it reads.
type options struct {
	program  Program
	scenario string

	// Reports.
	jsonFile, htmlFile string
	pids               string // processes to be measured, with commas
	profileDir, pprof  string // where profiles go; the address of a Go server's own
	window             string // what profiles are called by; default: the scenario
	quiet              bool

	// The server and its users.
	server       string
	calleeServer string
	addresses    [2]serverAddress // of server and calleeServer
	domain       string
	users        string // range, list, or @file
	accounts     []account
	password     string
	insecure     bool
	local        string
	expires      int
	timeout      time.Duration

	// Calls.
	calls     int
	rate      float64 // a second
	hold      time.Duration
	legs      string
	kinds     [2]legKind // caller, callee
	ptime     time.Duration
	suiteName string
	suite     srtp.Profile
	threads   int
	ng        string // the relay's control port

	// Ramps.
	from, to, step float64
	each           time.Duration
	maxFailures    float64 // percent
	maxSetup       time.Duration

	// Registration storms.
	registers, concurrency int

	// Comparisons.
	figures string
	loads   string // calls of figures 1, 6, 8a
	pairs   int
	talk    time.Duration // the calls of each run
	nice    int
	legsAt  int // browsers' legs
	into    string
}

// legKind is what a phone sends.
type legKind int

const (
	signallingOnly legKind = iota
	plainRTP
	sdesSRTP
	browser
)

// legNames is what the two sides' kinds are called on the command line.
func legNames(kinds [2]legKind) string {
	var names [2]string
	for name, kind := range legKinds {
		for side := range kinds {
			if kinds[side] == kind {
				names[side] = name
			}
		}
	}
	if names[0] == names[1] {
		return names[0]
	}
	return names[0] + "," + names[1]
}

var legKinds = map[string]legKind{"none": signallingOnly, "plain": plainRTP, "sdes": sdesSRTP, "browser": browser}

func reportFlags(f *flag.FlagSet, o *options) {
	f.StringVar(&o.jsonFile, "json", "", "write the results as JSON to `FILE`")
	f.StringVar(&o.htmlFile, "html", "", "write a report with plots to `FILE`: one page without external resources")
	f.StringVar(&o.pids, "pid", "", "measure CPU time and memory of these processes of the server and their children: `PID[,PID…]`")
	f.StringVar(&o.profileDir, "profile", "", "take a profile of the processes while they are measured, by perf or by -pprof, and keep it in `DIR`")
	f.StringVar(&o.pprof, "pprof", "", "where the server offers its Go profiles, when perf is not there: `HOST:PORT` or URL")
	f.BoolVar(&o.quiet, "quiet", false, "no progress lines")
}

func serverFlags(f *flag.FlagSet, o *options) {
	f.StringVar(&o.server, "server", "127.0.0.1:5060", "the SIP server: `HOST[:PORT]` (UDP), sip:HOST:PORT;transport=tcp, sips:HOST, ws://… or wss://…")
	f.StringVar(&o.calleeServer, "callee-server", "", "where callees register, when that is another `ADDRESS` (browsers by wss, say)")
	f.StringVar(&o.domain, "domain", "", "SIP domain of the users (default: the server's host)")
	f.StringVar(&o.users, "users", "1000-1019", "who registers: `FROM-TO`, a list with commas, or @FILE with lines of user and password; the first half calls the second")
	f.StringVar(&o.password, "password", "", "password of the users")
	f.BoolVar(&o.insecure, "insecure", false, "accept any TLS certificate")
	f.StringVar(&o.local, "local", "", "our `ADDRESS` for media (default: the one that reaches the server)")
	f.IntVar(&o.expires, "expires", 3600, "registrations last this many seconds")
	f.DurationVar(&o.timeout, "timeout", 5*time.Second, "an answer that takes longer is a failure")
}

func mediaFlags(f *flag.FlagSet, o *options) {
	f.StringVar(&o.legs, "legs", "plain", "what callers and callees send: plain, sdes, browser or none, or two of them: `CALLER,CALLEE`")
	f.DurationVar(&o.ptime, "ptime", 20*time.Millisecond, "audio in one packet")
	f.StringVar(&o.suiteName, "suite", srtp.AES128CMHMACSHA1_80.String(), "crypto suite of sdes legs")
	f.IntVar(&o.threads, "threads", 1, "goroutines, with a socket each, that send and receive for all plain and sdes legs")
}

// check completes the options and says what is wrong with them.
func (o *options) check() (err error) {
	for _, name := range []string{o.jsonFile, o.htmlFile} { // a run may be long: it must not fail for this at its end
		if name == "" {
			continue
		}
		f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o644) // #nosec G302: a report
		if err != nil {
			return err
		}
		f.Close()
	}
	if o.server != "" {
		if o.addresses[0], err = parseServer(o.server); err != nil {
			return fmt.Errorf("-server: %w", err)
		}
		if o.addresses[1] = o.addresses[0]; o.calleeServer != "" {
			if o.addresses[1], err = parseServer(o.calleeServer); err != nil {
				return fmt.Errorf("-callee-server: %w", err)
			}
		}
		if o.accounts, err = readAccounts(o.users, o.password); err != nil {
			return fmt.Errorf("-users: %w", err)
		}
		if o.domain == "" {
			o.domain = o.addresses[0].host
		}
	}
	if o.legs == "" { // a scenario without media
		return nil
	}
	names := strings.SplitN(o.legs+","+o.legs, ",", 3)[:2]
	for i, name := range names {
		kind, ok := legKinds[strings.TrimSpace(name)]
		if !ok {
			return fmt.Errorf("-legs: %q is not plain, sdes, browser or none", name)
		}
		o.kinds[i] = kind
	}
	var ok bool
	if o.suite, ok = srtp.ProfileByName(o.suiteName); !ok {
		return fmt.Errorf("-suite: %q is no crypto suite", o.suiteName)
	}
	switch {
	case o.ng != "" && o.kinds[0] == signallingOnly:
		return errors.New("-legs: a relay needs media")
	case o.kinds[0] != o.kinds[1] && (o.kinds[0] == signallingOnly || o.kinds[1] == signallingOnly):
		return errors.New("-legs: none goes with none only")
	case o.ptime < 10*time.Millisecond || o.ptime > 100*time.Millisecond || o.ptime%(10*time.Millisecond) != 0:
		return errors.New("-ptime: 10ms to 100ms, in steps of 10ms")
	case o.threads < 1 || o.threads > 64:
		return errors.New("-threads: 1 to 64")
	}
	return nil
}
