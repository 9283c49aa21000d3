// Package bench is the load generator, `talkpath bench …`: registrations and calls against any SIP server, or media alone against a relay,
// with every packet stamped and checked. It sees the server from outside only, as phones do.
//
// A Program reads its arguments and runs one scenario. A scenario makes phones (SIP) or asks a relay for ports (rtpengine's ng protocol),
// gives each call two legs, and hands the legs' voices to the drivers.
//
// Concurrency: a driver is one goroutine that owns a socket and paces the voices of many legs; what others want of it is posted. A stream
// (one direction of one call) has a mutex, because its two ends may belong to different goroutines. Each call is a goroutine that runs its
// script from INVITE to BYE.
//
// RFC 3550 (RTP, jitter), 4568 (SDES), 5764 and 8445 (browsers, by pion), ITU-T G.107 (MOS).
package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Program is one run of the command line.
type Program struct {
	Name           string    // for messages: "talkpath bench"
	Version        string    // of the generator, for the reports
	Stdout, Stderr io.Writer // the table; progress and errors
}

// Exit codes.
const (
	exitFailure = 1 // the server was not reached, refused, or lost or damaged something
	exitUsage   = 2
)

// scenario is one way to load a server.
type scenario struct {
	name, summary string
	example       string // arguments
	flags         func(*flag.FlagSet, *options)
	run           func(context.Context, *options) (*Result, error)
}

func scenarios() []scenario {
	return []scenario{
		{"calls", "sets up calls, lets them talk, measures, hangs up",
			"-server 192.0.2.1:5060 -users 1000-1019 -password … -calls 200 -rate 50 -hold 30s", callFlags, runCalls},
		{"register", "makes phones register again and again", "-server sip:192.0.2.1;transport=tcp -users 1000-1019 -password … -count 10000", registerFlags, runRegister},
		{"ramp", "sets up calls faster and faster, until failures or slow answers show the knee", "-server 192.0.2.1 -users 1000-1019 -password … -from 10 -to 1000 -max-setup 500ms", rampFlags, runRamp},
		{"relay", "the same straight against a relay that speaks rtpengine's ng protocol", "-ng 192.0.2.1:2223 -legs plain,sdes -calls 400", relayFlags, runCalls},
		{"engine", "serves as a relay for the scenario relay: Talkpath's media alone, without an exchange", "-ng 127.0.0.1:2223", engineFlags, runEngine},
		{"compare", "runs Talkpath, rtpengine and Kamailio side by side in a network namespace", "-figures 1,2 -pairs 5 -window 10s", compareFlags, runCompare},
	}
}

// Run runs the scenario that args name and returns the exit code.
func (p Program) Run(ctx context.Context, args []string) int {
	all := scenarios()
	if len(args) == 0 {
		p.usage(p.Stderr, all)
		return exitUsage
	}
	i := slices.IndexFunc(all, func(s scenario) bool { return s.name == args[0] })
	switch {
	case slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]):
		p.usage(p.Stdout, all)
		return 0
	case i < 0:
		fmt.Fprintf(p.Stderr, "%s: there is no scenario %q\n", p.Name, args[0])
		p.usage(p.Stderr, all)
		return exitUsage
	}
	return p.scenario(ctx, all[i], args[1:])
}

func (p Program) scenario(ctx context.Context, s scenario, args []string) int {
	o := &options{program: p, scenario: s.name}
	flags := flag.NewFlagSet(p.Name+" "+s.name, flag.ContinueOnError)
	flags.SetOutput(p.Stderr)
	s.flags(flags, o)
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "%s %s.\n\n  %[1]s %[3]s\n\n", flags.Name(), s.summary, s.example)
		flags.PrintDefaults()
	}
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	case flags.NArg() > 0:
		fmt.Fprintf(p.Stderr, "%s: not understood: %s\n", flags.Name(), strings.Join(flags.Args(), " "))
		return exitUsage
	}
	if err := o.check(); err != nil {
		fmt.Fprintf(p.Stderr, "%s: %v\n", flags.Name(), err)
		return exitUsage
	}
	result, err := s.run(ctx, o)
	if result != nil {
		err = errors.Join(err, o.report(result))
	}
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintf(p.Stderr, "%s: interrupted\n", flags.Name())
	case !errors.Is(err, errReported):
		fmt.Fprintf(p.Stderr, "%s: %s\n", flags.Name(), strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return exitFailure
}

// errReported is a failure that has been told already.
var errReported = errors.New("reported")

func (p Program) usage(w io.Writer, all []scenario) {
	fmt.Fprintf(w, "Usage: %s SCENARIO [flags]\n\n", p.Name)
	for _, s := range all {
		fmt.Fprintf(w, "  %-10s %s\n", s.name, s.summary)
	}
	fmt.Fprintf(w, "\n%s SCENARIO -help lists its flags.\n", p.Name)
}
