package call

import (
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// responseNone is Application-Response of applications that say nothing.
const responseNone = "_none_"

// app is a dialplan application. It runs on the channel's goroutine until it is done or the channel is hung up.
type app func(ch *Channel, data dialplan.Expanded) string

// applications is the table of applications by lower-case name.
func applications() map[string]app {
	apps := map[string]app{
		"set": appSet, "unset": appUnset, "export": appExport, "multiset": appMultiset,
		"answer": appAnswer, "pre_answer": appPreAnswer, "ring_ready": appRingReady,
		"sleep": appSleep, "hangup": appHangup, "respond": appRespond,
		"echo": appEcho, "delay_echo": appEcho, "park": appPark, "bridge": appBridge,
		"log": appLog, "info": appInfo,
	}
	maps.Copy(apps, flowApplications())
	maps.Copy(apps, mediaApplications())
	return apps
}

// ignoredApps are the applications that are accepted and do nothing: what FreeSWITCH's stock dialplan calls for features that are not
// here, and without which a call still works. Ending the call instead would break every extension.
type ignoredApps struct {
	warned map[string]*sync.Once // by name; the map never changes
}

func newIgnoredApps() ignoredApps {
	i := ignoredApps{warned: map[string]*sync.Once{}}
	for _, name := range []string{"bind_digit_action", "clear_digit_action", "verbose_events", "presence", "sofia_sla"} {
		i.warned[name] = &sync.Once{}
	}
	return i
}

// take says whether an application is one of them, and warns the first time it is met: once, because a dialplan calls it on every call.
func (i ignoredApps) take(name string, log *slog.Logger) bool {
	once, ok := i.warned[strings.ToLower(name)]
	if ok {
		once.Do(func() {
			log.Warn("the dialplan uses an application that is not served; it does nothing", "application", name)
		})
	}
	return ok
}

// Applications lists the dialplan applications that are served, and those that are accepted but do nothing.
func (c *Core) Applications() (served, ignored []string) {
	return slices.Sorted(maps.Keys(c.apps)), slices.Sorted(maps.Keys(c.ignored.warned))
}

// appNothing is an ignored application.
func appNothing(*Channel, dialplan.Expanded) string { return responseNone }

// assignment splits name=value at the first '=' that the dialplan wrote itself: one that came from the wire separates nothing.
func assignment(data dialplan.Expanded) (name string, value dialplan.Expanded, ok bool) {
	var b strings.Builder
	for i, v := range data {
		if !v.Wire {
			if before, after, found := strings.Cut(v.Text, "="); found {
				b.WriteString(before)
				rest := append(dialplan.Expanded{{Text: after}}, data[i+1:]...)
				return strings.TrimSpace(b.String()), rest, true
			}
		}
		b.WriteString(v.Text)
	}
	return strings.TrimSpace(b.String()), nil, false
}

// assign sets a variable to expanded text.
func (ch *Channel) assign(name string, value dialplan.Expanded) {
	text := value.String()
	if text == "_undef_" {
		text = ""
	}
	ch.vars.set(Variable{Name: name, Value: text, Wire: value.Wire()})
}

func appSet(ch *Channel, data dialplan.Expanded) string {
	if name, value, ok := assignment(data); ok && name != "" {
		ch.assign(name, value)
	} else if name != "" {
		ch.vars.del(name)
	}
	return responseNone
}

func appUnset(ch *Channel, data dialplan.Expanded) string {
	ch.vars.del(strings.TrimSpace(data.String()))
	return responseNone
}

// appExport sets a variable on this leg, unless nolocal: is in front, and on the legs it calls.
func appExport(ch *Channel, data dialplan.Expanded) string {
	name, value, _ := assignment(data)
	local, nolocal := strings.CutPrefix(name, "nolocal:")
	if nolocal {
		name = local
	}
	if name == "" {
		return responseNone
	}
	ch.assign(name, value)
	names := ch.vars.value("export_vars")
	for _, known := range strings.Split(names, ",") {
		if known == name {
			return responseNone
		}
	}
	if names != "" {
		names += ","
	}
	ch.set("export_vars", names+name)
	return responseNone
}

// appMultiset sets several variables: a=1 b=2, or with another separator ^^,a=1,b=2.
func appMultiset(ch *Channel, data dialplan.Expanded) string {
	sep := byte(' ')
	if len(data) > 0 && !data[0].Wire && strings.HasPrefix(data[0].Text, "^^") && len(data[0].Text) > 2 {
		sep = data[0].Text[2]
		data = append(dialplan.Expanded{{Text: data[0].Text[3:]}}, data[1:]...)
	}
	var part dialplan.Expanded
	flush := func() {
		appSet(ch, part)
		part = nil
	}
	for _, v := range data {
		if v.Wire {
			part = append(part, v)
			continue
		}
		for i, piece := range strings.Split(v.Text, string(sep)) {
			if i > 0 {
				flush()
			}
			part = append(part, dialplan.Value{Text: piece})
		}
	}
	flush()
	return responseNone
}

// appAnswer answers the call with the codec that both sides like best.
func appAnswer(ch *Channel, _ dialplan.Expanded) string {
	ch.accept(true)
	return responseNone
}

func appPreAnswer(ch *Channel, _ dialplan.Expanded) string {
	ch.accept(false)
	return responseNone
}

// accept answers an inbound leg by itself, without a called leg; what fails ends the call.
func (ch *Channel) accept(final bool) {
	if ch.isAnswered {
		return
	}
	c := ch.codec
	if c.Name == "" {
		c = ch.ownCodec()
	}
	if err := ch.answerWith(c, final); err != nil {
		ch.log.Info("not answered", "error", err)
		ch.hangup(HangupReason{Cause: IncompatibleDest})
		return
	}
	if final {
		ch.set("endpoint_disposition", "ANSWER")
	}
}

func appRingReady(ch *Channel, _ dialplan.Expanded) string {
	ch.ring()
	return responseNone
}

// appSleep waits for so many milliseconds.
func appSleep(ch *Channel, data dialplan.Expanded) string {
	ms, err := strconv.Atoi(strings.TrimSpace(data.String()))
	if err != nil || ms <= 0 {
		return responseNone
	}
	ch.wait(ch.isDown, time.Duration(ms)*time.Millisecond)
	return responseNone
}

// appHangup ends the call with a cause, by name or number.
func appHangup(ch *Channel, data dialplan.Expanded) string {
	cause, ok := ParseCause(data.String())
	if !ok {
		cause = NormalClearing
	}
	ch.hangup(HangupReason{Cause: cause})
	return responseNone
}

// appEcho answers and sends the caller's media back until the call ends.
func appEcho(ch *Channel, _ dialplan.Expanded) string {
	ch.accept(true)
	if ch.hungUp {
		return responseNone
	}
	ch.media.Echo(true)
	ch.wait(ch.isDown, 0)
	ch.media.Echo(false)
	return responseNone
}

// appLog writes "LEVEL text" to the log.
func appLog(ch *Channel, data dialplan.Expanded) string {
	level, text, ok := strings.Cut(strings.TrimSpace(data.String()), " ")
	l, known := logLevel(level)
	if !ok || !known {
		l, text = slog.LevelInfo, data.String()
	}
	ch.log.Log(ch.core.ctx, l, "dialplan: "+headerText(text))
	return responseNone
}

func logLevel(name string) (slog.Level, bool) {
	switch strings.ToUpper(name) {
	case "DEBUG", "DEBUG1", "DEBUG2", "7":
		return slog.LevelDebug, true
	case "INFO", "NOTICE", "CONSOLE", "6", "5", "0":
		return slog.LevelInfo, true
	case "WARNING", "4":
		return slog.LevelWarn, true
	case "ERR", "ERROR", "CRIT", "ALERT", "3", "2", "1":
		return slog.LevelError, true
	}
	return 0, false
}

// appInfo writes the channel's variables to the log, without those that hold secrets.
func appInfo(ch *Channel, _ dialplan.Expanded) string {
	attrs := make([]any, 0, 2*ch.vars.count())
	for v := range ch.vars.all() {
		if !strings.Contains(strings.ToLower(v.Name), "password") {
			attrs = append(attrs, v.Name, v.Value)
		}
	}
	ch.log.Info("channel", attrs...)
	return responseNone
}
