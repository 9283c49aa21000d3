package extip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/pion/stun/v4"

	"github.com/talkpath/talkpath/internal/config"
)

// errUseless is an answer that is no address a peer could use.
var errUseless = errors.New("extip: the STUN server's answer holds no usable address")

// stun asks a server which address it sees us at: a Binding request from a port of its own, sent again as RFC 8489 §6.2.1 says. Only the server's own
// address can answer, since the socket is connected, and only with the transaction's 96 random bits.
func (f *Finder) stun(ctx context.Context, q config.Question) (netip.Addr, error) {
	host, port, err := net.SplitHostPort(q.STUN)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("extip: %w", err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("extip: %w", err)
	}
	server, err := f.lookup(ctx, host, q.IPv6)
	if err != nil {
		return netip.Addr{}, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", netip.AddrPortFrom(server, uint16(n)).String())
	if err != nil {
		return netip.Addr{}, err
	}
	client, err := stun.NewClient(conn)
	if err != nil {
		conn.Close()
		return netip.Addr{}, fmt.Errorf("extip: %w", err)
	}
	return bind(ctx, client)
}

// answered is what became of a transaction.
type answered struct {
	addr netip.Addr
	err  error
}

// bind sends the Binding request and waits for the answer or the end of ctx. It closes the client.
func bind(ctx context.Context, client *stun.Client) (netip.Addr, error) {
	defer client.Close()
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("extip: %w", err)
	}
	result := make(chan answered, 1)
	err = client.Start(request, func(e stun.Event) {
		a := answered{err: e.Error}
		if a.err == nil {
			a.addr, a.err = mapped(e.Message)
		}
		select {
		case result <- a:
		default: // closing tells of the transaction again
		}
	})
	if err != nil {
		return netip.Addr{}, fmt.Errorf("extip: %w", err)
	}
	select {
	case a := <-result:
		return a.addr, a.err
	case <-ctx.Done():
		return netip.Addr{}, ctx.Err()
	}
}

// mapped reads XOR-MAPPED-ADDRESS, or MAPPED-ADDRESS of an old server (RFC 8489 §14.1).
func mapped(m *stun.Message) (netip.Addr, error) {
	if m.Type.Class != stun.ClassSuccessResponse {
		return netip.Addr{}, fmt.Errorf("extip: the STUN server answers %s", m.Type)
	}
	var xor stun.XORMappedAddress
	ip := net.IP(nil)
	if err := xor.GetFrom(m); err == nil {
		ip = xor.IP
	} else {
		var plain stun.MappedAddress
		if err := plain.GetFrom(m); err != nil {
			return netip.Addr{}, errUseless
		}
		ip = plain.IP
	}
	addr, ok := netip.AddrFromSlice(ip)
	if addr = addr.Unmap(); !ok || addr.IsUnspecified() || addr.IsMulticast() {
		return netip.Addr{}, errUseless
	}
	return addr, nil
}
