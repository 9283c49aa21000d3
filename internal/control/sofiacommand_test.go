package control

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestSteerProfiles(t *testing.T) {
	c, _ := testControl(t)
	for _, command := range []string{"sofia profile internal start", "sofia profile internal stop", "sofia profile internal restart", "sofia profile internal rescan",
		"sofia profile internal killgw trunk", "sofia profile internal flush_inbound_reg"} {
		if got := c.Execute(t.Context(), command); got != notAvailable {
			t.Errorf("%s: %q", command, got)
		}
	}
	var done []string
	note := func(what string) func(context.Context, string) error {
		return func(_ context.Context, name string) error {
			done = append(done, what+" "+name)
			if name == "bad" {
				return errors.New("port\nin use")
			}
			return nil
		}
	}
	c.deps.StartProfile, c.deps.StopProfile, c.deps.RestartProfile, c.deps.RescanProfile = note("start"), note("stop"), note("restart"), note("rescan")
	c.deps.FlushRegistrations = func(profile, which string) { done = append(done, "flush "+profile+" "+which) }
	c.deps.SteerGateway = func(profile, name, action string) bool {
		done = append(done, action+" "+profile+" "+name)
		return name == "trunk" || action != "register" // one that does not register has nothing to do
	}
	for _, tc := range []struct{ command, want, done string }{
		{"sofia profile internal start", "Reload XML [Success]\ninternal started successfully\n", "start internal"},
		{"sofia profile bad start", "Failure starting bad: port in use\n", "start bad"},
		{"sofia profile internal stop", "Reload XML [Success]\nstopping: internal", "stop internal"},
		{"sofia profile example.com restart", "Reload XML [Success]\nrestarting: internal", "restart internal"},
		{"SOFIA PROFILE internal RESCAN reloadxml", "Reload XML [Success]\n+OK scan complete\n", "rescan internal"},
		{"sofia profile nosuch rescan", "Invalid Profile [nosuch]", ""},
		{"sofia profile internal", "Invalid Args!\n", ""},
		{"sofia profile internal dance", "-ERR Unknown command!\n", ""},
		{"sofia profile internal killgw", "-ERR missing gw name\n", ""},
		{"sofia profile internal killgw nosuch", "-ERR no such gateway.\n", ""},
		{"sofia profile internal killgw trunk", "+OK gateway marked for deletion.\n", "killgw internal trunk"},
		{"sofia profile internal killgw internal::static", "+OK gateway marked for deletion.\n", "killgw internal static"},
		{"sofia profile internal killgw _all_", "+OK every gateway marked for deletion.\n", "killgw internal trunk,killgw internal static"},
		{"sofia profile internal register", "No gateway name provided!\n", ""},
		{"sofia profile internal register trunk", "+OK\n", "register internal trunk"},
		{"sofia profile internal register static", "Invalid gateway!\n", "register internal static"},
		{"sofia profile internal unregister all", "+OK\n", "unregister internal trunk,unregister internal static"},
		{"sofia profile internal flush_inbound_reg", "+OK flushing all registrations\n", "flush internal "},
		{"sofia profile internal flush_inbound_reg 1000@example.com", "+OK flushing all registrations matching specified call_id\n", "flush internal 1000@example.com"},
		{"sofia", sofiaUsage, ""},
		{"sofia dance", sofiaUsage, ""},
	} {
		done = nil
		if got := c.Execute(t.Context(), tc.command); got != tc.want || strings.Join(done, ",") != tc.done {
			t.Errorf("%s: got %q, did %q; want %q and %q", tc.command, got, strings.Join(done, ","), tc.want, tc.done)
		}
	}
}
