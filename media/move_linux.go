//go:build linux && !talkpath_portable

package media

import "runtime"

// shardCount is how many shards there are for a configured number. A busy loop keeps its processor of Go's scheduler while it sleeps; unless
// told otherwise they leave one for the rest of the program, or must sleep in the dearer way.
func shardCount(n int) int {
	if n == 0 {
		return max(1, min(runtime.GOMAXPROCS(0)-1, maxShards))
	}
	return n
}

// move gives a leg of this shard to another one. Loop only.
func (sh *shard) move(l *leg, to *shard) {
	if l.closed {
		return
	}
	l.unbridge()
	sh.dropLeg(l)
	var conns []*tcpConn
	for _, p := range l.paths() {
		if p.tcp != nil {
			sh.loop.detachTCP(p.tcp)
			delete(sh.tcp, p.tcp)
			conns = append(conns, p.tcp)
		}
	}
	for _, s := range l.sockets() {
		sh.loop.detachUDP(s)
	}
	digits := l.digits != nil
	l.sh = to
	posted := to.loop.post(func() {
		if err := to.takeLeg(l, conns, digits); err != nil { // no descriptors or memory left
			to.all.log.Error("media: moving a leg", "leg", l.session.cfg.Label, "err", err)
			l.event(Event{Type: EventFailed, Err: err})
		}
	})
	if posted {
		l.home.Store(to)
		return
	}
	// The engine is being closed, and this leg with it.
	l.closed = true
	for _, s := range l.sockets() {
		s.close()
	}
	for _, c := range conns {
		c.drop()
	}
}

// takeLeg takes over a leg from another shard. After an error the leg is closed. Loop only.
func (sh *shard) takeLeg(l *leg, conns []*tcpConn, digits bool) error {
	if digits {
		sh.dtmf = append(sh.dtmf, l)
	}
	for _, c := range conns {
		sh.takeTCP(c, nil)
	}
	err := sh.addLeg(l)
	if err != nil {
		l.closed = true
		l.resetDTLS()
		l.forgetICE()
	}
	return err
}

// takeTCP takes over an ICE-TCP connection from another shard, with a frame that was read there already. Loop only.
func (sh *shard) takeTCP(c *tcpConn, frame []byte) {
	sh.tcp[c] = struct{}{}
	if sh.loop.attachTCP(c) != nil {
		sh.closeTCP(c)
		return
	}
	if frame == nil || sh.muxIn(path{tcp: c, addr: c.remote}, frame) {
		sh.loop.framesTCP(c)
	}
	sh.loop.flush() // the frame is not of the arena
}

// giveTCP gives an ICE-TCP connection that nobody owned so far to the shard of the leg that a check on it names; true when it stays here. Loop only.
func (sh *shard) giveTCP(c *tcpConn, l *leg, check []byte) bool {
	if c.leg != nil {
		sh.stats.DropSTUN++ // a connection belongs to one leg
		return true
	}
	sh.loop.detachTCP(c)
	delete(sh.tcp, c)
	check = append(make([]byte, 0, slotSize), check...)
	if to := l.home.Load(); !to.loop.post(func() { to.takeTCP(c, check) }) {
		sh.all.tcpConns.Add(-1)
		c.drop()
	}
	return false
}
