package media

import (
	"crypto/tls"
	"log/slog"
	"net/netip"
)

// Config configures an Engine. The zero value listens on all IPv4 addresses on ephemeral ports.
type Config struct {
	// ListenIP is what sockets bind to; zero = 0.0.0.0.
	ListenIP netip.Addr
	// AdvertisedIPs go into SDP (ext-rtp-ip), the first one into c=; empty = ListenIP, or the interfaces' addresses when that is unspecified.
	AdvertisedIPs []netip.Addr
	// MuxPort is the one UDP port of all ICE legs; 0 = ephemeral.
	MuxPort int
	// MuxTCPPort is the one TCP port of ICE-TCP (RFC 6544, passive); 0 = ephemeral, -1 = off.
	MuxTCPPort int
	// PortMin and PortMax bound the ports of plain RTP legs, both included; 0,0 = ephemeral ports.
	PortMin, PortMax int
	// Certificate is the DTLS identity; zero = a self-signed ECDSA P-256 one is generated.
	Certificate tls.Certificate
	Logger      *slog.Logger
	// Codecs is what sessions offer and accept when not told otherwise; nil = DefaultCodecs.
	Codecs []Codec
}

// Engine owns the media sockets and the packet loop.
type Engine struct {
}

// NewEngine binds the shared ports and starts the packet loop.
func NewEngine(cfg Config) (*Engine, error) { return &Engine{}, nil }

// Close ends all sessions, closes all sockets and returns when all goroutines have ended.
func (e *Engine) Close() error { return nil }

// MuxAddr is the bound address of the UDP port of ICE legs.
func (e *Engine) MuxAddr() netip.AddrPort { return netip.AddrPort{} }

// MuxTCPAddr is the bound address of the ICE-TCP port; zero when off.
func (e *Engine) MuxTCPAddr() netip.AddrPort { return netip.AddrPort{} }

// Stats returns the counters of the engine.
func (e *Engine) Stats() EngineStats { return EngineStats{} }

// NewSession makes one leg's media. It takes no port before it must.
func (e *Engine) NewSession(cfg SessionConfig) *Session { return &Session{} }
