package media

import "sync"

// group counts the goroutines of an engine and refuses new ones after close.
type group struct {
	mu     sync.Mutex // guards closed
	closed bool
	wg     sync.WaitGroup
}

// start runs f in a goroutine; false after close.
func (g *group) start(f func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.wg.Go(f)
	return true
}

// close refuses new goroutines and waits for the running ones.
func (g *group) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.wg.Wait()
}
