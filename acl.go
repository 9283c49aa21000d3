package talkpath

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/talkpath/talkpath/internal/config"
)

// eventSocketLists are the names in apply-inbound-acl of the event socket; several, separated by commas, let in who is in any of them. Empty means
// loopback.auto, as in FreeSWITCH.
func eventSocketLists(c *config.Snapshot) []string {
	if c.EventSocket.ACL == "" {
		return []string{"loopback.auto"}
	}
	names := strings.Split(c.EventSocket.ACL, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return names
}

// checkEventSocketACL refuses a name that is no access list: nobody could connect.
func checkEventSocketACL(c *config.Snapshot) error {
	for _, name := range eventSocketLists(c) {
		if _, ok := c.ACL(name); !ok {
			return fmt.Errorf("event socket: no access list %q", name)
		}
	}
	return nil
}

// allowEventSocket says whether an address may connect to the event socket.
func (s *Server) allowEventSocket(addr netip.Addr) bool {
	c := s.snapshot.Load()
	for _, name := range eventSocketLists(c) {
		if acl, ok := c.ACL(name); ok && acl.Match(addr) {
			return true
		}
	}
	return false
}
