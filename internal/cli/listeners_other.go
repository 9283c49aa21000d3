//go:build !linux

package cli

import "net/netip"

// listeners cannot be told here: whoever listens is trusted.
func listeners(int, []netip.Addr) []uint32 { return nil }
