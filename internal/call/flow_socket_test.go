package call

import (
	"fmt"
	"testing"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// TestParseSocket: only the dialplan says where a call's control goes, and how far it reaches.
func TestParseSocket(t *testing.T) {
	own := func(s string) dialplan.Value { return dialplan.Value{Text: s} }
	wire := func(s string) dialplan.Value { return dialplan.Value{Text: s, Wire: true} }
	for _, tc := range []struct {
		name string
		data dialplan.Expanded
		want string
	}{
		{"host", dialplan.Expanded{own("h")}, "[h:8084] false false  <nil>"},
		{"port and flags", dialplan.Expanded{own("h:1 ASYNC Full")}, "[h:1] true true  <nil>"},
		{"several", dialplan.Expanded{own("a:1|b||[::1]:2|::1 full")}, "[a:1 b:8084 [::1]:2 [::1]:8084] false true  <nil>"},
		{"path", dialplan.Expanded{own("h:1/p/"), wire("x y"), own(" async")}, "[h:1] true false p/x y <nil>"},
		{"nothing", dialplan.Expanded{own("  ")}, "[] false false  no host"},
		{"no host", dialplan.Expanded{own("|")}, "[] false false  no host"},
		{"host from the wire", dialplan.Expanded{wire("h:1")}, "[] false false  the host came from the wire"},
		{"part of it", dialplan.Expanded{own("h"), wire("x"), own(":1")}, "[] false false  the host came from the wire"},
		{"port from the wire", dialplan.Expanded{own("h:"), wire("22")}, "[] false false  the host came from the wire"},
		{"flags from the wire", dialplan.Expanded{own("h:1 "), wire("full"), own(" async")}, "[h:1] true false  <nil>"},
		{"slash from the wire", dialplan.Expanded{own("h"), wire(".evil/")}, "[] false false  the host came from the wire"},
		{"empty from the wire", dialplan.Expanded{own("h"), wire(""), own(":1")}, "[h:1] false false  <nil>"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o, path, err := parseSocket(tc.data)
			if got := fmt.Sprintf("%v %v %v %s %v", o.Hosts, o.Async, o.Full, path, err); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}
