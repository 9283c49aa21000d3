package control

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/internal/profile"
)

func TestDirectoryCommands(t *testing.T) {
	c, _ := testControl(t)
	for _, tc := range []struct{ command, want string }{
		{"group_call default@example.com", "user/1000@example.com,user/1001@example.com"},
		{"group_call default", "user/1000@example.com,user/1001@example.com"},
		{"group_call default@example.com+F", "user/1000@example.com|user/1001@example.com"},
		{"group_call default@example.com+E", "user/1000@example.com:_:user/1001@example.com"},
		{"group_call default+A", "user/1000@example.com,user/1001@example.com"},
		{"group_call sales", "user/1000@example.com"},
		{"group_call nosuch", "error/NO_ROUTE_DESTINATION"},
		{"group_call default@nosuch", "error/NO_ROUTE_DESTINATION"},
		{"group_call", "error/NO_ROUTE_DESTINATION"},
		{"in_group 1000@example.com,sales", "true"},
		{"in_group 1000, sales", "true"},
		{"in_group 1001,sales", "false"},
		{"in_group 1000", "false"},
		{"in_group 1000,nosuch", "false"},
		{"user_exists id 1000 example.com", "true"},
		{"user_exists number-alias 500 example.com", "true"},
		{"user_exists id 500 example.com", "false"},
		{"user_exists id:number-alias 500 example.com", "true"},
		{"user_exists id 1000", "false"},
		{"domain_data example.com var toll", "local"},
		{"domain_data example.com param greeting", "hello"},
		{"domain_data example.com attr name", "example.com"},
		{"domain_data example.com attr other", ""},
		{"domain_data nosuch var toll", ""},
		{"domain_data example.com", ""},
		{"find_user_xml id 1001 example.com", `<user id="1001" domain-name="example.com">
  <profile-variables></profile-variables>
  <params>
    <param name="greeting" value="hello"></param>
    <param name="password" value="1234"></param>
  </params>
  <variables>
    <variable name="toll" value="local"></variable>
    <variable name="user_context" value="default"></variable>
  </variables>
</user>
`},
		{"find_user_xml id 1001", "-ERR bad args\n"},
		{"sofia_contact internal/1000@example.com/oracle", contact1 + "," + contact2},
		{"sofia_contact */1000@example.com/!oracle", notRegistered},
		{"sofia_contact example.com/1000@example.com", contact1 + "," + contact2},
		{"sofia_contact 1000", contact1 + "," + contact2},
		{"sofia_count_reg 1000", "2"},
		{"sofia_gateway_data trunk ivar in", "2"},
		{"sofia_gateway_data trunk ivar out", ""},
		{"sofia_gateway_data trunk ovar out", "3"},
		{"sofia_gateway_data trunk var both", "1"},
		{"sofia_gateway_data trunk var out", "3"},
		{"sofia_gateway_data nosuch var out", ""},
		{"sofia_gateway_data trunk", ""},
		{"sofia_gateway_data", "-ERR Parameter missing\n"},
	} {
		t.Run(tc.command, func(t *testing.T) {
			if got := c.Execute(t.Context(), tc.command); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestFunctionsOfADialplan is about ${name(args)}: text of a peer in args is not expanded again, and nothing changes the switch.
func TestFunctionsOfADialplan(t *testing.T) {
	c, core := testControl(t)
	steerable(c, core)
	c.deps.StopProfile = func(context.Context, string) error { t.Error("a dialplan stopped a profile"); return nil }
	c.deps.Shutdown = func(bool) { t.Error("a dialplan shut the server down") }
	for _, tc := range []struct {
		name, args, want string
		ok               bool
	}{
		{"user_data", "1000@example.com param password", "p w", true},
		{"SOFIA_CONTACT", " 1000@example.com ", contact1 + "," + contact2, true},
		{"eval", "${user_data(1000@example.com param password)}", "${user_data(1000@example.com param password)}", true},
		{"expand", "echo ${domain}", "${domain}", true},
		{"expand", "eval ${domain}", "", false},
		{"expand", "shutdown", "", false},
		{"shutdown", "", "", false},
		{"reloadxml", "", "", false},
		{"hupall", "", "", false},
		{"sofia", "profile internal stop", notAvailable, true},
		{"sofia", "status profile nosuch", "Invalid Profile!\n", true},
		{"uuid_broadcast", "a set::x=${y}", "", false},
		{"uuid_transfer", "a set:x=${y} inline", "", false},
		{"global_setvar", "x=plain text", "+OK", true},
		{"global_setvar", "x=a,b", "-ERR not from a dialplan\n", true},
		{"global_setvar", "x=${y}", "-ERR not from a dialplan\n", true},
		{"uuid_setvar", "a evil ${user_data(1000@example.com param password)}", "+OK\n", true},
		{"nosuch", "", "", false},
	} {
		if got, ok := c.Func(tc.name, tc.args); got != tc.want || ok != tc.ok {
			t.Errorf("%s(%s): got %q %v, want %q %v", tc.name, tc.args, got, ok, tc.want, tc.ok)
		}
	}
	for _, v := range core.channels[0].Variables {
		if v.Wire != (v.Name == "evil") {
			t.Errorf("%s: from the wire %v", v.Name, v.Wire)
		}
	}
	// A variable with an expression in it stays one, however it is shown.
	for _, command := range []string{"eval uuid:a ${variable_evil}", "expand uuid:a echo ${variable_evil}", "expand uuid:a eval ${variable_evil}",
		"eval ${uuid_getvar(a evil)}", "eval ${eval(${uuid_getvar(a evil)})}"} {
		if got := c.Execute(t.Context(), command); got != "${user_data(1000@example.com param password)}" {
			t.Errorf("%s: %q", command, got)
		}
	}
	if len(core.hungUp) > 0 {
		t.Error("a dialplan hung calls up")
	}
}

func TestGatewayCommands(t *testing.T) {
	c, _ := testControl(t)
	if got := c.Execute(t.Context(), "sofia status"); !strings.Contains(got, "         internal::static\tgateway\t                     sip:Talkpath@10.0.0.9\tNOREG\n") ||
		!strings.Contains(got, "          internal::trunk\tgateway\t                   sip:joe@sip.example.net\tUNREGED\n") {
		t.Errorf("got\n%s", got)
	}
	if got := c.Execute(t.Context(), "sofia xmlstatus"); !strings.Contains(got, "<gateway>\n<name>trunk</name>\n<type>gateway</type>\n"+
		"<data>sip:joe@sip.example.net</data>\n<state>UNREGED</state>\n</gateway>\n") {
		t.Errorf("got\n%s", got)
	}
	c.deps.Gateway = func(name, gateway string) (profile.GatewayStatus, bool) {
		return profile.GatewayStatus{State: profile.GatewayTrying, Up: true, Since: c.deps.Started, Retry: time.Now().Add(10500 * time.Millisecond),
			Granted: time.Minute, Pinging: true, PingTime: 1500 * time.Microsecond, PingCount: 1, CallsOut: 3, FailedCallsOut: 1,
			Contact: "sip:gw+trunk@10.0.0.1"}, name == "internal" && gateway == "trunk"
	}
	got := c.Execute(t.Context(), "sofia status gateway trunk")
	for _, row := range []string{"Name    \ttrunk\n", "Profile \tinternal\n", "Realm   \tsip.example.net\n", "Password\tyes\n", "From    \t<sip:joe@sip.example.net>\n",
		"Contact \t<sip:gw+trunk@10.0.0.1>\n", "To      \tsip:joe@sip.example.net\n", "Expires \t3600\n", "Ping    \t25\n", "State   \tTRYING\n", "Freq    \t60\n", "PingTime\t1.50\n", "PingState\t1/1/1\n", "Status  \tUP (ping)\n",
		"Uptime  \t0s\n", "CallsOUT\t3\n", "FailedCallsOUT\t1\n"} {
		if !strings.Contains(got, row) {
			t.Errorf("%q is not in\n%s", row, got)
		}
	}
	if strings.Contains(got, "pw") {
		t.Error("the password is shown")
	}
	if got := c.Execute(t.Context(), "sofia status"); !strings.Contains(got, "\tTRYING (retry: 10s)\n") {
		t.Errorf("got %s", got)
	}
	if got := c.Execute(t.Context(), "sofia status gateway internal::nosuch"); got != "Invalid Gateway!\n" {
		t.Errorf("got %q", got)
	}
	if got := c.Execute(t.Context(), "sofia xmlstatus gateway internal::static"); !strings.Contains(got, "    <pingtime>0.00</pingtime>\n    <pinging>0</pinging>\n    <state>NOREG</state>\n    <status>UP</status>\n    <uptime-usec>") {
		t.Errorf("got %q", got)
	}
	if got := c.Execute(t.Context(), "sofia xmlstatus gateway"); strings.Count(got, "<gateway>") != 2 || !strings.HasPrefix(got, xmlHead+"<gateways>\n") {
		t.Errorf("got %q", got)
	}
	if got := c.Execute(t.Context(), "sofia status gateway"); !strings.HasSuffix(got, "2 gateways: Inbound(Failed/Total): 0/0,Outbound(Failed/Total):1/3\n") {
		t.Errorf("got %q", got)
	}
}
