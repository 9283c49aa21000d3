package bench

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/talkpath/talkpath/media"
)

func engineFlags(f *flag.FlagSet, o *options) {
	f.StringVar(&o.ng, "ng", "127.0.0.1:2223", "where requests come to, `HOST:PORT`")
	f.StringVar(&o.local, "local", "", "`ADDRESS` of the media (default: the host of -ng)")
}

// runEngine serves until ctx is done: the media engine of Talkpath without an exchange around it, with rtpengine's control protocol, so that
// the two can be measured alike. It does what the scenario relay asks for; it is no replacement of rtpengine.
func runEngine(ctx context.Context, o *options) (*Result, error) {
	conn, err := net.ListenPacket("udp", o.ng)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	ip := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	if o.local != "" {
		if ip, err = netip.ParseAddr(o.local); err != nil {
			return nil, fmt.Errorf("-local: %w", err)
		}
	}
	engine, err := media.NewEngine(media.Config{ListenIP: ip, MuxTCPPort: -1, Codecs: media.CodecsByName("PCMU")})
	if err != nil {
		return nil, err
	}
	defer engine.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	s := &ngServer{conn: conn, engine: engine, calls: map[string]*ngCall{}, answered: map[string][]byte{}}
	return nil, s.serve()
}

// ngServer answers requests one after the other. Its goroutine owns it.
type ngServer struct {
	conn     net.PacketConn
	engine   *media.Engine
	calls    map[string]*ngCall
	answered map[string][]byte // replies by the cookies of their requests, for repetitions
	since    time.Time         // when answered was emptied
}

// ngCall is a call: the side that offered and the one that answered.
type ngCall struct{ caller, callee *media.Session }

// ngKept is for how long a repeated request finds its reply: longer than a client repeats it.
const ngKept = 10 * time.Second

func (s *ngServer) serve() error {
	buf := make([]byte, 65536)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			continue // an ICMP error that a reply of ours met
		}
		if reply := s.reply(buf[:n]); reply != nil {
			_, _ = s.conn.WriteTo(reply, from)
		}
	}
}

// reply is the reply to a datagram; nil when it is no request.
func (s *ngServer) reply(datagram []byte) []byte {
	cookie, body, _ := bytes.Cut(datagram, []byte(" "))
	if reply, ok := s.answered[string(cookie)]; ok {
		return reply
	}
	v, err := parseBencode(body)
	request, ok := v.(map[string]any)
	if err != nil || !ok {
		return nil
	}
	result, err := s.do(request)
	if err != nil {
		result = map[string]any{"result": "error", "error-reason": err.Error()}
	}
	reply := appendBencode(append(bytes.Clone(cookie), ' '), result)
	if now := time.Now(); now.Sub(s.since) > ngKept {
		s.since = now
		clear(s.answered)
	}
	s.answered[string(cookie)] = reply
	return reply
}

func (s *ngServer) do(request map[string]any) (map[string]any, error) {
	text := func(key string) string {
		v, _ := request[key].(string)
		return v
	}
	switch id := text("call-id"); text("command") {
	case "ping":
		return map[string]any{"result": "pong"}, nil
	case "offer":
		return s.described(s.offer(id, text("transport-protocol"), []byte(text("sdp"))))
	case "answer":
		return s.described(s.answer(id, []byte(text("sdp"))))
	case "delete":
		s.end(id)
		return map[string]any{"result": "ok"}, nil
	}
	return nil, errors.New("unrecognized command")
}

func (s *ngServer) described(sdp []byte, err error) (map[string]any, error) {
	return map[string]any{"result": "ok", "sdp": string(sdp)}, err
}

// offer makes a call and the offer for the side that is called.
func (s *ngServer) offer(id, protocol string, sdp []byte) ([]byte, error) {
	kinds := map[string]media.Kind{"RTP/AVP": media.KindRTP, "RTP/SAVP": media.KindSDES, "UDP/TLS/RTP/SAVPF": media.KindWebRTC}
	kind, ok := kinds[protocol]
	if !ok {
		return nil, fmt.Errorf("transport-protocol %q", protocol)
	}
	s.end(id)
	c := &ngCall{s.engine.NewSession(media.SessionConfig{}), s.engine.NewSession(media.SessionConfig{})}
	s.calls[id] = c
	err := c.caller.SetRemoteOffer(sdp)
	if err == nil {
		sdp, err = c.callee.Offer(kind, nil)
	}
	if err != nil {
		s.end(id)
		return nil, err
	}
	return sdp, nil
}

// answer takes the called side's answer, makes the one for the caller and connects them.
func (s *ngServer) answer(id string, sdp []byte) ([]byte, error) {
	c := s.calls[id]
	if c == nil {
		return nil, errors.New("unknown call-id")
	}
	if err := c.callee.SetRemoteAnswer(sdp); err != nil {
		return nil, err
	}
	answer, err := c.caller.Answer(c.callee.Codecs())
	if err != nil {
		return nil, err
	}
	return answer, media.Bridge(c.caller, c.callee)
}

func (s *ngServer) end(id string) {
	if c := s.calls[id]; c != nil {
		c.caller.Close()
		c.callee.Close()
		delete(s.calls, id)
	}
}
