package call

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
	"github.com/talkpath/talkpath/media/audio"
)

// The addresses of a unicast that names none, and its transports: both are UDP, as in FreeSWITCH (switch_ivr.c switch_ivr_activate_unicast).
const (
	unicastLocalPort  = 8025
	unicastRemotePort = 8026
)

// unicastSound names what comes from the program.
const unicastSound = "unicast"

// unicasting is the unicast of a channel: while it is parked, a program has its sound on a UDP socket. What is played meanwhile is heard instead.
type unicasting struct {
	opt  media.UnicastOptions
	u    unicaster // nil until the channel is parked
	play *playing  // what comes from the program, nil while something else is played
}

// unicaster is what a channel uses of *media.Unicast.
type unicaster interface {
	Source() audio.Source
	Close()
}

// unicastOptions reads the headers of a message. Names are not looked up. why says what is wrong with them, "" for nothing.
func unicastOptions(m Message) (opt media.UnicastOptions, why string) {
	value := func(name, missing string) string {
		for _, h := range m.Headers {
			if strings.EqualFold(h.Name, name) && h.Value != "" {
				return h.Value
			}
		}
		return missing
	}
	address := func(side string, port int) netip.AddrPort {
		ip, err := netip.ParseAddr(value(side+"-ip", "127.0.0.1"))
		number, portErr := strconv.ParseUint(value(side+"-port", strconv.Itoa(port)), 10, 16)
		if err != nil || portErr != nil {
			why = side + "-ip or " + side + "-port is none"
		}
		return netip.AddrPortFrom(ip.Unmap(), uint16(number))
	}
	opt = media.UnicastOptions{Local: address("local", unicastLocalPort), Remote: address("remote", unicastRemotePort),
		Native: strings.Contains(value("flags", ""), "native")}
	switch transport := strings.ToLower(value("transport", "udp")); {
	case transport != "udp" && transport != "tcp":
		why = "there is no such transport"
	case opt.Remote.Port() == 0:
		why = "remote-port is none"
	}
	return opt, why
}

// unicast takes the message of that name. Sound goes only to where programs may come from: the loopback, or whom the event socket's access list lets in.
func (ch *Channel) unicast(m Message) {
	opt, why := unicastOptions(m)
	switch allowed := ch.core.cfg.Programs; {
	case why != "":
	case ch.sound.unicast != nil:
		why = "there is one"
	case !opt.Remote.Addr().IsLoopback() && (allowed == nil || !allowed(opt.Remote.Addr())):
		why = "the access list of the event socket does not have remote-ip"
	}
	if why != "" {
		ch.log.Error("unicast refused", "reason", why)
		return
	}
	ch.sound.unicast = &unicasting{opt: opt}
	if ch.sound.parked > 0 {
		ch.startUnicast()
	}
}

// parked is what lasts while the channel is parked: it runs wait.
func (ch *Channel) parked(wait func()) {
	ch.sound.parked++
	ch.emitPark()
	ch.startUnicast()
	wait()
	ch.sound.parked--
	ch.emitUnpark()
	if ch.sound.parked == 0 {
		ch.stopUnicast()
	}
}

// startUnicast opens the socket of a unicast that was asked for.
func (ch *Channel) startUnicast() {
	c := ch.sound.unicast
	if c == nil || c.u != nil {
		return
	}
	if !ch.openMedia(false) {
		ch.sound.unicast = nil
		return
	}
	u, err := ch.core.media.unicast(ch.media, c.opt, func(err error) {
		ch.box.put(func() {
			if ch.sound.unicast == c {
				ch.log.Info("unicast ended", "error", err)
				ch.stopUnicast()
			}
		})
	})
	if err != nil {
		ch.sound.unicast = nil
		ch.log.Error("unicast failed", "local", c.opt.Local, "remote", c.opt.Remote, "error", err)
		return
	}
	c.u = u
	ch.log.Info("unicast began", "local", c.opt.Local, "remote", c.opt.Remote)
	ch.resumeUnicast()
}

// resumeUnicast plays what comes from the program, unless something else is played.
func (ch *Channel) resumeUnicast() {
	c := ch.sound.unicast
	if c == nil || c.u == nil || c.play != nil || ch.sound.sounds > 0 || ch.hungUp {
		return
	}
	s, err := ch.start(unicastSound, c.u.Source())
	if err != nil {
		ch.log.Info("unicast is not heard", "error", err)
		return
	}
	c.play = s
	s.after = func() {
		if c.play == s {
			c.play = nil
		}
	}
}

// stopUnicast ends it.
func (ch *Channel) stopUnicast() {
	c := ch.sound.unicast
	if c == nil {
		return
	}
	ch.sound.unicast = nil
	if c.play != nil {
		c.play.p.Stop()
	}
	if c.u != nil {
		c.u.Close()
	}
}

// appPark keeps the call where it is until it ends.
func appPark(ch *Channel, _ dialplan.Expanded) string {
	ch.parked(func() { ch.wait(ch.isDown, 0) })
	return responseNone
}
