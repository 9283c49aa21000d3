package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Profile says what the server's processes spent the CPU time of one measured window on.
type Profile struct {
	Window  string         `json:"window"`  // what was measured
	By      string         `json:"by"`      // "perf", or "pprof": Go's profile, which sees a system call as one function
	File    string         `json:"file"`    // as the profiler wrote it, for perf report or go tool pprof
	Samples int            `json:"samples"` // of which all shares are
	Groups  []ProfileGroup `json:"groups"`  // largest first
}

// ProfileGroup is one kind of work.
type ProfileGroup struct {
	Name      string            `json:"name"`
	Share     float64           `json:"share"`     // 0 … 1
	Functions []ProfileFunction `json:"functions"` // the largest few
}

// ProfileFunction is a function that samples were taken in.
type ProfileFunction struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"` // of all samples
}

const profileFunctions = 4 // named per group

// stackSample is a stack that was seen, innermost frame first.
type stackSample struct {
	frames []frame
	times  int     // it was seen
	weight float64 // time it stands for
}

// frame is a function and the program, library or kernel that has it.
type frame struct {
	function, object string
	isGo             bool
}

// newProfile groups samples.
func newProfile(by, file string, samples []stackSample) *Profile {
	p := &Profile{By: by, File: file}
	total := 0.0
	groups := map[string]map[string]float64{}
	for _, s := range samples {
		name := groupOf(s.frames)
		if groups[name] == nil {
			groups[name] = map[string]float64{}
		}
		groups[name][s.frames[0].name()] += s.weight
		total += s.weight
		p.Samples += s.times
	}
	for name, functions := range groups {
		g := ProfileGroup{Name: name}
		for function, weight := range functions {
			g.Share += weight / total
			g.Functions = append(g.Functions, ProfileFunction{function, weight / total})
		}
		slices.SortFunc(g.Functions, func(a, b ProfileFunction) int {
			return cmp.Or(cmp.Compare(b.Share, a.Share), strings.Compare(a.Name, b.Name))
		})
		g.Functions = g.Functions[:min(len(g.Functions), profileFunctions)]
		p.Groups = append(p.Groups, g)
	}
	slices.SortFunc(p.Groups, func(a, b ProfileGroup) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), strings.Compare(a.Name, b.Name))
	})
	return p
}

// WriteTable writes the profile for people.
func (p *Profile) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "\nprofile of %s: %d samples by %s, %s\n", p.Window, p.Samples, p.By, p.File)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, g := range p.Groups {
		fmt.Fprintf(t, "%5.1f %%\t%s\t%s\n", 100*g.Share, g.Name, g.List())
	}
	return t.Flush()
}

// Percent is the share in percent.
func (g ProfileGroup) Percent() float64 { return 100 * g.Share }

// List names the group's largest functions.
func (g ProfileGroup) List() string {
	var parts []string
	for _, f := range g.Functions {
		parts = append(parts, fmt.Sprintf("%s %.1f %%", f.Name, 100*f.Share))
	}
	return strings.Join(parts, ", ")
}

// profiler takes a profile of the server in each measured window.
type profiler struct {
	dir, url string
	pids     []int
	perf     string // its path; "" where it is not there
	taken    []func() (*Profile, error)
}

// newProfiler is nil when no profile was asked for. perf is preferred: it sees the kernel's side, and any server.
func newProfiler(o *options, m *meter) (*profiler, error) {
	if o.profileDir == "" {
		return nil, nil
	}
	p := &profiler{dir: o.profileDir, url: o.pprof, pids: m.pids}
	if len(p.pids) > 0 {
		p.perf, _ = exec.LookPath("perf")
	}
	switch {
	case p.perf == "" && p.url == "" && len(p.pids) == 0:
		return nil, errors.New("-profile needs -pid of the server, or -pprof, the address of a Go server's profiles")
	case p.perf == "" && p.url == "":
		return nil, errors.New("-profile: perf is not installed (Debian: linux-perf), and -pprof names no address of a Go server's profiles")
	}
	return p, os.MkdirAll(p.dir, 0o755) // #nosec G301: profiles are for whoever reads the report
}

// recording is a profile that is being taken.
type recording interface {
	stop() (used time.Duration, err error) // ends it; used is the CPU time of the profiler
	read() (*Profile, error)               // makes sense of it, when nothing is measured any more
}

// start begins to record a window that takes about so long. stop ends it and says how much CPU time the profiler itself has used.
func (p *profiler) start(ctx context.Context, window string, takes time.Duration) (stop func() (time.Duration, error), err error) {
	var r recording
	file := filepath.Join(p.dir, fileName(window))
	if p.perf != "" {
		r, err = startPerf(p.perf, p.pids, file+".perf.data")
	}
	if p.perf == "" || err != nil && p.url != "" {
		r, err = startPprof(ctx, p.url, takes, file+".pprof"), nil
	}
	if err != nil {
		return nil, err
	}
	return func() (time.Duration, error) {
		used, err := r.stop()
		p.taken = append(p.taken, func() (*Profile, error) {
			profile, err := r.read()
			if err != nil {
				return nil, fmt.Errorf("profile of %s: %w", window, err)
			}
			profile.Window = window
			return profile, nil
		})
		return used, err
	}, nil
}

// profiles reads what was recorded.
func (p *profiler) profiles() (all []*Profile, err error) {
	for _, read := range p.taken {
		profile, failed := read()
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		all = append(all, profile)
	}
	return all, err
}

// fileName makes a file's name of a window's.
func fileName(window string) string {
	return strings.Join(strings.FieldsFunc(window, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.'
	}), "-")
}

// groupNames are all groups of some profiles, the one with the largest share first.
func groupNames(profiles ...*Profile) []string {
	most := map[string]float64{}
	for _, p := range profiles {
		for _, g := range p.Groups {
			most[g.Name] = max(most[g.Name], g.Share)
		}
	}
	return slices.SortedFunc(maps.Keys(most), func(a, b string) int { return cmp.Or(cmp.Compare(most[b], most[a]), strings.Compare(a, b)) })
}
