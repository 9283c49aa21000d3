package esl

import (
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// stubListener gives what is put into it, and net.ErrClosed once it is closed.
type stubListener struct {
	net.Listener
	next   chan error // nil stands for a connection
	closed atomic.Int32
	done   chan struct{}
}

func newStub() *stubListener {
	return &stubListener{next: make(chan error, 10), done: make(chan struct{})}
}

func (l *stubListener) Accept() (net.Conn, error) {
	select {
	case err := <-l.next:
		return nil, err
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *stubListener) Close() error {
	if l.closed.Add(1) == 1 {
		close(l.done)
	}
	return nil
}

func TestAcceptor(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	synctest.Test(t, func(t *testing.T) {
		var a acceptor
		first, second := newStub(), newStub()
		var taken atomic.Int32
		ends := make(chan error, 2)
		go func() { ends <- a.serve(first, log, func(net.Conn) { taken.Add(1) }) }()
		go func() { ends <- a.serve(second, log, func(net.Conn) {}) }()
		for _, err := range []error{nil, errors.New("too many open files"), errors.New("again"), nil} {
			first.next <- err
		}
		synctest.Wait()
		time.Sleep(time.Second)
		if n := taken.Load(); n != 2 {
			t.Errorf("%d connections after errors", n)
		}
		a.stop()
		a.stop()
		for range 2 {
			if err := <-ends; err != nil {
				t.Error(err)
			}
		}
		late := newStub()
		if err := a.serve(late, log, func(net.Conn) { t.Error("a connection") }); err != nil || late.closed.Load() != 1 {
			t.Error("a listener that came too late: ", err, late.closed.Load())
		}
		if n := len(a.listeners); n != 0 {
			t.Errorf("%d listeners are remembered", n)
		}
	})
	var a acceptor
	gone := newStub()
	gone.Close()
	if err := a.serve(gone, log, nil); !errors.Is(err, net.ErrClosed) {
		t.Error("a listener that somebody else closed: ", err)
	}
}
