//go:build linux && !talkpath_portable

package media

import (
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openShared opens the i-th socket on a port that all shards share (SO_REUSEPORT). The first one is bound without sharing, so that a port that
// somebody else has is refused, also when that is another engine of ours.
func openShared(addr netip.AddrPort, i int) (*udpSocket, error) {
	s, err := openShareable(addr, muxBuffer, i > 0)
	if err != nil || i > 0 {
		return s, err
	}
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		s.close()
		return nil, fmt.Errorf("media: SO_REUSEPORT: %w", err)
	}
	return s, nil
}

// Offsets of the source port, and of the end of the source address, for steer: from the beginning of the IP header.
const (
	v4Source = 12
	v6Source = 8 + 12
	v6Header = 40 // without extension headers, which nobody sends
)

// steer makes the first n sockets of a shared port receive, each the packets of some remote addresses. It is a program of classic BPF over the
// packet (SO_ATTACH_REUSEPORT_CBPF, socket(7)): it needs no privilege.
func steer(s *udpSocket, n int) error {
	const net = 1<<32 - 0x100000 // SKF_NET_OFF, negative: from the beginning of the IP header
	ld := func(size uint16, k int64) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | size | unix.BPF_ABS, K: uint32(net + k)}
	}
	op := func(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }
	program := []unix.SockFilter{
		ld(unix.BPF_B, 0),
		op(unix.BPF_ALU|unix.BPF_RSH|unix.BPF_K, 4),
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 4, Jf: 6},
		ld(unix.BPF_W, v4Source),
		op(unix.BPF_ST, 0),
		ld(unix.BPF_B, 0), // X = length of the IPv4 header
		op(unix.BPF_ALU|unix.BPF_AND|unix.BPF_K, 0xf),
		op(unix.BPF_ALU|unix.BPF_LSH|unix.BPF_K, 2),
		{Code: unix.BPF_JMP | unix.BPF_JA, K: 3},
		ld(unix.BPF_W, v6Source),
		op(unix.BPF_ST, 0),
		op(unix.BPF_LD|unix.BPF_IMM, v6Header),
		op(unix.BPF_MISC|unix.BPF_TAX, 0),
		{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_IND, K: uint32(net)}, // source port
		op(unix.BPF_LDX|unix.BPF_MEM, 0),
		op(unix.BPF_ALU|unix.BPF_ADD|unix.BPF_X, 0),
		op(unix.BPF_ALU|unix.BPF_MUL|unix.BPF_K, 0x9e3779b1), // neighbouring addresses and even ports go to different shards
		op(unix.BPF_ALU|unix.BPF_RSH|unix.BPF_K, 16),
		op(unix.BPF_ALU|unix.BPF_MOD|unix.BPF_K, uint32(n)),
		op(unix.BPF_RET|unix.BPF_A, 0),
	}
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: (*unix.SockFilter)(unsafe.Pointer(&program[0]))}
	if err := unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &prog); err != nil {
		return fmt.Errorf("media: SO_ATTACH_REUSEPORT_CBPF: %w", err)
	}
	return nil
}
