package media

import (
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
	alive           time.Time // last check or media on the selected path
}

// How long the selected path may be silent before another one takes its place on which the peer is heard: its NAT has given it another address,
// and it need not nominate again. Media comes all the time, checks every few seconds (RFC 7675 §5.1).
const (
	mediaSilence = time.Second
	checkSilence = 12 * time.Second
)

// hears is told that the peer showed on a validated path, by media or a check that does not nominate.
func (s *iceState) hears(p path, now time.Time, silence time.Duration) {
	switch {
	case p.remote() == s.selected.remote():
		s.alive = now
	case s.active() && now.Sub(s.alive) > silence:
		s.selected, s.alive = p, now
	}
}

// active tells whether there is a way to the peer.
func (s *iceState) active() bool { return s.selected != path{} }

// paths are those of an ICE leg.
func (l *leg) paths() []path {
	if l.iceSide == nil {
		return nil
	}
	return l.ice.paths
}

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

// addressed reads a STUN packet into sh.request and finds the leg that it names by the first half of USERNAME. What is not a Binding request
// for one of our username fragments gets no answer at all: the port must not reflect (RFC 8489 §6.3, security of RFC 8445 §19).
func (sh *shard) addressed(buf []byte) *leg {
	m := &sh.request
	m.Raw = append(m.Raw[:0], buf...)
	err := m.Decode()
	if err == nil && m.Type == (stun.MessageType{Method: stun.MethodBinding, Class: stun.ClassIndication}) {
		return nil // keep-alive, RFC 8445 §11
	}
	if err == nil && m.Type == stun.BindingRequest {
		if user, ok := ufragOf(m); ok {
			if l := sh.all.ufrags.find(user); l != nil {
				return l
			}
		}
	}
	sh.stats.DropSTUN++
	return nil
}

// ufragOf is our part of USERNAME.
func ufragOf(m *stun.Message) (k ufragKey, ok bool) {
	user, err := m.Get(stun.AttrUsername)
	if err != nil || len(user) <= ufragLen || user[ufragLen] != ':' {
		return k, false
	}
	return ufragKey(user[:ufragLen]), true
}

// stunIn handles the Binding request in the shard's request, which names the leg. One that is not authenticated gets no answer either.
func (l *leg) stunIn(p path) {
	sh, m := l.sh, &l.sh.request
	pwd, ok := l.authenticate(m)
	if !ok {
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
		l.ice.alive = sh.now
	} else if !l.ice.nominated {
		l.ice.selected, l.ice.alive = p, sh.now
	} else {
		l.ice.hears(p, sh.now, checkSilence)
	}
	l.ice.lastCheck = sh.now
	sh.respond(p, pwd, 0)
	l.iceUp()
}

// authenticate checks FINGERPRINT and MESSAGE-INTEGRITY with the password of the username fragment. The second half of USERNAME, the
// peer's own fragment, is not compared: checks may precede the peer's answer, and the password proves more.
func (l *leg) authenticate(m *stun.Message) (pwd string, ok bool) {
	user, _ := ufragOf(m)
	switch string(user[:]) {
	case l.ice.ufrag:
		pwd = l.ice.pwd
	case l.ice.oldUfrag:
		pwd = l.ice.oldPwd
	default: // replaced meanwhile
		return "", false
	}
	if stun.Fingerprint.Check(m) != nil || stun.NewShortTermIntegrity(pwd).Check(m) != nil {
		return "", false
	}
	return pwd, true
}

// validate notes that an authenticated check came over the path. An address that another leg held goes to the one that proved it last.
func (sh *shard) validate(l *leg, p path) bool {
	if p.tcp != nil {
		if p.tcp.leg != nil && p.tcp.leg != l {
			sh.stats.DropSTUN++ // a connection belongs to one leg
			return false
		}
		p.tcp.leg = l
	} else if sh.all.addrs.find(keyOf(p.addr)) != l {
		if sh.loop.queued() >= maxCommands {
			sh.stats.DropSTUN++
			return false
		}
		if old := sh.all.addrs.set(keyOf(p.addr), l); old != nil {
			old.loses(p, sh)
		}
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

// loses is called by a shard when an address of the leg has become another one's. The leg may be of any shard.
func (l *leg) loses(p path, by *shard) {
	if l.home.Load() == by {
		l.ice.forget(p)
		return
	}
	l.post(func() {
		if l.sh.all.addrs.find(keyOf(p.addr)) != l { // it may have got it back
			l.ice.forget(p)
		}
	})
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
			sh.all.addrs.remove(keyOf(q.addr), l)
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
	if old := l.ice.oldUfrag; old != "" {
		l.sh.all.ufrags.remove(ufragKey([]byte(old)), l)
	}
	l.ice.oldUfrag, l.ice.oldPwd = l.ice.ufrag, l.ice.pwd
	l.ice.ufrag, l.ice.pwd = ufrag, pwd
	l.sh.all.ufrags.set(ufragKey([]byte(ufrag)), l)
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
