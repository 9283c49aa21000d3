package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/talkpath/talkpath"
	"github.com/talkpath/talkpath/bench"
)

// runBench runs the load generator; an interrupt ends its calls.
func runBench(name string, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := bench.Program{Name: name, Version: talkpath.Version(), Stdout: os.Stdout, Stderr: os.Stderr}
	return p.Run(ctx, args)
}
