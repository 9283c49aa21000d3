package cli

import (
	"bufio"
	"encoding/hex"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// listeners returns the users whose sockets listen on a port at one of the addresses, or at all addresses: /proc/net/tcp and tcp6, see
// proc(5).
func listeners(port int, addresses []netip.Addr) []uint32 {
	var uids []uint32
	for _, path := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			fields := strings.Fields(lines.Text())
			if len(fields) < 8 || fields[3] != "0A" { // TCP_LISTEN
				continue
			}
			at, ok := parseSocketAddress(fields[1])
			uid, err := strconv.ParseUint(fields[7], 10, 32)
			if ok && err == nil && int(at.Port()) == port && (at.Addr().IsUnspecified() || slices.Contains(addresses, at.Addr())) {
				uids = append(uids, uint32(uid))
			}
		}
		f.Close()
	}
	return uids
}

// parseSocketAddress reads "0100007F:1F55": words of four bytes in the machine's order, little-endian on all this runs on.
func parseSocketAddress(s string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(host)
	n, err2 := strconv.ParseUint(port, 16, 16)
	if err != nil || err2 != nil {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(b, 4) {
		slices.Reverse(word)
	}
	addr, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), ok
}
