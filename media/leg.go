package media

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/talkpath/talkpath/srtp"
)

// unmapped marks a payload type that goes nowhere.
const unmapped = 0xff

// leg is the packet side of a Session. The loop of its shard owns it.
type leg struct {
	home    atomic.Pointer[shard] // who owns it, for others; changed by the owner when the leg moves
	sh      *shard                // the same for the owner
	session *Session              // receives events; never locked here
	index   int32                 // in sh.legs

	// Small fields stand together: memory comes in size classes, see TestSizesOfACall.

	closed    bool
	kind      Kind
	takes     bool        // the peer wants media
	gives     bool        // the peer sends media
	echo      bool        // the peer hears itself
	muted     bool        // nobody hears the peer
	tone      uint8       // our payload type for telephone-event towards the peer, or unmapped
	noise     uint8       // and for comfort noise
	silent    bool        // the last packet of the peer was comfort noise: the next one may take its time
	own       bool        // the peer hears the pacer: relayed audio is left out
	fresh     bool        // the pacer's next packet does not follow its last one
	timedOut  bool        // see fireTimeout
	connected bool        // media can flow, and the owner knows
	aside     bool        // the peer talks to somebody else: StandAside
	reached   atomic.Bool // the peer can be sent to, or could once; the pacer reads it
	rate      uint32      // clock rate of the audio codec
	toneHz    uint32      // clock rate of the telephone-event

	rtp, rtcp  *udpSocket     // plain and SDES legs
	direct     *udpSocket     // on the port of rtp, for a settled peer alone; nil = none
	remote     netip.AddrPort // where RTP goes
	remoteRTCP netip.AddrPort
	local      netip.Addr // address of ours that the peer sends to, zero = not known
	latch      latch
	*iceSide   // nil but for KindWebRTC

	in, out *srtp.Context
	sdes    *sdesPair // the keys that in and out were made of, to keep them over a re-offer; nil = none

	formats               []format8
	sink                  *leg      // where the peer's media goes: the other leg, itself for echo, nil for nowhere
	saidLevel, heardLevel *loudness // nil: as it comes
	peer                  *leg      // the other leg of the bridge, kept while echo is on

	src    source
	stream stream
	heard  *heardDigit // nil before the first
	digits *digitQueue // nil = nothing to send

	said    *ear                    // hears what the peer says, nil mostly
	heardBy *ear                    // hears what is sent to it
	sends   atomic.Pointer[format8] // the audio format towards the peer; the pacer reads it

	timeout     time.Duration
	holdTimeout time.Duration // takes its place while the peer is not to send
	quietSince  time.Time     // since when media should come from the peer, or should not: the last change of that; zero before the first

	rtpOut, rtpBytesOut, payloadOut uint64 // packets to the peer, their bytes, those without header
	tonesIn, tonesOut               uint64 // of them RFC 4733
	noiseIn, noiseOut               uint64 // and comfort noise
	srtpErrors, replays, foreign    uint64
	reports                         reports
	counted                         counted
}

// format8 is one payload format of a leg.
type format8 struct {
	codec *Codec // never changes: the session and its leg share it
	rate  uint32 // of codec, for the packet loop
	pt    uint8  // payload type of codec, which is ours
	tx    uint8  // and the one that the peer wants for it
	to    uint8  // and that the sink's peer knows, or unmapped
	use   formatUse
}

// iceSide is what only legs with ICE have.
type iceSide struct {
	ice  iceState
	dtls dtlsState
}

// newLeg makes the packet side of a session.
func newLeg(s *Session, kind Kind) *leg {
	l := &leg{session: s, kind: kind, tone: unmapped, noise: unmapped}
	if kind == KindWebRTC {
		l.iceSide = &iceSide{}
	}
	l.applyFormats(nil)
	return l
}

// known is the format with what the packet loop asks of its codec.
func (f format8) known() format8 {
	f.rate, f.pt, f.use = uint32(f.codec.ClockRate), f.codec.PayloadType, useOf(f.codec)
	return f
}

// formatUse is what a format carries; the packet loop asks for each packet.
type formatUse uint8

const (
	useAudio formatUse = iota
	useTone
	useNoise
	useOther
)

func useOf(c *Codec) formatUse {
	switch {
	case c.IsAudio():
		return useAudio
	case c.IsTelephoneEvent():
		return useTone
	case c.IsComfortNoise():
		return useNoise
	}
	return useOther
}

// comfortNoise is the static payload type of RFC 3389. It is passed between legs of 8000 Hz also when their descriptions do not name it: who never said
// that it understands it ignores it, and without it the numbers of its packets would look like loss.
const comfortNoise = 13

// comfortNoiseCodec is what silence sounds like.
var comfortNoiseCodec = Codec{Name: "CN", ClockRate: 8000, Channels: 1, PayloadType: comfortNoise}

// ComfortNoise is the format of RFC 3389 for codecs of 8000 Hz.
func ComfortNoise() Codec { return comfortNoiseCodec }

// legUpdate is what a finished offer/answer exchange changes. Nil and zero fields leave things as they are.
type legUpdate struct {
	formats    []format8 // with codec.PayloadType as we announced it
	takes      bool
	gives      bool
	remote     netip.AddrPort
	remoteRTCP netip.AddrPort
	rtcpMux    bool
	sdesIn     srtp.SDES
	sdesOut    srtp.SDES
	ufrag, pwd string
	dtls       dtlsConfig
	timeout    time.Duration
	// holdTimeout takes its place while the peer is not to send.
	holdTimeout time.Duration
}

// apply takes over the result of a negotiation.
func (l *leg) apply(u legUpdate) error {
	if err := l.applySDES(u); err != nil {
		return err
	}
	l.takes, l.timeout, l.holdTimeout = u.takes, u.timeout, u.holdTimeout
	if u.gives != l.gives || l.quietSince.IsZero() {
		l.quietSince, l.timedOut = l.sh.now, false
	}
	l.gives = u.gives
	l.applyFormats(u.formats)
	if l.kind == KindWebRTC {
		l.setICE(u.ufrag, u.pwd)
		l.setDTLS(u.dtls)
		l.iceUp()
	} else {
		l.applyRemote(u)
	}
	l.remap()
	if l.peer != nil {
		l.peer.remap()
	}
	if l.ready() {
		l.reached.Store(true)
	}
	return nil
}

// applySDES makes contexts for new keys and keeps those of unchanged keys: their roll-over counter and replay window must live on.
func (l *leg) applySDES(u legUpdate) error {
	if l.kind != KindSDES || u.sdesOut.Key == nil {
		return nil
	}
	if l.sdes == nil {
		l.sdes = &sdesPair{}
	}
	if !sameSDES(u.sdesIn, l.sdes.in) {
		ctx, err := srtp.NewContext(u.sdesIn.Profile, u.sdesIn.Key, u.sdesIn.Salt)
		if err != nil {
			return err
		}
		l.in, l.sdes.in = ctx, u.sdesIn
	}
	if !sameSDES(u.sdesOut, l.sdes.out) {
		ctx, err := srtp.NewContext(u.sdesOut.Profile, u.sdesOut.Key, u.sdesOut.Salt)
		if err != nil {
			return err
		}
		l.setOut(ctx)
		l.sdes.out = u.sdesOut
	}
	return nil
}

// setOut starts sending under a new key. Its roll-over counter begins at 0 on both sides, so the sequence numbers must not be about to wrap:
// a receiver that misses the first packets would guess wrong for ever (RFC 4568 §6.4.1, RFC 3711 §3.3.1).
func (l *leg) setOut(ctx *srtp.Context) {
	l.out = ctx
	l.stream.low()
}

func sameSDES(a, b srtp.SDES) bool {
	return a.Profile == b.Profile && string(a.Key) == string(b.Key) && string(a.Salt) == string(b.Salt)
}

func (l *leg) applyFormats(formats []format8) {
	l.account() // to the codec so far
	l.tone, l.noise, l.rate = unmapped, unmapped, 8000
	l.formats = make([]format8, 0, len(formats)+1)
	for _, f := range formats {
		l.formats = append(l.formats, f.known())
	}
	if formats = l.formats; len(formats) > 0 && comfortable(formats) {
		l.formats = append(formats, format8{codec: &comfortNoiseCodec, tx: comfortNoise}.known())
		formats = l.formats
	}
	l.sends.Store(nil)
	for i, f := range formats {
		if f.codec.IsAudio() {
			l.rate = f.rate
			l.sends.Store(&formats[i])
			break
		}
	}
	for _, f := range formats {
		if f.codec.IsTelephoneEvent() && (l.tone == unmapped || f.rate == l.rate) {
			l.tone, l.toneHz = f.tx, f.rate
		}
		if f.use == useNoise && f.rate == l.rate {
			l.noise = f.tx
		}
	}
}

// formatOf is the format of a payload type from the peer. One that answered with other numbers than offered may send either (RFC 3264 §6.1
// wants ours).
func (l *leg) formatOf(pt uint8) *format8 {
	for i := range l.formats {
		if l.formats[i].pt == pt {
			return &l.formats[i]
		}
	}
	for i := range l.formats {
		if l.formats[i].tx == pt {
			return &l.formats[i]
		}
	}
	return nil
}

// comfortable tells whether comfort noise goes with the formats and is not among them.
func comfortable(formats []format8) bool {
	audio := false
	for _, f := range formats {
		if f.use == useNoise || f.tx == comfortNoise || f.pt == comfortNoise {
			return false
		}
		audio = audio || f.use == useAudio && f.codec.ClockRate == comfortNoiseCodec.ClockRate
	}
	return audio
}

// applyRemote sets where plain RTP goes and lets the peer's source be learned anew.
func (l *leg) applyRemote(u legUpdate) {
	if u.remote != l.latch.sdp { // else a learned source stays until another is learned
		l.setRemote(u.remote)
		l.remoteRTCP = u.remoteRTCP
		if a := u.remoteRTCP.Addr(); a.IsValid() && a.Is4() != u.remote.Addr().Is4() { // our socket may not reach the other family
			l.remoteRTCP = netip.AddrPortFrom(u.remote.Addr(), u.remoteRTCP.Port())
		}
	}
	l.latch.restart(u.remote) // a re-INVITE allows a new source, RFC 3264 §8
	if u.rtcpMux {
		l.remoteRTCP = l.remote
	}
	l.latch.mux = u.rtcpMux
}

// setRemote is where RTP goes from now on.
func (l *leg) setRemote(to netip.AddrPort) {
	if to != l.remote {
		l.remote = to
		l.closeDirect()
	}
}

// setLocal is the address of ours that the peer sends to from now on. One that changes it gets no direct socket any more.
func (l *leg) setLocal(local netip.Addr) {
	l.local = local
	if l.direct != nil {
		l.closeDirect()
		l.latch.direct = true
	}
}

// remap computes where each format of the peer goes.
func (l *leg) remap() {
	for i := range l.formats {
		f := &l.formats[i]
		if f.to = unmapped; l.sink != nil {
			f.to = l.sink.txFor(*f.codec)
		}
	}
}

// txFor is the payload type that the leg's peer knows for the codec. A telephone-event of another clock rate is better than none.
func (l *leg) txFor(c Codec) uint8 {
	for _, f := range l.formats {
		if f.codec.Same(c) {
			return f.tx
		}
	}
	if c.IsTelephoneEvent() {
		return l.tone
	}
	return unmapped
}

// clockOf is the clock rate of a payload type of txFor.
func (l *leg) clockOf(pt uint8) uint32 {
	for _, f := range l.formats {
		if f.tx == pt {
			return f.rate
		}
	}
	return l.rate
}

// bridgeTo connects two legs both ways.
func (l *leg) bridgeTo(o *leg) {
	l.unbridge()
	o.unbridge()
	l.peer, o.peer = o, l
	l.route(l.echo)
	o.route(o.echo)
}

// unbridge separates the leg from its peer.
func (l *leg) unbridge() {
	p := l.peer
	if p == nil {
		return
	}
	l.peer, p.peer = nil, nil
	l.route(l.echo)
	p.route(p.echo)
}

// route sets the sink: the leg itself for echo, else its peer; nobody while it is muted.
func (l *leg) route(echo bool) {
	l.echo = echo
	l.sink = l.peer
	switch {
	case l.muted:
		l.sink = nil
	case echo:
		l.sink = l
	}
	l.remap()
}

// mute decides whether the peer is heard by who is at the other end of its bridge.
func (l *leg) mute(on bool) {
	l.muted = on
	l.route(l.echo)
}

// iceUp is called when ICE has a path or the DTLS parameters changed.
func (l *leg) iceUp() {
	if l.ice.active() {
		l.startDTLS()
	}
}

// setConnected reports once that media can flow.
func (l *leg) setConnected() {
	if !l.connected {
		l.connected = true
		l.reached.Store(true)
		l.event(Event{Type: EventConnected})
	}
}

func (l *leg) event(ev Event) { l.sh.all.events(l.sh, l.session, ev) }

// checkTimeouts looks at the clock; called every tickInterval.
func (l *leg) checkTimeouts() {
	now := l.sh.now
	if l.kind == KindWebRTC && l.ice.active() && now.Sub(l.ice.lastCheck) > consentTimeout {
		l.ice.selected, l.ice.nominated = path{}, false // RFC 7675 §5.1: stop sending
		l.fireTimeout()
	}
	l.dtlsTick()
	l.reportTick()
	if h := l.heard; h != nil && h.active && !h.reported && now.Sub(h.last) > toneSilence {
		l.reportDigit()
	}
	if l.aside {
		return
	}
	limit := l.timeout
	if !l.gives {
		limit = l.holdTimeout
	}
	if limit <= 0 || l.quietSince.IsZero() {
		return
	}
	last := l.quietSince
	if l.src.last.After(last) {
		last = l.src.last
	}
	if now.Sub(last) > limit {
		l.fireTimeout()
	}
}

// fireTimeout reports a silence once; the next packet arms it again.
func (l *leg) fireTimeout() {
	if !l.timedOut {
		l.timedOut = true
		l.event(Event{Type: EventTimeout})
	}
}

// plainIn takes a datagram of a port of the leg's own.
func (l *leg) plainIn(s *udpSocket, buf []byte, from netip.AddrPort, local netip.Addr) {
	switch c := classify(buf); {
	case c == classRTCP:
		if !l.latch.admitsRTCP(l, from) {
			l.sh.stats.DropForeign++
			l.foreign++
			return
		}
		if l.rtcpIn(buf) {
			l.latch.learnRTCP(l, from)
		}
	case c == classRTP && s != l.rtcp:
		if !l.latch.admits(l, from) {
			l.sh.stats.DropForeign++
			l.foreign++
			return
		}
		if l.rtpIn(buf) {
			l.latch.learn(l, from)
			if local != l.local {
				l.setLocal(local)
			}
		}
	default:
		l.sh.stats.DropGarbage++
	}
}

// sendPacket sends an encrypted or plain packet of the arena to the peer.
func (l *leg) sendPacket(pkt []byte, rtcp, now bool) {
	if l.kind == KindWebRTC {
		if now {
			l.sh.sendNow(l.ice.selected, pkt)
		} else {
			l.sh.send(l.ice.selected, pkt)
		}
		return
	}
	s, to := l.rtp, l.remote
	if rtcp {
		to = l.remoteRTCP
		if !l.latch.mux && l.rtcp != nil {
			s = l.rtcp
		}
	}
	l.sh.stats.PacketsOut++
	l.sh.stats.BytesOut += uint64(len(pkt))
	if l.direct != nil && !rtcp {
		l.sh.loop.sendDirect(l.direct, pkt)
	} else if now {
		l.sh.loop.sendUDPNow(s, pkt, to, l.local)
	} else {
		l.sh.loop.sendUDP(s, pkt, to, l.local)
	}
}

// ready tells whether something can be sent to the peer at all.
func (l *leg) ready() bool {
	if l.kind == KindWebRTC {
		return l.out != nil && l.ice.active()
	}
	return l.remote.IsValid() && !l.remote.Addr().IsUnspecified() && l.remote.Port() != 0 && (l.kind != KindSDES || l.out != nil)
}
