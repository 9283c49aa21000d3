package esl

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// firstCommandTime is how long a program that was dialled may take for its first command.
const firstCommandTime = 25 * time.Second

// Outbound is a channel that is to be put under the control of a program elsewhere: FreeSWITCH's application socket.
type Outbound struct {
	// Hosts are the programs' addresses, host:port; the first that answers gets the channel.
	Hosts []string
	// Async: the program's messages are queued at the channel. Otherwise each is executed before it is answered.
	Async bool
	// Full admits the commands that concern more than the channel: api, bgapi, event, log, linger, sendevent.
	Full bool
	// Connected, if any, is called when the program has sent connect.
	Connected func()
	// Over is called once, when the connection is over or came to nothing; err is why it came to nothing.
	Over func(err error)
}

// Control connects to a program and lets it control a channel. It returns at once; ctx bounds the connecting alone.
func (s *Server) Control(ctx context.Context, ch Channel, o Outbound) {
	s.mu.Lock()
	s.begin()
	limit := s.Limits.withDefaults()
	full := s.outbound >= limit.Outbound
	if s.closed || full {
		s.mu.Unlock()
		s.counters.refused.Add(1)
		if full {
			s.log().Warn("esl: too many outbound connections", "limit", limit.Outbound)
		}
		o.Over(ErrRefused)
		return
	}
	s.outbound++
	s.wg.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.wg.Done()
		err := s.serveOutbound(ctx, ch, &o, limit)
		s.mu.Lock()
		s.outbound--
		s.mu.Unlock()
		o.Over(err)
	}()
}

// serveOutbound dials and serves.
func (s *Server) serveOutbound(ctx context.Context, ch Channel, o *Outbound, limit Limits) error {
	nc, err := s.dial(ctx, o.Hosts, limit.ConnectTimeout)
	if err != nil {
		s.counters.dialFailed.Add(1)
		s.log().Error("esl: outbound connection", "hosts", o.Hosts, "uuid", ch.UUID(), "error", err)
		return err
	}
	c := newConn(s, nc, netip.Prefix{}, limit)
	c.outbound, c.async = o, o.Async
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		c.abort()
		return ErrClosed
	}
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	s.counters.dialled.Add(1)
	defer s.forget(c)
	c.serveChannel(ch)
	return nil
}

// dial connects to the first host that takes the call.
func (s *Server) dial(ctx context.Context, hosts []string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.base, cancel)()
	d := net.Dialer{Timeout: timeout, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 30 * time.Second}}
	err := error(ErrRefused)
	for _, host := range hosts {
		var nc net.Conn
		if nc, err = d.DialContext(ctx, "tcp", host); err == nil {
			return nc, nil
		}
		s.log().Info("esl: outbound connection refused", "host", host, "error", err)
	}
	return nil, err
}

// serveChannel runs the session of a program that was dialled. It speaks first.
func (c *conn) serveChannel(ch Channel) {
	defer c.close()
	c.control(ch)
	r := newReader(c.nc)
	_ = c.nc.SetReadDeadline(time.Now().Add(firstCommandTime))
	if _, err := r.Peek(1); err != nil {
		c.log.Warn("esl: an outbound connection says nothing", "error", err)
		c.disconnect()
		return
	}
	c.clearDeadline()
	c.commands(r)
}
