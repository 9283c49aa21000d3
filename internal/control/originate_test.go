package control

import (
	"testing"
	"time"

	"github.com/talkpath/talkpath/internal/call"
)

const originateUsage = "-USAGE: <call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>] [<cid_name>] [<cid_num>] [<timeout_sec>]\n"

func TestOriginate(t *testing.T) {
	for _, tc := range []struct {
		name, args, want string
		asked            call.Origination
	}{
		{"application", "user/1000 &bridge(user/1001)", "+OK user/1000\n", call.Origination{Dial: "user/1000", Application: "bridge", Data: "user/1001"}},
		{"without data", "user/1000 &park", "+OK user/1000\n", call.Origination{Dial: "user/1000", Application: "park"}},
		{"empty data", "user/1000 &park()", "+OK user/1000\n", call.Origination{Dial: "user/1000", Application: "park"}},
		{"data with brackets", "u/1 &playback(tone_stream://%(100,0,440))", "+OK u/1\n",
			call.Origination{Dial: "u/1", Application: "playback", Data: "tone_stream://%(100,0,440)"}},
		{"data with spaces", "u/1 '&log(INFO two  words)'", "+OK u/1\n", call.Origination{Dial: "u/1", Application: "log", Data: "INFO two  words"}},
		{"extension", "user/1000 1001", "+OK user/1000\n", call.Origination{Dial: "user/1000", Destination: "1001"}},
		{"everything", "user/1000 1001 XML default 'Click To Dial' 5555 20", "+OK user/1000\n", call.Origination{Dial: "user/1000", Destination: "1001",
			Dialplan: "XML", Context: "default", CallerName: "Click To Dial", CallerNumber: "5555", Timeout: 20 * time.Second}},
		{"undef leaves out", "user/1000 1001 undef UNDEF undef 5555", "+OK user/1000\n",
			call.Origination{Dial: "user/1000", Destination: "1001", CallerNumber: "5555"}},
		{"an empty name", "user/1000 1001 XML default '' 5555", "+OK user/1000\n",
			call.Origination{Dial: "user/1000", Destination: "1001", Dialplan: "XML", Context: "default", CallerNumber: "5555"}},
		{"inline", "user/1000 'set:a=b,park' inline", "+OK user/1000\n", call.Origination{Dial: "user/1000", Destination: "set:a=b,park", Dialplan: "inline"}},
		{"variables with quotes", "{origination_caller_id_name='Click To Dial',x=1}user/1000   &park", "+OK {origination_caller_id_name=Click To Dial,x=1}user/1000\n",
			call.Origination{Dial: "{origination_caller_id_name=Click To Dial,x=1}user/1000", Application: "park"}},
		{"escaped comma", `{a='b\,c'}u/1 &park`, `+OK {a=b\,c}u/1` + "\n", call.Origination{Dial: `{a=b\,c}u/1`, Application: "park"}},
		{"a timeout that is none", "u/1 &park XML default n 5 soon", "+OK u/1\n", call.Origination{Dial: "u/1", Application: "park", CallerName: "n", CallerNumber: "5"}},
		{"nobody answers", "error/NO_ANSWER &park", "-ERR NO_ANSWER\n", call.Origination{Dial: "error/NO_ANSWER", Application: "park"}},
		{"nothing", "", originateUsage, call.Origination{}},
		{"no extension", "user/1000", originateUsage, call.Origination{}},
		{"undefined extension", "user/1000 undef", originateUsage, call.Origination{}},
		{"too much", "a b c d e f g h", originateUsage, call.Origination{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, core := testControl(t)
			if got := c.Execute(t.Context(), "originate "+tc.args); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			var asked call.Origination
			if len(core.asked) > 0 {
				asked = core.asked[0]
			}
			if asked != tc.asked {
				t.Errorf("asked for %+v, want %+v", asked, tc.asked)
			}
		})
	}
}
