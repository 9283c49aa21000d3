package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/sip"
)

// serverAddress is where a SIP server is.
type serverAddress struct {
	transport string // "udp", "tcp", "tls", "ws" or "wss"
	host      string
	port      int
	url       string // for ws and wss
}

// parseServer reads HOST[:PORT], a SIP URI, or the URL of a WebSocket.
func parseServer(s string) (a serverAddress, err error) {
	switch scheme, _, _ := strings.Cut(s, ":"); scheme {
	case "ws", "wss":
		u, err := url.Parse(s)
		if err != nil {
			return a, err
		}
		a = serverAddress{transport: u.Scheme, host: u.Hostname(), url: s}
		if u.Port() != "" {
			a.port, err = strconv.Atoi(u.Port())
		}
		if err == nil && a.host == "" {
			err = errors.New("no host")
		}
		return a.withPort(), err
	case "sip", "sips":
	default:
		s = "sip:" + s
	}
	u, err := sip.ParseURI(s)
	if err != nil {
		return a, err
	}
	a = serverAddress{transport: "udp", host: strings.Trim(u.Host, "[]"), port: u.Port}
	if t, ok := u.UriParams.Get("transport"); ok {
		a.transport = strings.ToLower(t)
	}
	if u.IsEncrypted() {
		a.transport = "tls"
	}
	switch a.transport {
	case "udp", "tcp", "tls":
	case "ws", "wss":
		return a, fmt.Errorf("%s needs a URL: %[1]s://HOST:PORT/", a.transport)
	default:
		return a, fmt.Errorf("there is no transport %q", a.transport)
	}
	if a.host == "" {
		return a, errors.New("no host")
	}
	return a.withPort(), nil
}

func (a serverAddress) withPort() serverAddress {
	if a.port == 0 {
		a.port = map[string]int{"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}[a.transport]
	}
	return a
}

// resolve looks the host up.
func (a serverAddress) resolve(ctx context.Context) (netip.AddrPort, error) {
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", a.host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(addrs[0].Unmap(), uint16(a.port)), nil
}

func (a serverAddress) String() string {
	if a.url != "" {
		return a.url
	}
	return a.transport + ":" + net.JoinHostPort(a.host, strconv.Itoa(a.port))
}

// localFor is our address that reaches another; nothing is sent.
func localFor(remote netip.AddrPort) (netip.Addr, error) {
	conn, err := net.Dial("udp", remote.String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}
