package dialplan

import (
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	env := fakeEnv{
		vars: map[string]string{"a": "abcdef", "n": "a", "dollar": "${a}", "list": "ARRAY::x|:y|:z", "u": "äöü"},
		wire: map[string]string{"w": "${a},b", "sip_h_X-Y": "v"},
	}
	for _, c := range []struct{ name, in, want string }{
		{"text", "plain", "plain"},
		{"empty", "", ""},
		{"variable", "<${a}>", "<abcdef>"},
		{"unknown", "<${zzz}>", "<>"},
		{"header name", "${sip_h_X-Y}", "v"},
		{"one pass", "${dollar}", "${a}"},
		{"wire is not expanded", "${w}", "${a},b"},
		{"nested name", "${${n}}", "abcdef"},
		{"offset", "${a:2}", "cdef"},
		{"offset and length", "${a:1:3}", "bcd"},
		{"negative offset", "${a:-2}", "ef"},
		{"negative offset and length", "${a:-4:2}", "cd"},
		{"offset past the end", "${a:7}", ""},
		{"offset at the end", "${a:6}", ""},
		{"negative offset past the start", "${a:-100}", "abcdef"},
		{"length past the end", "${a:4:100}", "ef"},
		{"huge offset", "${a:99999999999999999999}", ""},
		{"smallest offset", "${a:-9223372036854775808}", "abcdef"},
		{"cut character", "${u:0:3}", "ä"},
		{"array", "${list[1]}${list[3]}${a[0]}", "yabcdef"},
		{"function", "${f(x ${a} y)}", "f<x abcdef y>"},
		{"function with a space", "${f x ${a}}", "f<x abcdef>"},
		{"function with brackets", "${f(g(1),2)}", "f<g(1),2>"},
		{"unknown function", "<${unknown(x)}>", "<>"},
		{"escaped", `\${a}`, "${a}"},
		{"not closed", "${a", "${a"},
		{"lone dollars", "$ $$ $x", "$ $$ $x"},
		{"unbound capture", "$1", "$1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ParseTemplate(c.in).Expand(env).String(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestExpandedRemembersTheWire(t *testing.T) {
	env := fakeEnv{vars: map[string]string{"v": "x"}, wire: map[string]string{"w": "y"}}
	for _, c := range []struct {
		name, in string
		want     bool
	}{
		{"text", "a", false},
		{"variable", "${v}", false},
		{"wire variable", "a${w}", true},
		{"computed of text", "${cond(${v} == x ? a : b)}", false},
		{"computed of wire", "${cond(${w} == x ? a : b)}", true},
		{"stored", "${hash(select/a/b)}", true},
		{"structural", "${sofia_contact(*/${w}@d)}", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ParseTemplate(c.in).Expand(env).Wire(); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestExpandIsBounded(t *testing.T) {
	env := fakeEnv{vars: map[string]string{"big": strings.Repeat("x", 60_000)}}
	for _, c := range []struct{ name, in string }{
		{"many", strings.Repeat("${big}", 1000)},
		{"nested", strings.Repeat("${f(", 200) + strings.Repeat("${big}", 1000) + strings.Repeat(")}", 200)},
		{"never closed", strings.Repeat("${", 500_000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if n := len(ParseTemplate(c.in).Expand(env).String()); n > maxExpanded {
				t.Errorf("%d bytes", n)
			}
		})
	}
}

func FuzzExpand(f *testing.F) {
	for _, s := range []string{"${a:1:2}", "${f(${w} $1)}", `\${a}$0`, "${${a}[0]}", "$99", "${a:-1", "${f a}"} {
		f.Add(s, "v,}|")
	}
	f.Fuzz(func(t *testing.T, text, wire string) {
		env := fakeEnv{vars: map[string]string{"a": "abc"}, wire: map[string]string{"w": wire}}
		x := ParseTemplate(text).bind([]Value{{wire, true}, {wire, true}}).Expand(env)
		if n := len(x.String()); n > maxExpanded {
			t.Errorf("%d bytes", n)
		}
		_, _ = ParseDialString(x)
	})
}
