package media

import (
	"bytes"
	"net/netip"
	"strings"
	"time"

	"crypto/rand"

	"github.com/pion/stun/v4"
)

// maxPaths bounds the remote addresses that a leg keeps as validated. The oldest gives way, never the selected one.
const maxPaths = 8

// consentTimeout is how long a peer may go without an authenticated check, RFC 7675 §5.1.
const consentTimeout = 30 * time.Second

// path is a way to the peer of an ICE leg: an address on the shared UDP port, or an ICE-TCP connection.
type path struct {
	tcp   *tcpConn
	addr  netip.AddrPort
	local netip.Addr // address of ours that the peer sends to: part of the selected path only, zero = not known
}

// remote is the path without our own address.
func (p path) remote() path {
	p.local = netip.Addr{}
	return p
}

// iceState is the ICE-lite agent of a leg (RFC 8445 §2.5): it answers checks, never sends any, and is always controlled.
type iceState struct {
	ufrag, oldUfrag string // ours; the old one stays good after a restart until the next
	pwd, oldPwd     string
	paths           []path // validated: an authenticated check came from there; without our own address
	selected        path   // nominated, or the latest validated before nomination
	nominated       bool
	lastCheck       time.Time
}

// active tells whether there is a way to the peer.
func (s *iceState) active() bool { return s.selected != path{} }

// forget drops a path that is gone.
func (s *iceState) forget(p path) {
	p = p.remote()
	for i, q := range s.paths {
		if q == p {
			s.paths = append(s.paths[:i], s.paths[i+1:]...)
			break
		}
	}
	if s.selected.remote() == p {
		s.selected, s.nominated = path{}, false
		if n := len(s.paths); n > 0 {
			s.selected = s.paths[n-1]
		}
	}
}

// STUN attributes that the responder reads, RFC 8445 §16.1.
const (
	attrPriority       = stun.AttrPriority
	attrUseCandidate   = stun.AttrUseCandidate
	attrICEControlling = stun.AttrICEControlling
	attrICEControlled  = stun.AttrICEControlled
)

// stunIn handles a STUN packet on a shared port. What is not an authenticated Binding request for one of our username fragments gets no
// answer at all: the port must not reflect (RFC 8489 §6.3, security of RFC 8445 §19).
func (sh *shard) stunIn(p path, buf []byte) {
	m := &sh.request
	m.Raw = append(m.Raw[:0], buf...)
	if err := m.Decode(); err != nil {
		sh.stats.DropSTUN++
		return
	}
	if m.Type == (stun.MessageType{Method: stun.MethodBinding, Class: stun.ClassIndication}) {
		return // keep-alive, RFC 8445 §11
	}
	if m.Type != stun.BindingRequest {
		sh.stats.DropSTUN++
		return
	}
	l, pwd := sh.authenticate(m)
	if l == nil {
		sh.stats.DropSTUN++
		return
	}
	sh.stats.STUNRequests++
	if m.Contains(attrICEControlled) {
		sh.respond(p, pwd, stun.CodeRoleConflict)
		return
	}
	if !sh.validate(l, p) {
		return
	}
	if m.Contains(attrUseCandidate) {
		l.ice.selected, l.ice.nominated = p, true
	} else if !l.ice.nominated {
		l.ice.selected = p
	}
	l.ice.lastCheck = sh.now
	sh.respond(p, pwd, 0)
	l.iceUp()
}

// authenticate finds the leg by the first half of USERNAME and checks FINGERPRINT and MESSAGE-INTEGRITY with its password. The second
// half, the peer's own fragment, is not compared: checks may precede the peer's answer, and the password proves more.
func (sh *shard) authenticate(m *stun.Message) (*leg, string) {
	user, err := m.Get(stun.AttrUsername)
	if err != nil {
		return nil, ""
	}
	i := bytes.IndexByte(user, ':')
	if i < 0 {
		return nil, ""
	}
	l := sh.byUfrag[string(user[:i])]
	if l == nil || stun.Fingerprint.Check(m) != nil {
		return nil, ""
	}
	pwd := l.ice.pwd
	if string(user[:i]) != l.ice.ufrag {
		pwd = l.ice.oldPwd
	}
	if stun.NewShortTermIntegrity(pwd).Check(m) != nil {
		return nil, ""
	}
	return l, pwd
}

// validate notes that an authenticated check came over the path. An address that another leg held goes to the one that proved it last.
func (sh *shard) validate(l *leg, p path) bool {
	if p.tcp != nil {
		if p.tcp.leg != nil && p.tcp.leg != l {
			sh.stats.DropSTUN++ // a connection belongs to one leg
			return false
		}
		p.tcp.leg = l
	} else if old := sh.byAddr[p.addr]; old != l {
		if old != nil {
			old.ice.forget(p)
		}
		sh.byAddr[p.addr] = l
	}
	for _, q := range l.ice.paths {
		if q == p.remote() {
			return true
		}
	}
	if len(l.ice.paths) >= maxPaths {
		sh.evictPath(l)
	}
	l.ice.paths = append(l.ice.paths, p.remote())
	return true
}

// evictPath drops the oldest path that is not selected.
func (sh *shard) evictPath(l *leg) {
	for _, q := range l.ice.paths {
		if q == l.ice.selected.remote() {
			continue
		}
		if q.tcp != nil {
			sh.closeTCP(q.tcp) // forgets the path
		} else {
			delete(sh.byAddr, q.addr)
			l.ice.forget(q)
		}
		return
	}
}

// respond answers the request in sh.request: success with the mapped address, or an error code. Both are authenticated.
func (sh *shard) respond(p path, pwd string, code stun.ErrorCode) {
	res := &sh.response
	res.Reset()
	res.TransactionID = sh.request.TransactionID
	var err error
	if code == 0 {
		a := p.addr.Addr().Unmap()
		err = res.Build(stun.NewType(stun.MethodBinding, stun.ClassSuccessResponse), &stun.XORMappedAddress{IP: a.AsSlice(), Port: int(p.addr.Port())},
			stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
	} else {
		err = res.Build(stun.NewType(stun.MethodBinding, stun.ClassErrorResponse), code, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
	}
	if err != nil {
		sh.stats.DropSTUN++
		return
	}
	sh.sendNow(p, res.Raw)
}

// setICE gives the leg its credentials, or new ones at an ICE restart (RFC 8445 §9); the previous stay good while the peer moves over.
func (l *leg) setICE(ufrag, pwd string) {
	if ufrag == l.ice.ufrag {
		return
	}
	if l.sh.byUfrag[l.ice.oldUfrag] == l {
		delete(l.sh.byUfrag, l.ice.oldUfrag)
	}
	l.ice.oldUfrag, l.ice.oldPwd = l.ice.ufrag, l.ice.pwd
	l.ice.ufrag, l.ice.pwd = ufrag, pwd
	l.sh.byUfrag[ufrag] = l
}

// iceChars are the ice-char of RFC 8839 §5.4.
const iceChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// iceToken makes a random username fragment or password; 16 characters are 96 bits.
func iceToken(n int) string {
	raw := make([]byte, n)
	rand.Read(raw) // never fails: crypto/rand ends the process instead
	var b strings.Builder
	for _, v := range raw {
		b.WriteByte(iceChars[v&63])
	}
	return b.String()
}
