package control

import (
	"context"
	"encoding/json"
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
		{"sofia dance", "Unknown Command [dance]\n", ""},
		{"sofia profile internal startgw", "-ERR missing gw name\n", ""},
		{"sofia profile internal startgw trunk", "Reload XML [Success]\n+OK start gateway trunk complete\n", "rescan internal"},
	} {
		done = nil
		if got := c.Execute(t.Context(), tc.command); got != tc.want || strings.Join(done, ",") != tc.done {
			t.Errorf("%s: got %q, did %q; want %q and %q", tc.command, got, strings.Join(done, ","), tc.want, tc.done)
		}
	}
}

func TestSofiaStatusForms(t *testing.T) {
	c, _ := testControl(t)
	info := c.Execute(t.Context(), "sofia status profile internal")
	for _, tc := range []struct {
		command string
		has     []string // in this order
		hasNot  string
	}{
		{"sofia status profile internal", []string{"Name             \tinternal\n", "Pres Hosts       \t\n", "BIND-URL         \tsip:mod_sofia@127.0.0.1:5060;maddr=127.0.0.1;transport=udp,tcp\n",
			"AGGRESSIVENAT    \tfalse\nCALLS-IN         \t0\nFAILED-CALLS-IN  \t0\nCALLS-OUT        \t0\nFAILED-CALLS-OUT \t0\nREGISTRATIONS    \t2\n"}, "Alias"},
		{"sofia status profile example.com", []string{"Name             \texample.com\nDomain Name      \tN/A\nAlias Of         \tinternal\nAuto-NAT"}, ""},
		{"sofia status profile internal pres x", []string{info}, ""},
		{"sofia status profile internal reg", []string{"\nRegistrations:\n", "Call-ID:    \tid1\n", "Call-ID:    \tid2\n", "Total items returned: 2\n"}, ""},
		{"sofia status profile internal reg 127.0.0.1:6000", []string{"Call-ID:    \tid1\n", "Total items returned: 1\n"}, "id2"},
		{"sofia status profile internal user 1000@example.com", []string{"Total items returned: 2\n"}, ""},
		{"sofia status profile internal user 1001@example.com", []string{"Total items returned: 0\n"}, ""},
		{"sofia status profile internal user @EXAMPLE.com", []string{"Total items returned: 2\n"}, ""},
		{"sofia status profile internal user example.com", []string{"Total items returned: 2\n"}, ""},
		{"sofia status profile internal user 1000", []string{"Total items returned: 0\n"}, ""},
		{"sofia status gateways", []string{"Profile::Gateway-Name", "2 gateways: Inbound(Failed/Total): 0/0,Outbound(Failed/Total):0/0\n"}, ""},
		{"sofia status bogus internal", []string{"Invalid Syntax!\n"}, "Profile"},
		{"sofia status profile nosuch", []string{"Invalid Profile!\n"}, ""},
		{"sofia xmlstatus profile internal", []string{xmlHead + "<profile>\n  <profile-info>\n    <name>internal</name>\n    <domain-name>N/A</domain-name>\n",
			"    <calls-in>0</calls-in>\n", "    <registrations>2</registrations>\n  </profile-info>\n</profile>\n"}, "Name"},
		{"sofia xmlstatus profile internal user 1000@example.com", []string{"<profile>\n  <registrations>\n", "<call-id>id1</call-id>", "<call-id>id2</call-id>"}, ""},
		{"sofia xmlstatus gateway trunk", []string{"    <name>trunk</name>\n    <profile>internal</profile>\n", "    <pingfreq>25</pingfreq>\n    <pingmin>1</pingmin>\n" +
			"    <pingcount>0</pingcount>\n    <pingmax>1</pingmax>\n    <pingtime>0.00</pingtime>\n    <pinging>0</pinging>\n    <state>UNREGED</state>\n" +
			"    <status>DOWN</status>\n    <uptime-usec>0</uptime-usec>\n    <calls-in>0</calls-in>\n    <calls-out>0</calls-out>\n" +
			"    <failed-calls-in>0</failed-calls-in>\n    <failed-calls-out>0</failed-calls-out>\n  </gateway>\n"}, ""},
		{"sofia loglevel", []string{sofiaUsage}, ""},
		{"sofia loglevel all", []string{"Sofia-sip loglevel for [all] is [0]"}, ""},
		{"sofia loglevel tport 0", []string{"Sofia log level for component [tport] has been set to [0]"}, ""},
		{"sofia loglevel tport 9", []string{notAvailable}, ""},
		{"sofia loglevel bogus 9", []string{sofiaUsage}, ""},
		{"sofia help", []string{sofiaUsage}, ""},
		{"sofia recover", []string{"No calls to recover.\n"}, ""},
		{"sofia recover flush", []string{"Flushing recovery database.\n"}, ""},
		{"sofia profile internal recover", []string{"No sessions to recover.\n"}, ""},
		{"sofia global", []string{"-ERR Usage: siptrace <on|off>"}, ""},
		{"sofia global capture on", []string{"-ERR Usage: siptrace <on|off>"}, ""},
		{"sofia global siptrace on", []string{"+OK Global siptrace on"}, ""},
		{"sofia global siptrace no", []string{"+OK Global siptrace off"}, ""},
		{"sofia profile internal siptrace", []string{"Usage: sofia profile <name> siptrace <on/off>\n"}, ""},
		{"sofia profile internal gwlist", []string{"static "}, "trunk"},
		{"sofia profile internal gwlist down", []string{"trunk "}, "static"},
	} {
		got := c.Execute(t.Context(), tc.command)
		rest := got
		for _, part := range tc.has {
			var ok bool
			if _, rest, ok = strings.Cut(rest, part); !ok {
				t.Errorf("%s: %q is not in\n%s", tc.command, part, got)
			}
		}
		if tc.hasNot != "" && strings.Contains(got, tc.hasNot) {
			t.Errorf("%s: %q is in\n%s", tc.command, tc.hasNot, got)
		}
	}
	for _, name := range []string{"global siptrace on", "profile internal siptrace on", "recover flush"} {
		if got, _ := c.Func("sofia", name); got != notAvailable {
			t.Errorf("a dialplan may: %s: %q", name, got)
		}
	}
}

func TestSofiaJSON(t *testing.T) {
	c, _ := testControl(t)
	got := c.Execute(t.Context(), "sofia jsonstatus")
	var parsed struct {
		Profiles map[string]struct {
			Status   map[string]any            `json:"status"`
			Info     map[string]any            `json:"info"`
			Gateways map[string]map[string]any `json:"gateways"`
		} `json:"profiles"`
	}
	if err := json.Unmarshal([]byte(got), &parsed); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	p := parsed.Profiles["internal"]
	if p.Status["type"] != "profile" || p.Status["state"] != "RUNNING" || p.Status["in-use"] != 3.0 || p.Info["dialplan"] != "XML" ||
		p.Gateways["trunk"]["state"] != "UNREGED" || parsed.Profiles["example.com"].Status["data"] != "internal" ||
		parsed.Profiles["example.com"].Info["alias-of"] != "internal" {
		t.Errorf("got %s", got)
	}
	const head = "{\n\t\"profiles\":\t{\n\t\t\"example.com\":\t{\n\t\t\t\"status\":\t{\n\t\t\t\t\"type\":\t\"alias\",\n\t\t\t\t\"data\":\t\"internal\",\n"
	if !strings.HasPrefix(got, head) || !strings.Contains(got, "\t\t\t\t\"rtp-ip\":\t[\"127.0.0.1\"],\n") || !strings.HasSuffix(got, "\n\t}\n}\n") {
		t.Errorf("got %s", got)
	}
}
