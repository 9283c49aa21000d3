package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func compareFlags(f *flag.FlagSet, o *options) {
	f.StringVar(&o.jsonFile, "json", "", "write the results as JSON to `FILE`")
	f.StringVar(&o.into, "into", "", "put the table into these `FILES`, between the lines <!-- bench --> and <!-- /bench -->, and profiles between <!-- profiles --> and <!-- /profiles -->")
	f.StringVar(&o.profileDir, "profile", "", "take a profile of each server while it is measured, by perf, and keep it in `DIR`; the figures become a little worse by it")
	f.StringVar(&o.loads, "calls", usualLoads, "the calls at the same time that figures 1, 6 and 8a are measured with, `N[,N…]`")
	f.StringVar(&o.figures, "figures", "", "only these, with commas: "+strings.Join(figureNames(), ", "))
	f.IntVar(&o.pairs, "pairs", 3, "runs of each side, in turns")
	f.DurationVar(&o.talk, "window", 5*time.Second, "how long calls talk in each run")
	f.IntVar(&o.legsAt, "browsers", 100, "browsers in the run that has browsers only")
	f.IntVar(&o.nice, "nice", 0, "priority of generator and servers, as of nice(1): below 0 on a machine that has other work (needs root)")
	f.BoolVar(&o.quiet, "quiet", false, "no progress lines")
}

// Comparison is what a comparison found: the content of its JSON file.
type Comparison struct {
	Version string    `json:"version"` // of Talkpath and the generator
	Started time.Time `json:"started"`
	Machine Machine   `json:"machine"`
	Peers   []string  `json:"peers"` // versions of the other servers
	Command string    `json:"command"`
	Figures []Figure  `json:"figures"`
}

// Figure is one measure of two servers.
type Figure struct {
	Name     string    `json:"name"` // its number in the list of figures to reach
	Measure  string    `json:"measure"`
	Unit     string    `json:"unit"`
	Talkpath []float64 `json:"talkpath"` // one value a run
	Peer     []float64 `json:"peer,omitempty"`
	PeerName string    `json:"peer_name,omitempty"`
	Recorded string    `json:"recorded,omitempty"` // of a server that does not run here
	Floor    string    `json:"floor"`
	Goal     string    `json:"goal"`
	Note     string    `json:"note,omitempty"`
	Other    float64   `json:"other_cores"` // the most that other work took in one of the runs
	Spent    []Spent   `json:"spent,omitempty"`
}

// comparison is the state of a run of comparisons.
type comparison struct {
	o     *options
	loads []int // calls
	out   *Comparison
	other float64 // cores, the most of the runs of the figure that is being measured
}

// runCompare measures the figures, each in pairs of runs: A, B, A, B.
func runCompare(ctx context.Context, o *options) (*Result, error) {
	if o.pairs < 1 || o.talk < time.Second || o.legsAt < 2 {
		return nil, errors.New("-pairs begins at 1, -window at 1s, -browsers at 2")
	}
	chosen, err := chooseFigures(o.figures)
	if err != nil {
		return nil, err
	}
	loads, err := readLoads(o.loads)
	if err != nil {
		return nil, err
	}
	peers, err := peerVersions()
	if err != nil {
		return nil, err
	}
	inside, err := namespaced()
	if err != nil {
		return nil, err
	}
	if !inside {
		return nil, runNamespaced(ctx, o.program.Stdout, o.program.Stderr)
	}
	if err := prioritize(o.nice); err != nil {
		return nil, err
	}
	c := &comparison{o: o, loads: loads, out: &Comparison{
		Version: o.program.Version, Started: time.Now().UTC(), Machine: thisMachine(), Peers: peers,
		Command: o.compareCommand(),
	}}
	for _, f := range chosen {
		first := len(c.out.Figures)
		c.other = 0
		if err := f.measure(ctx, c); err != nil {
			return nil, fmt.Errorf("figure %s: %w", f.names[0], err)
		}
		for i := range c.out.Figures[first:] {
			c.out.Figures[first+i].Other = c.other
		}
	}
	return nil, c.report()
}

// run is one run of a scenario against a server that has just been started.
func (c *comparison) run(ctx context.Context, s *server, o *options, scenario func(context.Context, *options) (*Result, error)) (*Result, error) {
	o.pids, o.profileDir = s.pid(), c.o.profileDir
	o.window = strings.TrimSpace(fmt.Sprintf("%s %s %s", filepath.Base(s.cmd.Path), o.scenario, o.legs))
	if o.calls > 0 {
		o.window = fmt.Sprintf("%s, %d calls", o.window, o.calls)
	}
	r, err := scenario(ctx, o)
	if r != nil && r.Load != nil {
		c.other = max(c.other, r.Load.Other+r.Load.Stolen)
	}
	return r, err
}

// readLoads takes "100,200".
func readLoads(list string) ([]int, error) {
	var all []int
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 1 || n > maxLoad {
			return nil, fmt.Errorf("-calls: %q is not 1 to %d calls", field, maxLoad)
		}
		all = append(all, n)
	}
	return all, nil
}

const (
	usualLoads = "100,200,400"
	maxLoad    = 5000 // calls: ports of the servers
)

// compareCommand is what was measured, as a command line.
func (o *options) compareCommand() string {
	text := fmt.Sprintf("%s compare -pairs %d -window %s -browsers %d", o.program.Name, o.pairs, o.talk, o.legsAt)
	for _, f := range []struct{ name, value, usual string }{{"figures", o.figures, ""}, {"calls", o.loads, usualLoads}, {"profile", o.profileDir, ""}} {
		if f.value != f.usual {
			text += " -" + f.name + " " + f.value
		}
	}
	return text
}

// peerVersions asks the other servers for their versions.
func peerVersions() ([]string, error) {
	var all []string
	for _, program := range []struct{ name, flag string }{{"rtpengine", "--version"}, {"kamailio", "-v"}} {
		text, err := exec.Command(program.name, program.flag).CombinedOutput()
		if errors.Is(err, exec.ErrNotFound) {
			return nil, fmt.Errorf("%s is not installed: test/install.sh rtpengine kamailio does it on Debian", program.name)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", program.name, err)
		}
		first, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
		if program.name == "rtpengine" {
			first = strings.Replace(first, "Version: ", "rtpengine ", 1)
		}
		first, _, _ = strings.Cut(strings.TrimPrefix(first, "version: "), " (")
		all = append(all, first)
	}
	return all, nil
}

// compareOptions are those of a run inside a comparison, with so many callers and as many callees.
func compareOptions(server string, users int) *options {
	address, _ := parseServer(strings.TrimPrefix(server, "udp:"))
	o := &options{
		program: Program{Stdout: io.Discard, Stderr: io.Discard}, quiet: true, scenario: "calls", server: server, addresses: [2]serverAddress{address, address},
		domain: "127.0.0.1", expires: 3600, timeout: 10 * time.Second, threads: 1, ptime: 20 * time.Millisecond, rate: 100, concurrency: 16,
		suiteName: "AES_CM_128_HMAC_SHA1_80", suite: 0x0001,
	}
	for n := range users {
		o.accounts = append(o.accounts, account{fmt.Sprint(1000 + n), comparePassword})
	}
	return o
}

// say is a line of progress.
func (c *comparison) say(format string, args ...any) {
	if !c.o.quiet {
		fmt.Fprintf(c.o.program.Stderr, "%6.1fs  %s\n", time.Since(c.out.Started).Seconds(), fmt.Sprintf(format, args...))
	}
}

// report prints the table and writes the files.
func (c *comparison) report() error {
	if err := errors.Join(c.out.WriteTable(c.o.program.Stdout), c.out.WriteProfiles(c.o.program.Stdout)); err != nil {
		return err
	}
	if c.o.jsonFile != "" {
		if err := writeFile(c.o.jsonFile, c.out.WriteJSON); err != nil {
			return err
		}
	}
	for name := range strings.FieldsFuncSeq(c.o.into, func(r rune) bool { return r == ',' }) {
		if err := replaceTables(name, c.out); err != nil {
			return err
		}
	}
	return nil
}

// spread is the middle, the least and the largest of some values.
type spread struct{ median, least, most float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{(sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[0], sorted[n-1]}
}

// ratios are the peer's value over ours, run by run: each pair saw the same machine.
func (f Figure) ratios() []float64 {
	var all []float64
	for i := range min(len(f.Talkpath), len(f.Peer)) {
		if f.Talkpath[i] > 0 {
			all = append(all, f.Peer[i]/f.Talkpath[i])
		}
	}
	return all
}
