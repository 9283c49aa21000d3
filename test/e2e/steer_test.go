package e2e

import (
	"strings"
	"testing"
)

// TestSteer: commands move calls about.
func TestSteer(t *testing.T) {
	ex := start(t)
	a, b := connect(t, ex.phone(t, rtpPhone, "1000"), ex.phone(t, rtpPhone, "1001"))
	hearEachOther(t, a, b)
	var ids []string
	for _, l := range strings.Split(ex.command(t, "show channels"), "\n")[1:] {
		if id, _, ok := strings.Cut(l, ","); ok && len(id) == 36 {
			ids = append(ids, id)
		}
	}
	if len(ids) != 2 {
		t.Fatal(ids)
	}
	if got := ex.command(t, "uuid_setvar "+ids[0]+" foo bar baz"); got != "+OK\n" {
		t.Error(got)
	}
	if got := ex.command(t, "uuid_getvar "+ids[0]+" foo"); got != "bar baz" {
		t.Error(got)
	}
	if got := ex.command(t, "eval uuid:"+ids[0]+" ${variable_foo} ${Channel-State-Number}"); got != "bar baz 4" {
		t.Error(got)
	}

	if got := ex.command(t, "uuid_transfer "+ids[0]+" -both park inline"); got != "+OK\n" {
		t.Error(got)
	}
	await(t, "both to be parked", func() (bool, string) {
		out := ex.command(t, "show channels")
		return strings.Count(out, ",1001,park,,inline,") == 2, out
	})
	if got := ex.command(t, "uuid_bridge "+ids[0]+" "+ids[1]); got != "+OK "+ids[1]+"\n" {
		t.Error(got)
	}
	await(t, "a bridge", func() (bool, string) {
		out := ex.command(t, "show calls count")
		return out == "\n1 total.\n", out
	})
	hearEachOther(t, a, b)
	heard := a.media.listener().expect(440)
	if got := ex.command(t, "uuid_broadcast "+ids[0]+" tone_stream://%(3000,0,440)"); got != "+OK Message sent\n" {
		t.Error(got)
	}
	within(t, "the tone", heard)
	if got := ex.command(t, "sched_hangup +1 "+ids[0]); got != "+OK\n" {
		t.Error(got)
	}
	a.ended(t)
	b.ended(t)
	ex.awaitIdle(t)
}
