package dialplan

import (
	"fmt"
	"strings"
	"testing"
)

// shape writes a dial string so that a table can compare it.
func shape(d *DialString) string {
	var parts []string
	for _, part := range d.Parts {
		var groups []string
		for _, g := range part {
			var targets []string
			for _, t := range g {
				s := ""
				for _, v := range t.Vars {
					s += fmt.Sprintf("%s=%q ", v.Name, v.Value)
				}
				targets = append(targets, s+t.Endpoint+" "+t.Dest)
			}
			groups = append(groups, strings.Join(targets, " & "))
		}
		parts = append(parts, strings.Join(groups, " then "))
	}
	return strings.Join(parts, " beside ")
}

func TestParseDialString(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"one", "user/1001@example.com", "user 1001@example.com"},
		{"parallel", "user/1, user/2", "user 1 & user 2"},
		{"sequence", "user/1,user/2|user/3", "user 1 & user 2 then user 3"},
		{"global", "{a=1,b=2}user/1,user/2", `a="1" b="2" user 1 & a="1" b="2" user 2`},
		{"leg", "[a=1]user/1,[a=2]user/2", `a="1" user 1 & a="2" user 2`},
		{"global and leg", "{a=0}{b=0}[a=1][c=2]user/1", `a="0" b="0" a="1" c="2" user 1`},
		{"quoted comma", "{a='x,y',b=z}user/1", `a="x,y" b="z" user 1`},
		{"escaped comma", `{a=x\,y,b=z}user/1`, `a="x,y" b="z" user 1`},
		{"escaped quote", `{a=it\'s}user/1`, `a="it's" user 1`},
		{"lone apostrophe", `{a=it's,b=2}user/1`, `a="it's" b="2" user 1`},
		{"other backslash stays", `{a=\d+}user/1`, `a="\\d+" user 1`},
		{"own delimiter", "{^^:a=1,2:b=3}user/1", `a="1,2" b="3" user 1`},
		{"own delimiter in a leg", "[^^;a=1,2;b=3]user/1", `a="1,2" b="3" user 1`},
		{"inner braces", "{a={b}}user/1", `a="{b}" user 1`},
		{"equals in value", "{a=b=c}user/1", `a="b=c" user 1`},
		{"empty value", "{a=}user/1", `a="" user 1`},
		{"no value", "{a,b=1}user/1", `b="1" user 1`},
		{"enterprise", "<x=0>{a=1}user/1|user/2:_:{a=2}user/3", `x="0" ignore_early_media="true" a="1" user 1 then x="0" ignore_early_media="true" a="1" user 2 beside x="0" ignore_early_media="true" a="2" user 3`},
		{"enterprise with early media of one part", "user/1:_:{ignore_early_media=false}user/2", `ignore_early_media="true" user 1 beside ignore_early_media="true" ignore_early_media="false" user 2`},
		{"parts with nothing in them", ":_:user/1:_: :_:", `ignore_early_media="true" user 1`},
		{"nothing between separators", ",user/1,,|,user/2,", "user 1 then user 2"},
		{"error endpoint", "error/user_not_registered", "error user_not_registered"},
		{"slashes in the destination", "sofia/internal/sip:1@[::1]:5060;transport=tcp", "sofia internal/sip:1@[::1]:5060;transport=tcp"},
		{"spaces in the destination", "loopback/app=voicemail:default d 1", "loopback app=voicemail:default d 1"},
		{"after a variable block a line break", "{a=1}\n  user/1", `a="1" user 1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := ParseDialString(Literal(c.in, false))
			if err != nil {
				t.Fatal(err)
			}
			if got := shape(d); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestParseDialStringRefuses(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", "names no destination"},
		{"only separators", " ,|, ", "names no destination"},
		{"only variables", "{a=1}", "names no destination"},
		{"no endpoint", "1001", "names no endpoint"},
		{"odd endpoint", "us er/1001", "no endpoint"},
		{"not closed", "{a=1 user/1", "not closed"},
		{"leg not closed", "[a=1 user/1", "not closed"},
		{"line break in a value", "{sip_h_X-A=1\r\nX-B: 2}user/1", "line break"},
		{"line break in a destination", "user/1\r\nX-B: 2", "control character"},
		{"too long", "user/" + strings.Repeat("1", maxDialString), "longer than"},
		{"too many targets", strings.Repeat("user/1,", maxTargets+1), "more than 256 destinations"},
		{"too many variables", "{" + strings.Repeat("a=1,", maxBlockVars+1) + "}user/1", "more than 256 variables"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := ParseDialString(Literal(c.in, false))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v %v", d, err)
			}
		})
	}
}

// TestS13DialString dials through templates as a dialplan does; the caller chose what is in ${w}.
func TestS13DialString(t *testing.T) {
	for _, c := range []struct{ name, template, wire, want string }{
		{"separators", "user/${w}@d", "1,error/x|user/2:_:user/3", "user 1,error/x|user/2:_:user/3@d"},
		{"leg variables", "${w}user/1", "[a=1]", "error: the endpoint came from outside"},
		{"endpoint", "${w}", "loopback/9", "error: the endpoint came from outside"},
		{"value ends nothing", "{a=${w},b=2}user/1", "1,sip_auto_answer=true}[x=y]user/9,", `a="1,sip_auto_answer=true}[x=y]user/9," b="2" user 1`},
		{"quotes and escapes are text", "{a='${w}',b=2}user/1", `',c=3,d='\`, `a="',c=3,d='\\" b="2" user 1`},
		{"own delimiter", "{^^:a=${w}:b=2}user/1", "1:c=3", `a="1:c=3" b="2" user 1`},
		{"name", "{${w}=1,b=2}user/1", "sip_h_X-Evil", `b="2" user 1`},
		{"no second expansion", "{a=${w}}user/1", "${default_password}", `a="${default_password}" user 1`},
		{"line break", "{a=${w}}user/1", "1\r\nX-Evil: 1", "error: line break"},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := fakeEnv{vars: map[string]string{"default_password": "secret"}, wire: map[string]string{"w": c.wire}}
			d, err := ParseDialString(ParseTemplate(c.template).Expand(env))
			if wantErr, ok := strings.CutPrefix(c.want, "error: "); ok {
				if err == nil || !strings.Contains(err.Error(), wantErr) {
					t.Errorf("%v %v", d, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := shape(d); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func FuzzDialString(f *testing.F) {
	for _, s := range []string{"{a='x,y'}[b=1]user/1,user/2|sofia/x/y:_:<c=2>error/z", "{^^:a=1:b=2}user/1", `{a=\,\'}user/1`, "[", "{a=}}"} {
		f.Add(s, "1,2]}", uint8(3))
	}
	f.Fuzz(func(t *testing.T, text, wire string, at uint8) {
		i := min(int(at), len(text))
		plain, err1 := ParseDialString(Expanded{{text[:i], false}, {text[i:], false}})
		d, err2 := ParseDialString(Expanded{{text[:i], false}, {wire, true}, {text[i:], false}})
		if err2 != nil {
			return
		}
		// Text from the wire adds no target. It can turn nothing into one only by standing in it.
		if err1 == nil && count(d) > count(plain) {
			t.Errorf("%q in %q at %d: %s became %s", wire, text, i, shape(plain), shape(d))
		}
		for _, x := range targets(d) {
			for _, v := range x.Vars {
				if strings.ContainsAny(v.Name+v.Value, "\r\n\x00") {
					t.Errorf("line break in %q=%q", v.Name, v.Value)
				}
			}
		}
	})
}

func count(d *DialString) int { return len(targets(d)) }

func targets(d *DialString) []Target {
	var all []Target
	for _, part := range d.Parts {
		for _, g := range part {
			all = append(all, g...)
		}
	}
	return all
}
