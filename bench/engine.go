package bench

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"sync"
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
	s := &ngServer{conn: conn, engine: engine, calls: map[string]*ngCall{}}
	defer s.done.Wait()
	return nil, s.serve()
}

// ngServer answers requests, each on a goroutine: most of a request is waiting for the packet loop. A client sends the requests of one call one
// after the other.
type ngServer struct {
	conn   net.PacketConn
	engine *media.Engine
	done   sync.WaitGroup

	mu       sync.Mutex // guards what follows
	calls    map[string]*ngCall
	answered [2]map[string][]byte // replies by the cookies of their requests, for repetitions: those of now and those from before
	since    time.Time            // when those of now began
}

// ngCall is a call: the side that offered and the one that answered.
type ngCall struct{ caller, callee *media.Session }

// ngAtOnce bounds the requests that are worked on. More wait in the socket, and are repeated.
const ngAtOnce = 32

// ngKept is for how long a repeated request finds its reply at least: a client repeats it twice a second.
const ngKept = 2 * time.Second

func (s *ngServer) serve() error {
	buf := make([]byte, 65536)
	free := make(chan struct{}, ngAtOnce)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			continue // an ICMP error that a reply of ours met
		}
		datagram := bytes.Clone(buf[:n])
		free <- struct{}{}
		s.done.Go(func() {
			defer func() { <-free }()
			if reply := s.reply(datagram); reply != nil {
				_, _ = s.conn.WriteTo(reply, from)
			}
		})
	}
}

// reply is the reply to a datagram; nil when it is no request, or one that is being worked on.
func (s *ngServer) reply(datagram []byte) []byte {
	cookie, body, _ := bytes.Cut(datagram, []byte(" "))
	v, err := parseBencode(body)
	request, ok := v.(map[string]any)
	if err != nil || !ok {
		return nil
	}
	if reply, known := s.known(string(cookie)); known {
		return reply
	}
	result, err := s.do(request)
	if err != nil {
		result = map[string]any{"result": "error", "error-reason": err.Error()}
	}
	reply := appendBencode(append(bytes.Clone(cookie), ' '), result)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered[0][string(cookie)] = reply
	return reply
}

// known tells whether a request came before, and the reply if there is one already. It notes that it has come.
func (s *ngServer) known(cookie string) (reply []byte, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, replies := range s.answered {
		if reply, known = replies[cookie]; known {
			return reply, true
		}
	}
	if now := time.Now(); now.Sub(s.since) > ngKept {
		s.since, s.answered = now, [2]map[string][]byte{{}, s.answered[0]}
	}
	s.answered[0][cookie] = nil
	return nil, false
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
	s.mu.Lock()
	s.calls[id] = c
	s.mu.Unlock()
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
	s.mu.Lock()
	c := s.calls[id]
	s.mu.Unlock()
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
	s.mu.Lock()
	c := s.calls[id]
	delete(s.calls, id)
	s.mu.Unlock()
	if c != nil {
		c.caller.Close()
		c.callee.Close()
	}
}
