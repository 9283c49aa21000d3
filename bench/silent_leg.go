package bench

import (
	"context"
	"fmt"
	"net/netip"
)

// silentLeg is a phone that sends nothing, for runs that measure signalling alone.
type silentLeg struct{ local netip.AddrPort }

func (l silentLeg) offer(context.Context) ([]byte, error)          { return l.description(), nil }
func (l silentLeg) answer(context.Context, []byte) ([]byte, error) { return l.description(), nil }
func (l silentLeg) accept([]byte) error                            { return nil }
func (l silentLeg) talk()                                          {}
func (l silentLeg) close()                                         {}

func (l silentLeg) description() []byte {
	family := "IP4"
	if l.local.Addr().Is6() {
		family = "IP6"
	}
	return fmt.Appendf(nil, "v=0\r\no=- 1 1 IN %s %s\r\ns=-\r\nc=IN %[1]s %[2]s\r\nt=0 0\r\nm=audio %d RTP/AVP %d\r\na=rtpmap:%[4]d PCMU/8000\r\na=sendrecv\r\n",
		family, l.local.Addr(), l.local.Port(), payloadPCMU)
}
