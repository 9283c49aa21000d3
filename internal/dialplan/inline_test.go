package dialplan

import (
	"slices"
	"strings"
	"testing"
)

func show(list []Expanded) []string {
	var out []string
	for _, x := range list {
		out = append(out, x.String())
	}
	return out
}

func TestInline(t *testing.T) {
	env := fakeEnv{vars: map[string]string{"x": "1,2"}}
	for _, c := range []struct {
		name string
		in   Expanded
		want string
	}{
		{"one", Expanded{{Text: "park"}}, "park()"},
		{"several", Expanded{{Text: "answer,playback:a:b, echo"}}, "answer() playback(a:b) echo()"},
		{"other separator", Expanded{{Text: "m:^:set:a=1,2^park"}}, "set(a=1,2) park()"},
		{"expanded when it runs", Expanded{{Text: "set:a=${x}"}}, "set(a=1,2)"},
		{"the wire separates nothing", Expanded{{Text: "set:a="}, {Text: "1,hangup:x ${x}", Wire: true}, {Text: ",park"}}, "set(a=1,hangup:x ${x}) park()"},
		{"all from the wire", Expanded{{Text: "system:rm", Wire: true}}, ""},
		{"nothing", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, a := range Inline(c.in) {
				got = append(got, a.App+"("+a.Data.Expand(env).String()+")")
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%s, want %s", s, c.want)
			}
		})
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct {
		name string
		in   Expanded
		n    int
		want []string
	}{
		{"plain", Expanded{{Text: " 1000  XML default "}}, 0, []string{"1000", "XML", "default"}},
		{"quoted", Expanded{{Text: "'set:a=b c' inline"}}, 0, []string{"set:a=b c", "inline"}},
		{"from the wire", Expanded{{Text: "10 XML public", Wire: true}, {Text: " XML default"}}, 0, []string{"10 XML public", "XML", "default"}},
		{"rest", Expanded{{Text: "a b 'c d'"}}, 2, []string{"a", "b 'c d'"}},
		{"nothing", Expanded{{Text: "  "}}, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := show(c.in.Words(c.n)); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// FuzzInline: what came from the wire never becomes an application of its own.
func FuzzInline(f *testing.F) {
	f.Add("set:a=", ",hangup:x", ",park")
	f.Add("m:^:", "^", "^")
	f.Fuzz(func(t *testing.T, a, wire, b string) {
		x := Expanded{{Text: a}, {Text: wire, Wire: true}, {Text: b}}
		plain := Expanded{{Text: a}, {Text: "w", Wire: true}, {Text: b}}
		got, want := Inline(x), Inline(plain)
		if wire != "" && len(got) != len(want) {
			t.Errorf("%d applications, %d with harmless text", len(got), len(want))
		}
		x.Words(0)
	})
}
