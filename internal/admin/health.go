package admin

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"
)

// alivePatience is how long a part of the program may take to answer. Kubernetes asks every 10 s.
const alivePatience = 5 * time.Second

var errStuck = errors.New("a part of the exchange does not answer")

// probe answers 200 "ok", or 503 and the reason. A check that does not come back is a reason too; while it is stuck no other is begun, so that
// who keeps asking leaves nothing behind but one goroutine.
type probe struct {
	check    func() error
	patience time.Duration
	stuck    atomic.Bool
}

func (p *probe) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if err := p.ask(); err != nil {
		answer(w, http.StatusServiceUnavailable, err.Error()+"\n")
		return
	}
	answer(w, http.StatusOK, "ok\n")
}

func (p *probe) ask() error {
	if p.stuck.Load() {
		return errStuck
	}
	result := make(chan error, 1)
	go func() {
		result <- p.check()
		p.stuck.Store(false)
	}()
	timer := time.NewTimer(p.patience)
	defer timer.Stop()
	select {
	case err := <-result:
		return err
	case <-timer.C:
		p.stuck.Store(true)
		select {
		case err := <-result: // just so
			p.stuck.Store(false)
			return err
		default:
			return errStuck
		}
	}
}
