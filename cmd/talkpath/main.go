// Command talkpath is a telephone exchange: SIP over UDP, TCP, TLS and WebSocket, media relay, FreeSWITCH-compatible event socket.
//
// It is a thin shell around the package github.com/talkpath/talkpath; see there and in the README.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/talkpath/talkpath"
)

// Exit codes: 0 is a clean end, or a configuration that would run.
const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	cfg := talkpath.Config{
		Environ: os.Environ(),
		Logger:  slog.New(slog.NewTextHandler(stderr, nil)),
		Set:     map[string]string{},
	}
	flags := flag.NewFlagSet("talkpath", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&cfg.ConfDir, "conf", "", "FreeSWITCH configuration `DIR`ectory; the embedded one when empty")
	flags.StringVar(&cfg.StateDir, "state", "", "state `DIR`ectory: secrets, certificate, registrations")
	flags.Func("set", "set a pre-processor variable, `name=value`; may be repeated", func(s string) error {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return fmt.Errorf("want name=value")
		}
		cfg.Set[name] = value
		return nil
	})
	check := flags.Bool("check", false, "load everything, report what was found, and exit")
	version := flags.Bool("version", false, "print the version and exit")
	if err := flags.Parse(args); err != nil {
		return exitUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "talkpath: unexpected argument %q\n", flags.Arg(0))
		return exitUsage
	}
	switch {
	case *version:
		fmt.Fprintln(stdout, "talkpath", talkpath.Version())
		return 0
	case *check:
		if err := talkpath.Check(cfg, stdout); err != nil {
			fmt.Fprintln(stderr, err)
			return exitFailure
		}
		return 0
	}
	if err := serve(cfg, stdout); err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailure
	}
	return 0
}

// serve runs the server until a signal: the first drains, the second stops.
func serve(cfg talkpath.Config, stdout io.Writer) error {
	srv, err := talkpath.New(cfg)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		go srv.Shutdown(ctx)
		<-signals
		stop()
	}()
	go func() {
		select {
		case <-srv.Ready():
			srv.Announce(stdout)
		case <-ctx.Done():
		}
	}()
	return srv.Run(ctx)
}
