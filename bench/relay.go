package bench

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"time"

	"crypto/rand"
)

func relayFlags(f *flag.FlagSet, o *options) {
	reportFlags(f, o)
	f.StringVar(&o.ng, "ng", "127.0.0.1:2223", "the relay's ng port, `HOST:PORT`")
	f.StringVar(&o.local, "local", "", "our `ADDRESS` for media (default: the one that reaches the relay)")
	f.DurationVar(&o.timeout, "timeout", 5*time.Second, "an answer that takes longer is a failure")
	mediaFlags(f, o)
	windowFlags(f, o)
}

// openRelay reaches the relay's control port.
func openRelay(ctx context.Context, o *options) (*ngClient, netip.AddrPort, error) {
	client, err := dialNG(o.ng)
	if err != nil {
		return nil, netip.AddrPort{}, fmt.Errorf("cannot reach %s: %w", o.ng, err)
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	if _, err := client.do(ctx, map[string]any{"command": "ping"}); err != nil {
		client.close()
		return nil, netip.AddrPort{}, fmt.Errorf("cannot reach %s: %w", o.ng, err)
	}
	return client, client.conn.RemoteAddr().(*net.UDPAddr).AddrPort(), nil
}

// ngCalls makes calls whose two descriptions go to a relay and whose signalling is nobody's.
type ngCalls struct {
	client *ngClient
	media  *mediaPlane
	o      *options
}

// setUp is offer and answer; the two requests to the relay are the time that is measured.
func (c *ngCalls) setUp(ctx context.Context, _ int) (*established, error) {
	var legs []leg
	id, from, to := rand.Text(), rand.Text()[:8], rand.Text()[:8]
	fail := func(err error) (*established, error) {
		for _, l := range legs {
			l.close()
		}
		return nil, err
	}
	for side := range 2 {
		l, err := c.media.leg(side)
		if err != nil {
			return fail(err)
		}
		legs = append(legs, l)
	}
	offer, err := legs[0].offer(ctx)
	if err != nil {
		return fail(err)
	}
	began := time.Now()
	offered, err := c.client.describe(ctx, c.command("offer", c.o.kinds[1], map[string]any{"call-id": id, "from-tag": from, "sdp": string(offer)}))
	took := time.Since(began)
	if err != nil {
		return fail(err)
	}
	answer, err := legs[1].answer(ctx, offered)
	if err != nil {
		return fail(err)
	}
	began = time.Now()
	answered, err := c.client.describe(ctx, c.command("answer", c.o.kinds[0], map[string]any{"call-id": id, "from-tag": from, "to-tag": to, "sdp": string(answer)}))
	took += time.Since(began)
	if err == nil {
		err = legs[0].accept(answered)
	}
	if err != nil {
		return fail(err)
	}
	return &established{took: took, legs: legs, hangUp: func(ctx context.Context) {
		_, _ = c.client.do(ctx, map[string]any{"command": "delete", "call-id": id, "from-tag": from, "delete-delay": 0})
	}}, nil
}

// command says what the side that a description goes to speaks.
func (c *ngCalls) command(name string, to legKind, command map[string]any) map[string]any {
	command["command"] = name
	switch to {
	case plainRTP:
		command["transport-protocol"], command["ICE"] = "RTP/AVP", "remove"
	case sdesSRTP:
		command["transport-protocol"], command["ICE"], command["DTLS"] = "RTP/SAVP", "remove", "off"
	case browser:
		command["transport-protocol"], command["ICE"], command["SDES"] = "UDP/TLS/RTP/SAVPF", "force", []string{"off"}
		command["rtcp-mux"] = []string{"require"}
	}
	return command
}
