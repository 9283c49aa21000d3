package control

import (
	"strconv"
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/call"
)

// originate is "CALL-URL EXTENSION|&APPLICATION(DATA) [DIALPLAN] [CONTEXT] [CID-NAME] [CID-NUMBER] [SECONDS]"; undef leaves one out. It
// answers when the first leg does.
func (c *Control) originate(args string) string {
	w := words(args, 10)
	if len(w) < 2 || len(w) > 7 {
		return c.usage("originate")
	}
	for len(w) < 7 {
		w = append(w, "")
	}
	for i := range w {
		if strings.EqualFold(w[i], "undef") {
			w[i] = ""
		}
	}
	if w[0] == "" || w[1] == "" {
		return c.usage("originate")
	}
	o := call.Origination{Dial: w[0], CallerName: oneLine(w[4]), CallerNumber: oneLine(w[5]), Timeout: seconds(w[6])}
	if app, ok := strings.CutPrefix(w[1], "&"); ok && app != "" {
		o.Application, o.Data = applicationCall(app)
	} else {
		o.Destination, o.Dialplan, o.Context = w[1], w[2], w[3]
	}
	id, cause := c.deps.Core.Originate(o)
	if id == "" {
		return "-ERR " + string(cause) + "\n"
	}
	return "+OK " + id + "\n"
}

// applicationCall reads NAME or NAME(DATA).
func applicationCall(text string) (name, data string) {
	if i := strings.LastIndexByte(text, ')'); i >= 0 {
		text = text[:i]
	}
	name, data, _ = strings.Cut(text, "(")
	return name, data
}

// seconds reads a number of seconds as atoi does; what is none is 0.
func seconds(text string) time.Duration {
	digits := text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}
