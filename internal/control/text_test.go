package control

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestTextFunctions(t *testing.T) {
	c, _ := testControl(t)
	for _, tc := range []struct{ command, want string }{
		{"regex abc|b", "true"},
		{"regex abc|^b", "false"},
		{"regex abc|(b)|<%1>", "<b>"},
		{"regex abc|(b)|<$1>", "<b>"},
		{"regex abc|(b)(c)|$2$1$0$9.", "cbbc."},
		{"regex abc|(x)|<%1>", "abc"},
		{"regex abc|(x)|<%1>|n", ""},
		{"regex abc|(x)|<%1>|b", "false"},
		{"regex 1|(1)|$1|n", "1"},
		{"regex m:~a|b~^(.)\\|~%1", "a"},
		{"regex m:/a|b/b$", "true"},
		{"regex ABC|/b/i", "true"},
		{"regex ABC|/b/", "false"},
		{"regex 12|^(?!1)", "false"},
		{"regex 22|^(?!1)", "true"},
		{"regex abc|(", "false"},
		{"regex 'a|b'|^a.b$", "true"},
		{"regex sofia/internal/sip:1@h|^[^\\@]+(.*)|%1", "@h"},
		{"regex a", failed},
		{"regex", failed},
		{"regex " + strings.Repeat("a", 5000) + "!|^(?=a)(a+)+$", "false"}, // ends in time
		{"replace aXbX|X|-", "a-b-"},
		{"replace m:/a|b/|/,", "a,b"},
		{"replace a|b", failed},
		{"replace a||b", "a"},
		{"cond 1 == 1 ? yes : no", "yes"},
		{"cond 1 == 1.0 ? yes : no", "yes"},
		{"cond 10 > 9 ? yes : no", "yes"},
		{"cond '10' > '9' ? yes : no", "yes"}, // longer
		{"cond b > a ? yes : no", "no"},       // as long
		{"cond abc >= ab ? yes : no", "yes"},
		{"cond a < 2 ? yes : no", "yes"}, // a length of 1
		{"cond 2 <= a ? yes : no", "no"},
		{"cond a != b ? yes : no", "yes"},
		{"cond abc == 3 ? yes : no", "yes"}, // a length of 3
		{"cond 'a b' == 'a b' ? yes : no", "yes"},
		{`cond 'a\'b' == x ? yes : no`, "no"},
		{"cond '' == '' ? 'a : b' : no", "a : b"},
		{"cond 1 == 2 ? yes", ""},
		{"cond 1 == 1 ? yes", "yes"},
		{"cond 1 ? yes : no", failed},
		{"cond 1 == 1 yes : no", failed},
		{"cond '1 == 1 ? yes : no", failed},
		{"cond 1 =", failed},
		{"cond", failed},
		{"coalesce ,,b,c", "b"},
		{"coalesce ^^|a|b", "a"},
		{"coalesce ,", ""},
		{"coalesce", "-USAGE: [^^<delim>]<value1>,<value2>,...\n"},
		{"md5 abc", "900150983cd24fb0d6963f7d28e17f72"},
		{"url_encode a b/c,d@e", "a%20b/c,d%40e"},
		{"url_decode a%20b%zz%4", "a b%zz%4"},
		{"escape a b$c", `a\sb\$c`},
		{"toupper aB1ä", "AB1ä"},
		{"tolower aB1Ä", "ab1Ä"},
		{"module_exists mod_sofia", "true"},
		{"module_exists mod_enum", "false"},
		{"module_exists", "false"},
		{"is_lan_addr 192.168.1.1", "true"},
		{"is_lan_addr 8.8.8.8", "false"},
		{"is_lan_addr nosuch", "false"},
		{"acl 127.0.0.1 loopback.auto", "true"},
		{"acl 8.8.8.8 loopback.auto", "false"},
		{"acl 10.1.2.3 10.0.0.0/8", "true"},
		{"acl 10.1.2.3 nosuch", "false"},
		{"acl x loopback.auto", "false"},
		{"acl", "false"},
		{"strftime 0|%s", "0"},
		{"strftime_tz UTC 0|%Y-%m-%d %T", "1970-01-01 00:00:00"},
		{"strftime_tz UTC 0|", "1970-01-01 00:00:00"},
		{"strftime_tz Nowhere/Land %Y", "-ERR Invalid timezone/format\n"},
		{"strftime_tz ../../etc/passwd %Y", "-ERR Invalid timezone/format\n"},
	} {
		t.Run(tc.command[:min(len(tc.command), 60)], func(t *testing.T) {
			if got := c.Execute(t.Context(), tc.command); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestNoPrograms: what runs programs, loads code or reads the machine is not there at all.
func TestNoPrograms(t *testing.T) {
	c, _ := testControl(t)
	for _, name := range []string{"system", "bg_system", "spawn", "bg_spawn", "spawn_stream", "getenv", "file_exists", "lua", "luarun"} {
		if got := c.Execute(t.Context(), name+" id"); got != "-ERR "+name+" Command not found!\n" {
			t.Errorf("%s: %q", name, got)
		}
		if got, ok := c.Func(name, "id"); ok || got != "" {
			t.Errorf("${%s()}: %q", name, got)
		}
	}
	for _, name := range []string{"load", "unload", "reload"} { // read the configuration and nothing else
		if got := c.Execute(t.Context(), name+" mod_lua"); strings.Contains(got, "+OK") {
			t.Errorf("%s: %q", name, got)
		}
		if got, ok := c.Func(name, "mod_lua"); ok || got != "" {
			t.Errorf("${%s()}: %q", name, got)
		}
	}
}

func TestStrftime(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	at := time.Date(2026, 11, 3, 9, 5, 7, 0, zone) // a Tuesday
	for format, want := range map[string]string{
		"%Y-%m-%d %T": "2026-11-03 09:05:07", "%a, %d %b %Y %T %z": "Tue, 03 Nov 2026 09:05:07 +0100",
		"%A, %B %d %Y, %I:%M %p": "Tuesday, November 03 2026, 09:05 AM", "%e/%m/%Y, %H heures %M": " 3/11/2026, 09 heures 05",
		"%Y-%m-%d-%H-%M-%S": "2026-11-03-09-05-07", "%C%y %j %k%l": "2026 307  9 9", "%u %w %U %W %V %G %g": "2 2 44 44 45 2026 26",
		"%D %F %R %r %X %x": "11/03/26 2026-11-03 09:05 09:05:07 AM 09:05:07 11/03/26", "%c": "Tue Nov  3 09:05:07 2026",
		"%% %n%t%Z %P %h %Ey %Od": "% \n\tCET am Nov 26 03", "%s": "1793693107", "%q %": "%q %", "plain": "plain", "": "",
	} {
		if got := strftime(at, format); got != want {
			t.Errorf("%q: got %q, want %q", format, got, want)
		}
	}
	if got := strftime(time.Date(2027, 1, 1, 0, 30, 0, 0, zone), "%G-%V %g %U %W %I %l %j"); got != "2026-53 26 00 00 12 12 001" {
		t.Errorf("turn of the year: %q", got)
	}
}

func TestStrepoch(t *testing.T) {
	utc(t)
	c, _ := testControl(t)
	for args, want := range map[string]string{
		"2026-11-23 03:22:55": "1795404175", "2026-11-23": "1795392000", "2026-11-23 03:22": "1795404120", "nonsense": "0",
	} {
		if got := c.Execute(t.Context(), "strepoch "+args); got != want {
			t.Errorf("%s: got %s, want %s", args, got, want)
		}
	}
	if got := c.Execute(t.Context(), "strmicroepoch 2026-11-23"); got != "1795392000000000" {
		t.Error(got)
	}
	if got := c.Execute(t.Context(), "strepoch"); got < "1700000000" {
		t.Error(got)
	}
}

// FuzzTextFunctions looks for arguments that make a function panic, run on, or produce without bounds.
func FuzzTextFunctions(f *testing.F) {
	for _, s := range []string{"a|(b)|$1|n", "m:~x~y~z", "'a b' == 'c' ? d : e", "1 <= 2 ? 'x'", "%Y%%%E", "^^|a|b", "0|%s", "UTC 0|%T", `\s\|\'`} {
		f.Add(s)
	}
	c, _ := testControl(f)
	f.Fuzz(func(t *testing.T, args string) {
		if len(args) > 4096 {
			return
		}
		table := c.textCommands()
		for name, cmd := range c.clockCommands() {
			table[name] = cmd
		}
		for name, cmd := range table {
			out := cmd.run(t.Context(), args)
			if len(out) > 1<<21 {
				t.Fatalf("%s %q: %d bytes", name, args, len(out))
			}
			if name == "url_encode" {
				if back := c.table["url_decode"].run(t.Context(), out); back != args {
					t.Fatalf("%q decodes to %q", out, back)
				}
			}
		}
	})
}

// FuzzDialable makes sure that nothing a phone registers is syntax of a dial string, or of a table.
func FuzzDialable(f *testing.F) {
	for _, s := range []string{"sip:1000@[::1]:5060;transport=ws", "sip:a,b@c", "sip:[x]@y|z", "sip:a:_:b@c", "${x}", "sip:a@[fe80::1%eth0]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		out := dialable(uri)
		if strings.ContainsAny(out, ",|<>{}^$'\"\\ \r\n\x00") || strings.Contains(out, ":_:") || strings.HasPrefix(out, "[") && !strings.HasPrefix(uri, "[") {
			t.Fatalf("%q became %q", uri, out)
		}
		if again := dialable(out); again != out {
			t.Fatalf("%q, and once more %q", out, again)
		}
		if utf8.ValidString(uri) && !utf8.ValidString(out) {
			t.Fatalf("%q became %q", uri, out)
		}
	})
}

// FuzzArguments: no line makes more parts than asked for, or more text than it has; a line without quotes, blanks and backslashes is split at
// its delimiters.
func FuzzArguments(f *testing.F) {
	for _, seed := range []string{"a b c", "'a b' c", "a\\ b", "  a   b ", "'", "a'b c", "a||b", "\\n\\s", "m:~a~b"} {
		f.Add(seed, byte(' '), 3)
		f.Add(seed, byte('|'), 16)
	}
	f.Fuzz(func(t *testing.T, line string, delimiter byte, most int) {
		if most < 1 || most > 1000 || delimiter == '\\' || delimiter == '\'' || delimiter < ' ' || delimiter > '~' {
			t.Skip()
		}
		parts := arguments(line, delimiter, most)
		size := 0
		for _, p := range parts {
			size += len(p)
		}
		if len(parts) == 0 || len(parts) > most || size > len(line) {
			t.Errorf("%q: %q", line, parts)
		}
		if !strings.ContainsAny(line, "\\' ") && !slices.Equal(parts, strings.SplitN(line, string(delimiter), most)) {
			t.Errorf("%q at %q: %q", line, delimiter, parts)
		}
		if w := words(line, most); len(w) > most {
			t.Errorf("%q: %q", line, w)
		}
		delimited(line, most)
		readTyped(line)
		parseShow(strings.Fields(line))
	})
}
