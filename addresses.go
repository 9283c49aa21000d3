package talkpath

import (
	"net/netip"
	"slices"

	"github.com/talkpath/talkpath/internal/config"
)

// All profiles share the media ports, so that one UDP port carries every browser.

// mediaAddresses is what media listens on and what peers in our own network are told; those outside are told ext-rtp-ip call by call. Profiles with one
// and the same rtp-ip listen there, others on all addresses. The users' profile comes first: its address stands in c=. Fixed external addresses
// come last: ICE tries them too.
func mediaAddresses(c *config.Snapshot) (listen netip.Addr, advertised []netip.Addr) {
	var binds, external []netip.Addr
	for _, p := range usersProfileFirst(c.Profiles) {
		bind, err := netip.ParseAddr(p.RTPIP)
		if err == nil && !slices.Contains(binds, bind) {
			binds = append(binds, bind)
		}
		for _, ip := range []string{p.RTPIP, c.Vars["local_ip_v4"]} {
			addr, err := netip.ParseAddr(ip)
			if err != nil || addr.IsUnspecified() {
				continue
			}
			if !slices.Contains(advertised, addr) {
				advertised = append(advertised, addr)
			}
			break
		}
		if ext, err := netip.ParseAddr(p.ExtRTPIP); err == nil {
			external = append(external, ext)
		}
	}
	for _, addr := range external {
		if !slices.Contains(advertised, addr) {
			advertised = append(advertised, addr)
		}
	}
	switch {
	case len(binds) == 1:
		return binds[0], advertised
	case slices.ContainsFunc(binds, netip.Addr.Is6):
		return netip.IPv6Unspecified(), advertised
	default:
		return netip.IPv4Unspecified(), advertised
	}
}

// usersProfileFirst puts the profile that FreeSWITCH's trees keep for users before the others.
func usersProfileFirst(profiles []config.Profile) []config.Profile {
	sorted := slices.Clone(profiles)
	slices.SortStableFunc(sorted, func(a, b config.Profile) int { return usersRank(a.Name) - usersRank(b.Name) })
	return sorted
}

func usersRank(profile string) int {
	if profile == "internal" {
		return 0
	}
	return 1
}
