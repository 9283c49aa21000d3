package call

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
	"github.com/talkpath/talkpath/media"
	"github.com/talkpath/talkpath/media/audio"
)

// What commands do to channels beyond messages (messages.go), transfers and take-overs.

// Errors of commands.
var (
	errNoMedia     = errors.New("call: there is no media to change")
	errNotPlayed   = errors.New("call: nothing is played in place of the call")
	errNotRecorded = errors.New("call: no such recording")
	errNotHeld     = errors.New("call: the call is, or is not, on hold already")
)

// Ask has the channel do something and waits for what comes of it, which takes no longer than what the channel has at hand. The error is
// f's, ErrChannelGone or the context's.
func (ch *Channel) Ask(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	if !ch.box.put(func() {
		if ch.hungUp || ch.profile == nil {
			done <- ErrChannelGone
			return
		}
		done <- f()
	}) {
		return ErrChannelGone
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Hold puts the peer of an answered leg on hold, or takes it back, with a re-INVITE, as uuid_hold does; the far leg hears music meanwhile.
func (ch *Channel) Hold(ctx context.Context, on bool) error {
	return ch.Ask(ctx, func() error {
		if err := ch.holdPeer(on); err != nil {
			return err
		}
		ch.holdMusic(on)
		return nil
	})
}

// holdPeer tells the peer by a re-INVITE that it is held, or no longer.
func (ch *Channel) holdPeer(on bool) error {
	if ch.held == on {
		return errNotHeld
	}
	if !ch.isAnswered || ch.media == nil {
		return errNoMedia
	}
	ch.relayed()
	before := ch.offers.holding
	ch.offers.holding = on
	if err := ch.offerAnew(); err != nil {
		ch.offers.holding = before
		return err
	}
	ch.markHold(on)
	return nil
}

// updaters are the phones that show another name when an UPDATE gives one, mod_sofia.c SWITCH_MESSAGE_INDICATE_DISPLAY.
var updaters = []string{"poly", "aastra", "cisco/spa50", "cisco/spa525", "cisco/spa30", "fanvil", "grandstream", "ringotel", "groundwire",
	"yealink", "mitel", "panasonic"}

// Display tells the peer of an answered leg whom it talks to, as uuid_display does. Phones that are known to show it get an UPDATE.
func (ch *Channel) Display(name, number string) {
	ch.box.put(func() {
		name, number := headerText(name), headerText(number)
		if ch.hungUp || !ch.isAnswered || name == "" {
			return
		}
		if number == "" {
			number = ch.profile.Destination
		}
		if ch.sentCallee == [2]string{name, number} {
			return
		}
		agent := strings.ToLower(ch.vars.value("sip_user_agent"))
		knows := slices.ContainsFunc(updaters, func(s string) bool { return strings.Contains(agent, s) }) || isTrue(ch.vars.value("update_ignore_ua"))
		if knows && strings.Contains(strings.ToUpper(ch.vars.value("sip_allow")), "UPDATE") {
			identity := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `" <sip:` + uriUser(number) + "@" + ch.ownDomain() + ">"
			ch.request(Request{Method: "UPDATE", Headers: []Variable{{Name: "P-Asserted-Identity", Value: identity}}})
		}
		to := ""
		if ch.bridgedTo != nil {
			to = ch.bridgedTo.uuid
		}
		ch.tellIdentity(name, number, to)
	})
}

// uriUser keeps of a number what the user part of a URI may hold as it is, RFC 3261 §25.1.
func uriUser(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_.!~*'()&=+$,;?/", r) || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, s)
}

// ownDomain is the domain of the leg's call.
func (ch *Channel) ownDomain() string {
	return first(ch.vars.value("domain_name"), ch.vars.value("sip_to_host"), ch.vars.value("sip_req_host"))
}

// Notify sends the phone an event package of its own, talk or hold, as uuid_phone_event does.
func (ch *Channel) Notify(event string) {
	ch.box.put(func() {
		if ch.direction == inbound && !ch.isAnswered {
			ch.log.Info("no event to a caller that is not answered", "event", event)
			return
		}
		ch.request(Request{Method: "NOTIFY", Headers: []Variable{{Name: "Event", Value: event}, {Name: "Subscription-State", Value: "active"}}})
	})
}

// SendNotify sends the phone an event of any package, as an event NOTIFY for the channel does.
func (ch *Channel) SendNotify(event, contentType, body string) {
	ch.box.put(func() {
		ch.request(Request{Method: "NOTIFY", Headers: []Variable{{Name: "Event", Value: headerText(event)},
			{Name: "Subscription-State", Value: "terminated;reason=noresource"}}, ContentType: headerText(contentType), Body: []byte(body)})
	})
}

// SendRequest sends an in-dialog request with a body, INFO or MESSAGE.
func (ch *Channel) SendRequest(method, contentType, body string) {
	ch.box.put(func() { ch.request(Request{Method: method, ContentType: contentType, Body: []byte(body)}) })
}

func (ch *Channel) request(r Request) {
	if ch.hungUp || ch.leg == nil {
		return
	}
	if err := ch.leg.Request(r); err != nil {
		ch.log.Info("request not sent", "method", r.Method, "error", err)
	}
}

// BreakAll is Break, and forgets the messages that wait.
func (ch *Channel) BreakAll() {
	ch.box.put(func() {
		ch.inbox.flush()
		ch.sound.breaks++
	})
}

// DualTransfer sends the leg to one place and the leg it is bridged to to another.
func (ch *Channel) DualTransfer(own, far Place) {
	ch.box.put(func() {
		if other := ch.bridgedTo; other != nil {
			other.box.put(func() { other.transfer(far.place()) })
		}
		ch.transfer(own.place())
	})
}

// Place is where a transfer goes; what is empty stays as it is.
type Place struct{ Destination, Dialplan, Context string }

func (p Place) place() place {
	return place{dest: dialplan.Literal(p.Destination, false), dialplan: p.Dialplan, context: p.Context}
}

// Mute has nobody hear the peer, or the peer hear nothing of its bridge, as uuid_audio does; it lasts until Unmute.
func (ch *Channel) Mute(ctx context.Context, said, heard bool) error {
	return ch.Ask(ctx, func() error {
		if ch.media == nil {
			return errNoMedia
		}
		ch.relayed()
		if said {
			ch.media.Mute(true)
		}
		if far := ch.bridgedTo; heard && far != nil {
			far.box.put(func() { far.muted(true) })
		}
		return nil
	})
}

// Unmute ends Mute.
func (ch *Channel) Unmute(ctx context.Context) error {
	return ch.Ask(ctx, func() error {
		ch.muted(false)
		if far := ch.bridgedTo; far != nil {
			far.box.put(func() { far.muted(false) })
		}
		if ch.media != nil {
			_ = ch.media.Level(true, 0) // a codec whose loudness cannot be changed has none
			_ = ch.media.Level(false, 0)
		}
		return nil
	})
}

func (ch *Channel) muted(on bool) {
	if ch.media != nil && !ch.hungUp {
		ch.media.Mute(on)
	}
}

// ErrCannotLevel is a leg whose codec does not let its loudness be changed.
var ErrCannotLevel = media.ErrCannotLevel

// Level changes the loudness of what the peer says, or of what it hears, as uuid_audio does; it lasts until Unmute. The level is that of package audio;
// one beyond its bounds changes nothing.
func (ch *Channel) Level(ctx context.Context, said bool, level int) error {
	return ch.Ask(ctx, func() error {
		switch {
		case ch.media == nil:
			return errNoMedia
		case level < -audio.MaxLevel || level > audio.MaxLevel:
			return nil
		}
		ch.relayed()
		return ch.media.Level(said, level)
	})
}

// Displace plays a sound to the peer in place of the call, once, for the time of limit at most (0: none), as uuid_displace does.
func (ch *Channel) Displace(ctx context.Context, name string, limit time.Duration) error {
	return ch.Ask(ctx, func() error {
		if ch.codec.Name == "" || !media.Generable(ch.codec) {
			return errNoMedia
		}
		src, err := ch.openSound(name)
		if err != nil {
			return err
		}
		ch.stopBehind()
		s, err := ch.start(name, src)
		if err != nil {
			return err
		}
		ch.sound.background = s
		s.after = func() {
			if ch.sound.background == s {
				ch.sound.background = nil
			}
		}
		if limit > 0 {
			ch.schedule(limit, func() {
				if ch.sound.background == s {
					ch.stopBehind()
				}
			})
		}
		return nil
	})
}

// Undisplace ends Displace.
func (ch *Channel) Undisplace(ctx context.Context, name string) error {
	return ch.Ask(ctx, func() error {
		if s := ch.sound.background; s == nil || s.name != name {
			return errNotPlayed
		}
		ch.stopBehind()
		return nil
	})
}

// Record records the call into a file, for the time of limit at most (0: none), as uuid_record does.
func (ch *Channel) Record(ctx context.Context, path string, limit time.Duration) error {
	return ch.Ask(ctx, func() error { return ch.recordSession(path, limit) })
}

// StopRecording ends the recording into a file, "all" for every one.
func (ch *Channel) StopRecording(ctx context.Context, path string) error {
	return ch.Ask(ctx, func() error {
		if _, ok := ch.sound.recordings[path]; !ok && (path != "all" || len(ch.sound.recordings) == 0) {
			return errNotRecorded
		}
		appStopRecordSession(ch, dialplan.Literal(path, false))
		return nil
	})
}

// PauseRecording leaves out of a recording what comes from now on, or has it go on. MaskRecording records silence instead.
func (ch *Channel) PauseRecording(ctx context.Context, path string, on bool) error {
	return ch.recording(ctx, path, func(r recorder) { r.Pause(on) })
}

// MaskRecording: see PauseRecording.
func (ch *Channel) MaskRecording(ctx context.Context, path string, on bool) error {
	return ch.recording(ctx, path, func(r recorder) { r.Mask(on) })
}

func (ch *Channel) recording(ctx context.Context, path string, do func(recorder)) error {
	return ch.Ask(ctx, func() error {
		r, ok := ch.sound.recordings[path]
		if !ok {
			return errNotRecorded
		}
		do(r.r)
		return nil
	})
}

// Recordings are the files that the channel is being recorded to.
func (ch *Channel) Recordings(ctx context.Context) (files []string) {
	if ch.Ask(ctx, func() error {
		for path := range ch.sound.recordings {
			files = append(files, path)
		}
		slices.Sort(files)
		return nil
	}) != nil {
		return nil
	}
	return files
}

// SetMediaStats sets the variables that count the media now, as they are set at the end.
func (ch *Channel) SetMediaStats(ctx context.Context) error {
	return ch.Ask(ctx, func() error {
		ch.reportMedia()
		return nil
	})
}

// Reinvite offers the peer what the call has again, as uuid_media_reneg does.
func (ch *Channel) Reinvite(ctx context.Context) error {
	return ch.Ask(ctx, func() error {
		if !ch.isAnswered || ch.media == nil {
			return errNoMedia
		}
		ch.relayed()
		return ch.offerAnew()
	})
}
