package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

const (
	pprofSeconds  = 10               // of a window that takes nobody knows how long
	pprofPatience = 15 * time.Second // beyond that
	maxPprof      = 64 << 20         // bytes
)

// pprofRecording asks a Go program with net/http/pprof for its CPU profile. The program must be told beforehand how long.
type pprofRecording struct {
	file string
	done chan struct{}
	data []byte
	err  error
}

func startPprof(ctx context.Context, address string, takes time.Duration, file string) *pprofRecording {
	r := &pprofRecording{file: file, done: make(chan struct{})}
	seconds := max(int(takes.Seconds()), 1)
	if takes == 0 {
		seconds = pprofSeconds
	}
	go func() {
		defer close(r.done)
		ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second+pprofPatience)
		defer cancel()
		r.data, r.err = fetchPprof(ctx, address, seconds)
	}()
	return r
}

// pprofURL completes an address: HOST:PORT, or a URL with or without the path.
func pprofURL(address string, seconds int) (string, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/debug/pprof/profile"
	}
	query := u.Query()
	query.Set("seconds", fmt.Sprint(seconds))
	u.RawQuery = query.Encode()
	return u.String(), nil
}

func fetchPprof(ctx context.Context, address string, seconds int) ([]byte, error) {
	at, err := pprofURL(address, seconds)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxPprof))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", at, res.Status, bytes.TrimSpace(data[:min(len(data), 200)]))
	}
	return data, err
}

// stop does nothing: the server takes the profile and ends by itself.
func (r *pprofRecording) stop() (time.Duration, error) { return 0, nil }

func (r *pprofRecording) read() (*Profile, error) {
	if <-r.done; r.err != nil {
		return nil, r.err
	}
	if err := os.WriteFile(r.file, r.data, 0o644); err != nil { // #nosec G306: for whoever reads the report
		return nil, err
	}
	samples, err := readPprof(r.data)
	if err == nil && len(samples) == 0 {
		err = errors.New("no samples: the server did nothing")
	}
	return newProfile("pprof", r.file, samples), err
}

// readPprof reads a CPU profile. Its samples stand for several stacks that were alike.
func readPprof(data []byte) ([]stackSample, error) {
	p, err := profile.ParseData(data)
	if err != nil {
		return nil, err
	}
	var all []stackSample
	for _, s := range p.Sample {
		sample := stackSample{times: int(s.Value[0]), weight: float64(s.Value[len(s.Value)-1])}
		for _, l := range s.Location {
			for _, line := range l.Line {
				if line.Function != nil {
					sample.frames = append(sample.frames, frame{function: line.Function.Name, isGo: true})
				}
			}
		}
		if len(sample.frames) > 0 {
			all = append(all, sample)
		}
	}
	return all, nil
}
