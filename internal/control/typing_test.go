package control

import (
	"fmt"
	"strings"
	"testing"
)

func TestConsoleComplete(t *testing.T) {
	c, _ := testControl(t)
	list := func(matches ...string) string {
		var b strings.Builder
		b.WriteString("\n\n")
		for i, m := range matches {
			fmt.Fprintf(&b, "[%20s]\t", m)
			if i%4 == 3 {
				b.WriteString("\n")
			}
		}
		return b.String() + "\n\n"
	}
	for _, tc := range []struct{ line, want string }{
		{"sta", list("status") + "write=3:status "},
		{"status", list("status") + "write=6:status "},
		{"reloadx", list("reloadxml") + "write=7:reloadxml "},
		{"reload", list("reload", "reloadacl", "reloadcert", "reloadxml") + "write=6:reload"},
		{"STAT", list("status") + "write=4:status "},
		{"show chann", list("channels") + "write=5:channels "},
		{"show channels ", list("as", "count", "like")},
		{"uuid_kill ", list("a", "b", "c")},
		{"uuid_bridge a ", list()},
		{"sofia profile ", list("internal") + "write=0:internal "},
		{"sofia profile int", list("internal") + "write=3:internal "},
		{"sofia profile internal siptrace ", list("off", "on") + "write=0:o"},
		{"sofia profile internal killgw ", list("_all_", "static", "trunk")},
		{"sofia status gateway ", list("static", "trunk")},
		{"nosuch", list()},
		{"a b c d e f g h i j k l", list()},
	} {
		got := c.Execute(t.Context(), fmt.Sprintf("console_complete c=%d;%s", len(tc.line), tc.line))
		if got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.line, got, tc.want)
		}
	}
	for line, want := range map[string]string{
		"c=10;show channels": list("channels") + "write=5:channels ", // the cursor is inside the word
		"c=x;vers":           list("version") + "write=4:version ",
		"c=-4;vers":          list("version") + "write=4:version ",
		"vers":               list("version") + "write=4:version ",
		"c=900;version":      list("short") + "write=0:short ",
	} {
		if got := c.Execute(t.Context(), "console_complete "+line); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
	want := "<?xml version=\"1.0\"?>\n<complete>\n  <match>status</match>\n  <write length=\"3\">status</write>\n</complete>\n"
	if got := c.Execute(t.Context(), "console_complete_xml c=3;sta"); got != want {
		t.Errorf("got %q", got)
	}
	if got := c.Execute(t.Context(), "console_complete_xml c=3;zzz"); got != "<?xml version=\"1.0\"?>\n<complete>\n  <write length=\"3\"/>\n</complete>\n" {
		t.Errorf("got %q", got)
	}
}

func TestAddedCompletions(t *testing.T) {
	c, _ := testControl(t)
	for _, tc := range []struct{ command, want string }{
		{"complete", "-USAGE: " + completeSyntax + "\n"},
		{"complete add", "-USAGE: " + completeSyntax + "\n"},
		{"complete dance x", "-USAGE: " + completeSyntax + "\n"},
		{"complete add echo _any_ hello", done},
		{"console_complete c=9;echo x he", "\n\n[               hello]\t\n\nwrite=2:hello "},
		{"complete del echo", done},
		{"console_complete c=9;echo x he", "\n\n\n\n"},
		{"complete add echo a", done},
		{"complete del *", done},
		{"console_complete c=6;echo a", "\n\n\n\n"},
	} {
		if got := c.Execute(t.Context(), tc.command); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.command, got, tc.want)
		}
	}
	c.Execute(t.Context(), "complete stickyadd one two")
	if got := c.Execute(t.Context(), "show complete as delim |"); !strings.Contains(got, "\n1|one|two|||||||||vm\n") ||
		!strings.HasPrefix(got, "sticky|a1|a2|a3|a4|a5|a6|a7|a8|a9|a10|hostname\n") {
		t.Errorf("got %s", got)
	}
}

func TestAliases(t *testing.T) {
	c, _ := testControl(t)
	for _, tc := range []struct{ command, want string }{
		{"alias", "-USAGE: " + aliasSyntax + "\n"},
		{"alias add x", "-USAGE: " + aliasSyntax + "\n"},
		{"alias add x x", "-USAGE: " + aliasSyntax + "\n"},
		{"alias add hi 'echo hello'", done},
		{"hi there", "hello there"},
		{"alias stickyadd v version", done},
		{"v short", "0.1.0\n"},
		{"alias add loop again", done},
		{"alias add again loop", done},
		{"loop", "-ERR loop Command not found!\n"}, // an alias is looked up once
		{"alias add status 'hupall'", done},
		{"status as hidden", c.Execute(t.Context(), "status")[:3]}, // a command stays itself
		{"show aliases", "sticky,alias,command,hostname\n0,again,loop,vm\n0,hi,echo hello,vm\n0,loop,again,vm\n0,status,hupall,vm\n1,v,version,vm\n\n5 total.\n"},
		{"alias del hi", done},
		{"hi", "-ERR hi Command not found!\n"},
		{"alias del *", done},
		{"show aliases as json", "{\"row_count\": 0}\n"},
	} {
		got := c.Execute(t.Context(), tc.command)
		if strings.HasPrefix(tc.command, "status") {
			got = got[:3]
		}
		if got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.command, got, tc.want)
		}
	}
	if _, ok := c.Func("alias", "add x hupall"); ok {
		t.Error("a dialplan may make aliases")
	}
	for i := range maxAliases + 1 {
		c.Execute(t.Context(), fmt.Sprintf("alias add n%d version", i))
	}
	if got := c.Execute(t.Context(), "alias add more version"); got != "-ERR Too many aliases\n" {
		t.Errorf("%q", got)
	}
}
