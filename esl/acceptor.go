package esl

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"
)

// acceptPause is how long a listener rests after an error: out of file descriptors, or a connection that was gone already. Neither is a reason to stop
// serving.
const acceptPause = 10 * time.Millisecond

// acceptor is the accepting side of a server: its listeners, until it is stopped. The zero value is ready for use.
type acceptor struct {
	mu        sync.Mutex // guards what follows
	listeners map[net.Listener]struct{}
	stopped   bool
}

// serve gives the connections of a listener to take, which must not wait, until stop; then it returns nil. It closes the listener.
func (a *acceptor) serve(ln net.Listener, log *slog.Logger, take func(net.Conn)) error {
	defer ln.Close()
	if !a.add(ln) {
		return nil
	}
	defer a.remove(ln)
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			take(nc)
		case a.isStopped():
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("esl: accept: %w", err)
		default:
			log.Warn("esl: accept", "error", err)
			time.Sleep(acceptPause)
		}
	}
}

// stop closes the listeners, and those that come later. Idempotent.
func (a *acceptor) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
	for ln := range a.listeners {
		_ = ln.Close()
	}
}

func (a *acceptor) add(ln net.Listener) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return false
	}
	if a.listeners == nil {
		a.listeners = map[net.Listener]struct{}{}
	}
	a.listeners[ln] = struct{}{}
	return true
}

func (a *acceptor) remove(ln net.Listener) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.listeners, ln)
}

func (a *acceptor) isStopped() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stopped
}
