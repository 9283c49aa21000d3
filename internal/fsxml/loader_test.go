package fsxml

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// files makes a tree; "freeswitch.xml" is wrapped into a document unless it says so itself.
func files(list map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range list {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

// outline writes a node's tags, attributes and text on one line.
func outline(n *Node) string {
	var b strings.Builder
	b.WriteString("<" + n.Name)
	for _, a := range n.Attrs {
		b.WriteString(" " + a.Name + "=" + a.Value)
	}
	b.WriteString(">" + n.Text)
	for _, c := range n.Children {
		b.WriteString(outline(c))
	}
	b.WriteString("</>")
	return b.String()
}

func TestLoad(t *testing.T) {
	env := map[string]string{"HOME_DOMAIN": `a"b`}
	for _, c := range []struct {
		name     string
		tree     map[string]string
		want     string
		problems []string
	}{
		{"plain", map[string]string{"freeswitch.xml": `<?xml version="1.0"?><document a="1">text<x/></document>`}, "<document a=1>text<x></></>", nil},
		{"set", map[string]string{"freeswitch.xml": `<d><X-PRE-PROCESS cmd="set" data="a=1"/><x v="$${a}$${a}"/></d>`}, "<d><x v=11></></>", nil},
		{"lower case, single quotes, spaces", map[string]string{"freeswitch.xml": `<d><x-pre-process  cmd = 'SET'  data = 'a = 1'/><x v="$${a}"/></d>`}, "<d><x v=1></></>", nil},
		{"set from set", map[string]string{"freeswitch.xml": `<d><X-PRE-PROCESS cmd="set" data="a=1"/><X-PRE-PROCESS cmd="set" data="b=$${a}2"/><x v="$${b}"/></d>`}, "<d><x v=12></></>", nil},
		{"set after use", map[string]string{"freeswitch.xml": "<d>\n<x v=\"$${a}\"/><X-PRE-PROCESS cmd=\"set\" data=\"a=1\"/></d>"}, "<d><x v=></></>", []string{`freeswitch.xml:2: warning: variable "a" is not set: $${a} becomes nothing`}},
		{"comment does not disable", map[string]string{"freeswitch.xml": `<d><!-- <X-PRE-PROCESS cmd="set" data="a=1"/> --><x v="$${a}"/></d>`}, "<d><x v=1></></>", nil},
		{"prose in a comment", map[string]string{"freeswitch.xml": "<d><!-- the <X-PRE-PROCESS> tag's 'cmd' and $${such} --><x/></d>"}, "<d><x></></>", nil},
		{"dashes in a comment", map[string]string{"freeswitch.xml": "<d><!-- a -- b <y> & --><x/></d>"}, "<d><x></></>", nil},
		{"renamed instructions", map[string]string{"freeswitch.xml": `<d><X-NO-PRE-PROCESS cmd="set" data="a=1"/><Z-PRE-PROCESS cmd="set" data="a=2"/><x/></d>`}, "<d><x></></>", nil},
		{"end tag of an instruction", map[string]string{"freeswitch.xml": `<d><X-PRE-PROCESS cmd="set" data="a=1"></X-PRE-PROCESS><x/></d>`}, "<d><x></></>", nil},
		{"over several lines", map[string]string{"freeswitch.xml": "<d><X-PRE-PROCESS\n cmd=\"set\"\n data=\"a=>1\"/>\n<x v=\"$${b}\"/></d>"}, "<d><x v=></></>", []string{`freeswitch.xml:4: warning: variable "b" is not set: $${b} becomes nothing`}},
		{"old form", map[string]string{"freeswitch.xml": `<d><!--#set "a=1"--><!--#comment <X-PRE-PROCESS cmd="set" data="a=2"/> --><x v="$${a}"/></d>`}, "<d><x v=1></></>", nil},
		{"old include", map[string]string{"freeswitch.xml": `<d><!--#include "x.xml"--></d>`, "x.xml": "<x/>"}, "<d><x></></>", nil},
		{"include", map[string]string{"freeswitch.xml": `<d><X-PRE-PROCESS cmd="include" data="a/*.xml"/></d>`, "a/2.xml": "<include><two/></include>", "a/1.xml": `<X-PRE-PROCESS cmd="include" data="../b/3.xml"/>`, "b/3.xml": "<three/>", "a/no.txt": "<"}, "<d><three></><two></></>", nil},
		{"part of an element", map[string]string{"freeswitch.xml": `<d><X-PRE-PROCESS cmd="include" data="a"/></x></d>`, "a": "<x>"}, "<d><x></></>", nil},
		{"absolute include", map[string]string{"freeswitch.xml": `<d><X-PRE-PROCESS cmd="include" data="/etc/conf/a.xml"/></d>`, "a.xml": "<x/>"}, "<d><x></></>", nil},
		{"include outside", map[string]string{"freeswitch.xml": `<d><X-PRE-PROCESS cmd="include" data="../x"/><X-PRE-PROCESS cmd="include" data="/etc/passwd"/></d>`}, "<d></>", []string{`freeswitch.xml:1: error: include "../x": outside of the configuration folder`, `freeswitch.xml:1: error: include "/etc/passwd": outside of the configuration folder`}},
		{"include nothing", map[string]string{"freeswitch.xml": `<d><X-PRE-PROCESS cmd="include" data="none/*.xml"/><X-PRE-PROCESS cmd="include" data="none.xml"/></d>`}, "<d></>", []string{`freeswitch.xml:1: warning: include "none.xml": no such file`}},
		{"include loop", map[string]string{"freeswitch.xml": `<d><X-PRE-PROCESS cmd="include" data="a.xml"/></d>`, "a.xml": `<x/><X-PRE-PROCESS cmd="include" data="a.xml"/>`}, "<d><x></></>", []string{`a.xml:1: error: include "a.xml": the file is being included already`}},
		{"exec", map[string]string{"freeswitch.xml": `<d><X-PRE-PROCESS cmd="exec" data="id"/><X-PRE-PROCESS cmd="exec-set" data="a=id"/></d>`}, "<d></>", []string{"freeswitch.xml:1: error: exec is refused: a configuration executes no commands", "freeswitch.xml:1: error: exec-set is refused: a configuration executes no commands"}},
		{"unknown command", map[string]string{"freeswitch.xml": `<d><X-PRE-PROCESS cmd="fetch" data="a"/><X-PRE-PROCESS cmd="set"/></d>`}, "<d></>", []string{`freeswitch.xml:1: error: unknown X-PRE-PROCESS command "fetch"`, "freeswitch.xml:1: error: X-PRE-PROCESS needs cmd and data"}},
		{"stun-set", map[string]string{"freeswitch.xml": `<d><X-PRE-PROCESS cmd="stun-set" data="a=stun:h"/><x v="$${a}"/></d>`}, "<d><x v=stun:h></></>", nil},
		{"env-set", map[string]string{"freeswitch.xml": `<d><X-PRE-PROCESS cmd="env-set" data="a=$HOME_DOMAIN"/><X-PRE-PROCESS cmd="env-set" data="a=UNSET"/><x v="$${a}"/></d>`}, `<d><x v=a"b></></>`, nil},
		{"default", map[string]string{"freeswitch.xml": `<d><x v="$${def}"/><X-PRE-PROCESS cmd="set" data="def=2"/><x v="$${def}"/></d>`}, `<d><x v=1<&></><x v=2></></>`, nil},
		{"override", map[string]string{"freeswitch.xml": `<d><X-PRE-PROCESS cmd="set" data="over=2"/><X-PRE-PROCESS cmd="env-set" data="over=HOME_DOMAIN"/><x v="$${over}"/></d>`}, `<d><x v=<o'"&></></>`, nil},
		{"escaped value", map[string]string{"freeswitch.xml": `<d><X-PRE-PROCESS cmd="set" data="a=x&amp;y"/><x v="$${a}"/></d>`}, "<d><x v=x&y></></>", nil},
		{"CDATA", map[string]string{"freeswitch.xml": "<d><![CDATA[<a> <!-- b -->]]></d>"}, "<d><a> <!-- b --></>", nil},
		{"bare ampersand", map[string]string{"freeswitch.xml": `<d v="a & b">x && y &nbsp;</d>`}, "<d v=a & b>x && y &nbsp;</>", nil},
		{"Latin-1", map[string]string{"freeswitch.xml": "<d v=\"M\xfcller\"/>"}, "<d v=Müller></>", []string{"freeswitch.xml:1: warning: the file is not UTF-8; read as Latin-1"}},
		{"byte order mark", map[string]string{"freeswitch.xml": "\xef\xbb\xbf<d/>"}, "<d></>", nil},
		{"include as document", map[string]string{"freeswitch.xml": "<include><d/></include>"}, "<d></>", nil},
		{"variable without end", map[string]string{"freeswitch.xml": "<d>$${a\n}</d>"}, "<d>$${a\n}</>", []string{"freeswitch.xml:1: warning: $${ has no }"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := Loader{FS: files(c.tree), Dir: "/etc/conf", Defaults: map[string]string{"def": "1<&"}, Env: func(n string) (string, bool) { v, ok := env[n]; return v, ok }}
			if c.name == "override" {
				l.Set = map[string]string{"over": `<o'"&`}
			}
			tree, err := l.Load()
			if err != nil {
				t.Fatal(err)
			}
			if got := outline(tree.Root); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			var problems []string
			for _, p := range tree.Problems {
				problems = append(problems, p.String())
			}
			if !slices.Equal(problems, c.problems) {
				t.Errorf("problems %q", problems)
			}
		})
	}
}

func TestLoadFails(t *testing.T) {
	deep := strings.Repeat("<a>", 65) + strings.Repeat("</a>", 65)
	for _, c := range []struct{ name, text, want string }{
		{"end tag", "<d>\n<x>\n</d>", "fsxml: freeswitch.xml:3: </d> where </x> is expected: <x> is open since freeswitch.xml:2"},
		{"never closed", "<d>\n<x>", "fsxml: freeswitch.xml:2: <x> is never closed"},
		{"end without start", "</d>", "closes nothing"},
		{"in an included file", "<d>\n<X-PRE-PROCESS cmd=\"include\" data=\"a.xml\"/>\n</d>", "fsxml: a.xml:2:"},
		{"after an included file", "<d>\n<X-PRE-PROCESS cmd=\"include\" data=\"ok.xml\"/>\n</e></d>", "fsxml: freeswitch.xml:3: </e>"},
		{"nothing", "  ", "there is no element"},
		{"two documents", "<a/><b/>", "<b> follows the end"},
		{"DTD", "<!DOCTYPE d [<!ENTITY a \"b\">]><d>&a;</d>", "document type declarations are refused"},
		{"entity", "<d><!ENTITY a \"b\"></d>", "document type declarations are refused"},
		{"too deep", deep, "nested more than 64 deep"},
		{"instruction without end", "<d><X-PRE-PROCESS cmd=\"set\" ", "has no end"},
		{"declaration without end", "<d><?xml ", "has no ?>"},
		{"control character", "<d>\n\x01</d>", "fsxml: freeswitch.xml:2:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := (&Loader{FS: files(map[string]string{"freeswitch.xml": c.text, "a.xml": "<x>\n</y>", "ok.xml": "<x>\n\n\n</x>\n"})}).Load()
			var syntax *SyntaxError
			if err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, &syntax) {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := (&Loader{FS: files(nil)}).Load(); err == nil {
		t.Error("a missing root file is no error")
	}
}

// TestS12ExpansionIsBounded holds variables that double, files that include many times, and size limits.
func TestS12ExpansionIsBounded(t *testing.T) {
	bomb := "<d><X-PRE-PROCESS cmd=\"set\" data=\"a0=aaaaaaaaaa\"/>"
	for i := 'a'; i <= 'z'; i++ {
		bomb += `<X-PRE-PROCESS cmd="set" data="` + string(i+1) + `=` + strings.Repeat("$${"+string(i)+"}", 10) + `"/>`
	}
	bomb = strings.Replace(bomb, "a0=", "a=", 1)
	chain := map[string]string{"freeswitch.xml": `<d><X-PRE-PROCESS cmd="include" data="0.xml"/></d>`}
	for i := range 26 {
		next := `<X-PRE-PROCESS cmd="include" data="` + string(rune('0'+i+1)) + `.xml"/>`
		chain[string(rune('0'+i))+".xml"] = next + next
	}
	t.Run("variables", func(t *testing.T) {
		tree, err := (&Loader{FS: files(map[string]string{"freeswitch.xml": bomb + "</d>"})}).Load()
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range tree.Vars {
			if len(v) > maxValue {
				t.Errorf("%s has %d bytes", name, len(v))
			}
		}
		if len(tree.Problems) == 0 {
			t.Error("no problem reported")
		}
	})
	t.Run("files", func(t *testing.T) {
		if _, err := (&Loader{FS: files(chain)}).Load(); err == nil || !strings.Contains(err.Error(), "more than 10000 files") {
			t.Errorf("%v", err)
		}
	})
	t.Run("bytes", func(t *testing.T) {
		text := `<d><X-PRE-PROCESS cmd="set" data="a=` + strings.Repeat("x", 1000) + `"/>` + strings.Repeat("$${a}", 100) + "</d>"
		if _, err := (&Loader{FS: files(map[string]string{"freeswitch.xml": text}), MaxBytes: 10_000}).Load(); err == nil || !strings.Contains(err.Error(), "larger than 10000 bytes") {
			t.Errorf("%v", err)
		}
	})
}

func TestUnusedOverrideIsReported(t *testing.T) {
	l := Loader{FS: files(map[string]string{"freeswitch.xml": `<d><x v="${runtime}$${used}"/></d>`}), Set: map[string]string{"tpyo": "1", "runtime": "1", "used": "1"}}
	tree, err := l.Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Problems) != 1 || !strings.Contains(tree.Problems[0].String(), `override of "tpyo" has no effect`) {
		t.Errorf("%v", tree.Problems)
	}
	if !maps.Equal(tree.Vars, l.Set) {
		t.Errorf("%v", tree.Vars)
	}
}

func TestNodesKnowTheirPlace(t *testing.T) {
	tree, err := (&Loader{FS: files(map[string]string{
		"freeswitch.xml": "<document>\n<section name=\"Configuration\">\n<X-PRE-PROCESS cmd=\"include\" data=\"a/a.xml\"/><y/>\n</section></document>",
		"a/a.xml":        "<!-- one\ntwo -->\n<configuration name=\"a.conf\"\n  b=\"1\"><p/>\n</configuration>",
	})}).Load()
	if err != nil {
		t.Fatal(err)
	}
	conf := tree.Configuration("a.conf")
	for _, c := range []struct {
		name string
		node *Node
		file string
		line int
	}{
		{"section", tree.Section("configuration"), "freeswitch.xml", 2},
		{"included", conf, "a/a.xml", 3},
		{"second line of a tag", conf.Child("p"), "a/a.xml", 4},
		{"after the include", tree.Root.Find("section", "y"), "freeswitch.xml", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.node == nil || c.node.File != c.file || c.node.Line != c.line {
				t.Errorf("%+v", c.node)
			}
		})
	}
	if tree.Root.Find("no", "such", "thing").Attr("x") != "" || len((*Node)(nil).All("x")) != 0 {
		t.Error("a missing node must be empty")
	}
	if want := []string{"freeswitch.xml", "a/a.xml"}; !slices.Equal(tree.Files, want) {
		t.Errorf("files %q", tree.Files)
	}
}

func FuzzLoad(f *testing.F) {
	for _, s := range []string{
		`<d><X-PRE-PROCESS cmd="set" data="a=1"/><x v="$${a}"/></d>`, `<d><X-PRE-PROCESS cmd="include" data="*.xml"/></d>`,
		"<d><!-- <X-PRE-PROCESS cmd='include' data='a.xml'/> --><![CDATA[x]]></d>", "<!--#set \"a=b\"--><d>$${a}</d>", "<!DOCTYPE d><d/>", "<a><b></a>",
	} {
		f.Add(s, "<include><x/></include>")
	}
	f.Fuzz(func(t *testing.T, root, other string) {
		l := Loader{FS: files(map[string]string{"freeswitch.xml": root, "a.xml": other}), MaxBytes: 1 << 20, Set: map[string]string{"o": "<&>"}}
		tree, err := l.Load()
		if err != nil {
			return
		}
		lines := map[string]int{"freeswitch.xml": strings.Count(root, "\n") + 1, "a.xml": strings.Count(other, "\n") + 1}
		var walk func(n *Node)
		walk = func(n *Node) {
			if n.Line < 1 || n.Line > lines[n.File] {
				t.Errorf("<%s> stands at %s:%d", n.Name, n.File, n.Line)
			}
			for _, c := range n.Children {
				walk(c)
			}
		}
		walk(tree.Root)
	})
}
