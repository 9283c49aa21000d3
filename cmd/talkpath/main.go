// Command talkpath is a telephone exchange: SIP over UDP, TCP, TLS and WebSocket, media relay, FreeSWITCH-compatible event socket.
//
// It is a thin shell around the package github.com/talkpath/talkpath: flags, signals, and what a process needs to run as a service.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	_ "time/tzdata" // an image that holds nothing but this program has no time zones

	"github.com/talkpath/talkpath"
)

// Exit codes: 0 is a clean end. Those of -check are talkpath.CheckReport's.
const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	if name, args, ok := commandLine(os.Args); ok {
		os.Exit(runCLI(name, args))
	}
	if len(os.Args) > 1 && os.Args[1] == "bench" {
		os.Exit(runBench(filepath.Base(os.Args[0])+" bench", os.Args[2:]))
	}
	os.Exit(run(filepath.Base(os.Args[0]), os.Args[1:], os.Stdout, os.Stderr))
}

func run(name string, args []string, stdout, stderr io.Writer) int {
	o, err := parse(name, "/", args, stderr)
	var up parent
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	case o.version:
		fmt.Fprintln(stdout, "talkpath", talkpath.Version())
	case o.check:
		return check(o, stdout, stderr)
	case o.stop:
		err = stopOther(o.runDir, stdout)
	case o.background && !inBackground():
		err = launch(os.Args[0], args, o.wait)
	default:
		err = serve(o, &up, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		up.tell(err.Error())
		return exitFailure
	}
	return 0
}

// check reports on the configuration; the exit code is its verdict.
func check(o options, stdout, stderr io.Writer) int {
	report, err := talkpath.Check(o.cfg)
	if err == nil {
		write := report.WriteText
		if o.json {
			write = report.WriteJSON
		}
		err = write(stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	return report.ExitCode
}

// serve runs the server until a signal ends it.
func serve(o options, up *parent, stdout, stderr io.Writer) error {
	if err := become(o.user, o.group); err != nil {
		return err
	}
	var log *logFile
	if o.logDir != "" {
		var err error
		if log, err = openLog(o.logDir); err != nil {
			return err
		}
		stderr = log
	}
	o.cfg.LogLevel = new(slog.LevelVar)
	o.cfg.Logger = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: o.cfg.LogLevel}))
	if log != nil {
		o.cfg.RotateLog = log.reopen
	}
	removePID, err := writePID(o.runDir)
	if err != nil {
		return err
	}
	defer removePID()
	srv, err := talkpath.New(o.cfg)
	if err != nil {
		if log != nil {
			o.cfg.Logger.Error("not started", "error", err)
		}
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go watchSignals(ctx, stop, srv, log, o.cfg.Logger)
	go func() {
		select {
		case <-srv.Ready():
			srv.Announce(stdout)
			up.tell(ready)
		case <-ctx.Done():
		}
	}()
	return srv.Run(ctx)
}

// watchSignals: SIGTERM and SIGINT drain, a second one stops; SIGHUP opens the log and the call records again and reloads the configuration.
func watchSignals(ctx context.Context, stop func(), srv *talkpath.Server, log *logFile, logger *slog.Logger) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)
	for draining := false; ; {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			switch {
			case s == syscall.SIGHUP:
				reload(srv, log, logger)
			case draining:
				stop()
			default:
				draining = true
				go srv.Shutdown(ctx)
			}
		}
	}
}

func reload(srv *talkpath.Server, log *logFile, logger *slog.Logger) {
	if log != nil {
		if err := log.reopen(); err != nil {
			logger.Error("log not opened again", "error", err)
		}
	}
	srv.ReopenRecords()
	if err := srv.Reload(); err != nil {
		logger.Error("configuration not reloaded, the old one stays", "error", err)
		return
	}
	logger.Info("configuration reloaded")
}
