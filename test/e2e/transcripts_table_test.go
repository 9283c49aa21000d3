package e2e

import (
	"regexp"
	"slices"
	"strings"
)

// comparison is how one recorded session is compared. The zero value compares all, but for what is unlike everywhere.
type comparison struct {
	// notYet is why the session cannot be compared.
	notYet string
	// calls is how many parked calls the session finds. With one its recorded uuids stand for the first of them, and of its events is
	// compared what a phone's call has in common with one of FreeSWITCH's endpoint null, which the sessions were recorded with.
	calls int
	live  bool
	null  bool // the call is one to FreeSWITCH's endpoint null, as recorded
	// provoke is what somebody else commands after the client said something; ID is the call.
	provoke map[string]string
	// dropped are events that are not compared.
	dropped []string
	// normal takes out of a frame what must differ, or what differs on purpose; each of the latter has a row in docs/divergence.md.
	normal func(string) string
	// subset compares only a part.
	subset func(want, have string) (string, string)
}

func onCall(calls int, provoke ...string) comparison {
	c := comparison{calls: calls, live: true, provoke: map[string]string{}}
	for i := 0; i+1 < len(provoke); i += 2 {
		c.provoke[provoke[i]] = provoke[i+1]
	}
	return c
}

// comparisons are the sessions that need more than the zero value, by number.
func comparisons() map[string]comparison {
	const otherList = "lists what there is here (docs/divergence.md: honest lists)"
	lingers := onCall(1, "linger", "uuid_kill ID")
	lingers.dropped = []string{"CHANNEL_DESTROY"} // a lingering socket does not hold the channel back here
	lingers.subset, lingers.normal = fewer, without(`(?m)^Channel-Name: .*`)
	ends := onCall(1, "myevents", "uuid_kill ID")
	ends.subset = fewer // the end of the connection is at HANGUP_COMPLETE here, and anywhere after HANGUP in FreeSWITCH
	reset := onCall(1, "myevents", "uuid_kill ID")
	reset.subset, reset.normal = fewer, replaced("CS_RESET", "CS_EXECUTE") // the recorded call was being reset when it was killed
	beforeLocked := onCall(1)
	beforeLocked.dropped = []string{"CHANNEL_EXECUTE", "CHANNEL_EXECUTE_COMPLETE"}
	return map[string]comparison{
		"101": onCall(1, "myevents", "uuid_broadcast ID tone_stream://%(200,0,440)"),
		"102": lingers,
		"106": onCall(1), "107": onCall(2), "109": onCall(1), "110": onCall(1), "111": onCall(1), "115": onCall(1), "99": onCall(1),
		"114": beforeLocked,
		"133": reset,
		"135": ends,
		"97":  dumped(`","`), "98": dumped("\n"),
		"113": {notYet: "its call ends where FreeSWITCH had no music to play"},
		"29":  {notYet: "edited after it was recorded"},
		"37":  {notYet: otherList}, "38": {notYet: otherList}, "39": {notYet: otherList}, "82": {notYet: otherList},
		"90": {subset: limitBeforeAuth},
		"16": {normal: replaced("|plain|", "|default|")}, // the context was made after the recording
		"26": {normal: oneElementALine},
		"41": {normal: without(`(?m)^ *external.*\n|^\d profiles? `)},
		"42": {normal: without(`(?m)^(CNG|CALLS|FAILED-CALLS|Pres Hosts).*\n`)},
		"45": {normal: without(`(?s)<profile>\n<name>external</name>.*?</profile>\n|<gateway>\n.*?</gateway>\n+`)},
	}
}

// dumped is a dump of a channel, of which what FreeSWITCH says is compared, but for its codec and where its endpoint is.
func dumped(separator string) comparison {
	c := onCall(1)
	c.null = true
	name := regexp.MustCompile(`[\w-]+`)
	headers := func(text string) []string {
		return slices.DeleteFunc(strings.Split(text, separator), func(h string) bool {
			return strings.Contains(h, "-Codec-") || strings.Contains(h, "_codec") || strings.Contains(h, "Caller-Source") || strings.Contains(h, "-Time") ||
				strings.Contains(h, "Event-Date") || strings.Contains(h, "Event-Sequence") || strings.Contains(h, "FreeSWITCH-IP") || strings.Contains(h, "session_id")
		})
	}
	c.subset = func(want, have string) (string, string) {
		w := headers(want)
		known := map[string]bool{}
		for _, h := range w {
			known[name.FindString(h)] = true
		}
		h := slices.DeleteFunc(headers(have), func(h string) bool { return !known[name.FindString(h)] })
		slices.Sort(w) // the variables of media come between
		slices.Sort(h)
		return strings.Join(w, "\n"), strings.Join(h, "\n")
	}
	return c
}

// fewer leaves of what came the events that are recorded.
func fewer(want, have string) (string, string) {
	wanted := strings.Split(want, "\n----\n")
	kept := slices.DeleteFunc(strings.Split(have, "\n----\n"), func(f string) bool { return !slices.Contains(wanted, f) })
	return want, strings.Join(kept, "\n----\n")
}

// limitBeforeAuth is a command that is longer than 1 KiB before authentication: no answer, but the end.
func limitBeforeAuth(want, have string) (string, string) {
	return strings.Replace(want, "Content-Type: command/reply\nReply-Text: -ERR invalid\n\n\n----\n", "", 1), have
}

func without(pattern string) func(string) string {
	r := regexp.MustCompile(pattern)
	return func(text string) string { return r.ReplaceAllString(text, "") }
}

func replaced(old, with string) func(string) string {
	return func(text string) string { return strings.ReplaceAll(text, old, with) }
}

// oneElementALine takes the white space between elements away.
func oneElementALine(text string) string {
	var lines []string
	for _, l := range strings.Split(text, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n")
}

// unlike is what differs from one switch, and from one moment, to the next.
var unlike = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`(?m)^((?:Event-Date-\w+|Event-Sequence|FreeSWITCH-(?:Hostname|Switchname|IPv4|IPv6|Version)): ).*$`), "${1}X"},
	{regexp.MustCompile(`UP \d+ years.*microseconds?`), "UP"},
	{regexp.MustCompile(`(?:FreeSWITCH|Talkpath)( \(?Version )\S+( )`), "${1}X$2"},
	{regexp.MustCompile(`(?m)^(\d+ session\(s\) since|\d+ session\(s\) -|\d+ session\(s\) per Sec out of max \d+, peak) .*$`), "sessions"},
	{regexp.MustCompile(`min idle cpu .*`), "min idle cpu"},
	{regexp.MustCompile(`(?m)^(?:1\.11\.2-release|dev)$`), "VERSION"},
	{regexp.MustCompile(`127\.0\.0\.1:\d{2,5}`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`(?m)^(Port:       \t)\d+$|(<network-port>)\d+|(127\.0\.0\.1,)\d{4,5}(,udp)|("network_port":")\d+`), "$1$2${3}PORT$4$5"},
	{regexp.MustCompile(`csa7ncyyvvja20ji|zighf3t7m7024zfb|\b[A-Z2-7]{26}\b`), "CALL-ID"},
	{regexp.MustCompile(`oracle-ua|siptest`), "AGENT"},
	{regexp.MustCompile(`(?i)exp\([^)]*\) expsecs\(\d+\)`), "EXP"},
	{regexp.MustCompile(`PORT,17\d{8},|("expires":")\d+`), "${1}EXPIRES"},
	{regexp.MustCompile(`\b` + userPassword + `\b`), "1234"},
	{regexp.MustCompile(`(?m)^ +(internal\tprofile\t) +(sip:)`), "$1$2"},
}

func sameEverywhere(text string) string {
	for _, u := range unlike {
		text = u.pattern.ReplaceAllString(text, u.with)
	}
	return text
}
