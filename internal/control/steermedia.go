package control

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/call"
)

// steeredMedia is what commands do to a channel's media. What has a context waits for the channel.
type steeredMedia interface {
	Hold(ctx context.Context, on bool) error
	Reinvite(ctx context.Context) error
	Bypass(ctx context.Context, on bool) error
	Break()
	BreakAll()
	Mute(ctx context.Context, said, heard bool) error
	Level(ctx context.Context, said bool, level int) error
	Unmute(ctx context.Context) error
	SteerSound(ctx context.Context, command string) error
	SetMediaStats(ctx context.Context) error
	Displace(ctx context.Context, name string, limit time.Duration) error
	Undisplace(ctx context.Context, name string) error
	Record(ctx context.Context, path string, limit time.Duration) error
	StopRecording(ctx context.Context, path string) error
	PauseRecording(ctx context.Context, path string, on bool) error
	MaskRecording(ctx context.Context, path string, on bool) error
	Recordings(ctx context.Context) []string
}

// channelPatience bounds the wait for a channel, which never blocks; peerPatience that for a channel which waits for peers.
const (
	channelPatience = 5 * time.Second
	peerPatience    = 15 * time.Second
)

// mediaCommands are those about media.
func (c *Control) mediaCommands() map[string]command {
	return map[string]command{
		"uuid_hold":            waits(c.uuidHold, "Place call on hold", "[off|toggle] <uuid> [<display>]"),
		"uuid_media":           waitsFor(peerPatience, c.uuidMedia, "Reinvite FS in or out of media path", "[off] <uuid>"),
		"uuid_media_reneg":     waits(c.uuidMediaReneg, "Media negotiation", "<uuid>[ <codec_string>]"),
		"uuid_break":           action(c.uuidBreak, "Break out of media sent to channel", breakSyntax),
		"break":                action(c.uuidBreak, "uuid_break", breakSyntax),
		"uuid_audio":           waits(c.uuidAudio, "uuid_audio", "<uuid> [start [read|write] [mute|level <level>]|stop]"),
		"uuid_fileman":         waits(c.uuidFileman, "Manage session audio", "<uuid> <cmd>:<val>"),
		"uuid_displace":        waits(c.uuidDisplace, "Displace audio", "<uuid> [start|stop] <path> [<limit>] [mux]"),
		"uuid_set_media_stats": waits(c.uuidSetMediaStats, "Set media stats", "<uuid>"),
		"uuid_record":          waits(c.uuidRecord, "Record session audio", "<uuid> [start|stop|mask|unmask] <path> [<limit>] [<recording_vars>]"),
		"uuid_buglist":         waits(c.uuidBuglist, "List media bugs on a session", "<uuid>"),
	}
}

const breakSyntax = "<uuid> [all]"

// waits makes a command of a function that waits for a channel.
func waits(f func(ctx context.Context, args string) string, help, syntax string) command {
	return waitsFor(channelPatience, f, help, syntax)
}

func waitsFor(limit time.Duration, f func(ctx context.Context, args string) string, help, syntax string) command {
	return command{help: help, syntax: syntax, acts: true, run: func(ctx context.Context, args string) string {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return f(ctx, args)
	}}
}

// successIf is the answer of many commands.
func successIf(ok bool) string {
	if ok {
		return success
	}
	return operationFailed
}

// uuidHold is "[off|toggle] UUID [display]". About a channel that is not there it says that it succeeded, as FreeSWITCH does.
func (c *Control) uuidHold(ctx context.Context, args string) string {
	w := words(args, 4)
	if len(w) == 0 {
		return c.usage("uuid_hold") + operationFailed
	}
	verb := strings.ToLower(w[0])
	if verb == "off" || verb == "toggle" {
		w = w[1:]
	}
	id := ""
	if len(w) > 0 {
		id = w[0]
	}
	ch, ok := c.steered(id)
	if !ok {
		return success
	}
	held := ch.Snapshot().CallState == "HELD"
	on := verb != "off"
	if verb == "toggle" {
		on = !held
	}
	return successIf(ch.Hold(ctx, on) == nil)
}

// uuidMedia is "[off] UUID": the media of the bridge goes from peer to peer, or through here again.
func (c *Control) uuidMedia(ctx context.Context, args string) string {
	w := words(args, 4)
	if len(w) == 0 {
		return c.usage("uuid_media") + operationFailed
	}
	off := strings.EqualFold(w[0], "off")
	if off {
		w = w[1:]
	}
	if len(w) == 0 {
		return operationFailed
	}
	ch, ok := c.steered(w[0])
	return successIf(ok && ch.Bypass(ctx, off) == nil)
}

// uuidMediaReneg is "UUID": the peer is offered what the call has again.
func (c *Control) uuidMediaReneg(ctx context.Context, args string) string {
	w := words(args, 2)
	if len(w) == 0 {
		return c.usage("uuid_media_reneg")
	}
	ch, ok := c.steered(w[0])
	return successIf(ok && ch.Reinvite(ctx) == nil)
}

// uuidBreak is "UUID [all|both]": what is played ends; with all, messages that wait are forgotten; with both, also on the far leg.
func (c *Control) uuidBreak(args string) string {
	w := words(args, 2)
	if len(w) == 0 {
		return c.usage("uuid_break")
	}
	ch, ok := c.steered(w[0])
	if !ok {
		return noSuchChannel
	}
	flags := ""
	if len(w) > 1 {
		flags = w[1]
	}
	legs := []steered{ch}
	if strings.Contains(flags, "both") {
		if far, found := c.steered(ch.Snapshot().OtherUUID); found {
			legs = append(legs, far)
		}
	}
	for _, leg := range legs {
		if strings.Contains(flags, "all") {
			leg.BreakAll()
		} else {
			leg.Break()
		}
	}
	return done
}

// uuidAudio is "UUID start read|write mute|level N" or "UUID stop". A level that is none changes nothing, as in FreeSWITCH.
func (c *Control) uuidAudio(ctx context.Context, args string) string {
	w := words(args, 5)
	if len(w) < 2 {
		return c.usage("uuid_audio")
	}
	ch, ok := c.steered(w[0])
	if !ok {
		return noSuchChannel
	}
	var err error
	switch {
	case strings.EqualFold(w[1], "stop"):
		err = ch.Unmute(ctx)
	case !strings.EqualFold(w[1], "start"), len(w) < 5, !strings.EqualFold(w[2], "read") && !strings.EqualFold(w[2], "write"):
		return c.usage("uuid_audio")
	case strings.EqualFold(w[3], "level"):
		level, _ := strconv.Atoi(w[4]) // what is no number is 0
		if err = ch.Level(ctx, strings.EqualFold(w[2], "read"), level); errors.Is(err, call.ErrCannotLevel) {
			return operationFailed
		}
	case !strings.EqualFold(w[3], "mute"):
		return c.usage("uuid_audio")
	case strings.HasPrefix(w[4], "0"): // no silence at all
		err = ch.Unmute(ctx)
	default:
		err = ch.Mute(ctx, strings.EqualFold(w[2], "read"), strings.EqualFold(w[2], "write"))
	}
	if err != nil {
		return noSuchChannel
	}
	return done
}

// uuidFileman is "UUID COMMAND", see call.Channel.SteerSound. A command that is none is taken, as in FreeSWITCH.
func (c *Control) uuidFileman(ctx context.Context, args string) string {
	w := words(args, 4)
	if len(w) < 2 {
		return c.usage("uuid_fileman")
	}
	ch, ok := c.steered(w[0])
	if !ok {
		return noSuchChannel
	}
	switch err := ch.SteerSound(ctx, w[1]); {
	case errors.Is(err, call.ErrNoFile):
		return "-ERR No file handle!\n"
	case errors.Is(err, call.ErrChannelGone):
		return noSuchChannel
	case err != nil:
		c.deps.Logger.Info("uuid_fileman", "command", oneLine(w[1]), "error", err)
	}
	return done
}

// uuidDisplace is "UUID start PATH [limit] [mux]" or "UUID stop PATH". The sound takes the place of the call also with mux.
func (c *Control) uuidDisplace(ctx context.Context, args string) string {
	w := words(args, 5)
	if len(w) < 3 {
		return c.usage("uuid_displace")
	}
	ch, ok := c.steered(w[0])
	if !ok {
		return noSuchSession
	}
	switch strings.ToLower(w[1]) {
	case "start":
		limit := time.Duration(0)
		if len(w) > 3 {
			limit = seconds(w[3])
		}
		if ch.Displace(ctx, w[2], limit) != nil {
			return "-ERR Cannot displace session!\n"
		}
		return success
	case "stop":
		if ch.Undisplace(ctx, w[2]) != nil {
			return "-ERR Cannot stop displace session!\n"
		}
		return success
	}
	return c.usage("uuid_displace")
}

// uuidRecord is "UUID start PATH [limit]", "UUID stop PATH|all" or "UUID pause|resume|mask|unmask PATH".
func (c *Control) uuidRecord(ctx context.Context, args string) string {
	w := words(args, 5)
	if len(w) < 3 {
		return c.usage("uuid_record")
	}
	verb := strings.ToLower(w[1])
	failed, known := map[string]string{"start": "record", "stop": "stop record", "pause": "pause recording", "resume": "resume recording",
		"mask": "mask recording", "unmask": "unmask recording"}[verb]
	ch, ok := c.steered(w[0])
	switch {
	case !ok:
		return noSuchSession
	case !known:
		return c.usage("uuid_record")
	case verb == "start":
		limit := time.Duration(0)
		if len(w) > 3 {
			limit = seconds(strings.TrimPrefix(w[3], "+"))
		}
		if ch.Record(ctx, w[2], limit) == nil {
			return success
		}
	case verb == "stop":
		if ch.StopRecording(ctx, w[2]) == nil {
			return success
		}
	case verb == "pause", verb == "resume":
		if ch.PauseRecording(ctx, w[2], verb == "pause") == nil {
			return success
		}
	default:
		if ch.MaskRecording(ctx, w[2], verb == "mask") == nil {
			return success
		}
	}
	return "-ERR Cannot " + failed + " session!\n"
}

// uuidSetMediaStats is "UUID": the variables rtp_audio_… show the media so far.
func (c *Control) uuidSetMediaStats(ctx context.Context, args string) string {
	if args == "" {
		return c.usage("uuid_set_media_stats")
	}
	ch, ok := c.steered(args)
	if !ok || ch.SetMediaStats(ctx) != nil {
		return "-ERR No such channel " + args + "!\n"
	}
	return "+OK:\n"
}

// uuidBuglist lists what taps the channel: the recordings.
func (c *Control) uuidBuglist(ctx context.Context, args string) string {
	w := words(args, 2)
	if len(w) == 0 {
		return c.usage("uuid_buglist")
	}
	ch, ok := c.steered(w[0])
	if !ok {
		return ""
	}
	var b strings.Builder
	b.WriteString("<media-bugs>\n")
	for _, file := range slices.Sorted(slices.Values(ch.Recordings(ctx))) {
		b.WriteString(" <media-bug>\n  <function>session_record</function>\n  <target>" + escapeXML(file) + "</target>\n  <thread-locked>0</thread-locked>\n </media-bug>\n")
	}
	b.WriteString("</media-bugs>\n")
	return b.String()
}

var _ steeredMedia = (*call.Channel)(nil)
