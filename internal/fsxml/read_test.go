package fsxml

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestReduce: children of a reduced element are gone, their memory is used again, and what comes after is whole.
func TestReduce(t *testing.T) {
	var b strings.Builder
	b.WriteString("<d><users>")
	for i := range 100 {
		fmt.Fprintf(&b, `<user id="%d"><p a="%d" b="x"><q c="1">text</q></p></user>`, i, i)
	}
	b.WriteString(`</users><e><f g="1"/></e></d>`)
	var seen []string
	l := Loader{FS: files(map[string]string{"freeswitch.xml": b.String()}), Reduce: func(n *Node, above []*Node) bool {
		if n.Name != "user" {
			return false
		}
		if len(above) != 2 || above[1].Name != "users" {
			t.Fatalf("above %v", above)
		}
		seen = append(seen, outline(n))
		return true
	}}
	tree, err := l.Load()
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range seen {
		if want := fmt.Sprintf("<user id=%d><p a=%d b=x><q c=1>text</></></>", i, i); s != want {
			t.Fatalf("got %s want %s", s, want)
		}
	}
	users := tree.Root.Child("users").All("user")
	if len(seen) != 100 || len(users) != 100 || outline(users[7]) != "<user id=7></>" || outline(tree.Root.Child("e")) != "<e><f g=1></></>" {
		t.Errorf("%d, %s %s", len(users), outline(users[7]), outline(tree.Root.Child("e")))
	}
}

// TestReadAhead: many files come in the order of their names, large ones and folders among them.
func TestReadAhead(t *testing.T) {
	list := map[string]string{"freeswitch.xml": `<d><X-PRE-PROCESS cmd="include" data="a/*"/></d>`}
	var want []string
	for i := range 300 {
		pad := ""
		if i%50 == 7 {
			pad = strings.Repeat(" ", aheadLimit)
		}
		list[fmt.Sprintf("a/%03d.xml", i)] = fmt.Sprintf(`<x n="%d"/>%s`, i, pad)
		want = append(want, fmt.Sprint(i))
	}
	list["a/150z/inside.xml"] = "<never/>"
	tree, err := (&Loader{FS: files(list)}).Load()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range tree.Root.Children {
		got = append(got, n.Attr("n"))
	}
	if !slices.Equal(got, want) || len(tree.Files) != 301 {
		t.Errorf("%d files, %q", len(tree.Files), got)
	}
}

// brokenFS cannot open some files.
type brokenFS struct {
	tree   fstest.MapFS // not embedded: its Glob would find everything
	broken string
}

func (b brokenFS) Open(name string) (fs.File, error) {
	if name == b.broken {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return b.tree.Open(name)
}

func (b brokenFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == b.broken {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return b.tree.ReadDir(name)
}

func TestUnreadable(t *testing.T) {
	tree := files(map[string]string{"freeswitch.xml": "<d>\n<X-PRE-PROCESS cmd=\"include\" data=\"a/*.xml\"/></d>", "a/1.xml": "<x/>", "a/2.xml": "<y/>"})
	if _, err := (&Loader{FS: brokenFS{tree, "a/2.xml"}}).Load(); err == nil || err.Error() != "fsxml: read: open a/2.xml: permission denied (included by freeswitch.xml:2)" {
		t.Errorf("file: %v", err)
	}
	got, err := (&Loader{FS: brokenFS{tree, "a"}}).Load()
	if err != nil || len(got.Problems) != 1 || got.Problems[0].String() != `freeswitch.xml:2: error: include "a/*.xml": the folder cannot be read` {
		t.Errorf("folder: %v %v", err, got.Problems)
	}
}

// TestPipe: a named pipe in the tree would make a reload wait for ever.
func TestPipe(t *testing.T) {
	tree := fstest.MapFS{
		"freeswitch.xml": {Data: []byte("<d>\n<X-PRE-PROCESS cmd=\"include\" data=\"*.xml.in\"/></d>")},
		"pipe.xml.in":    {Mode: fs.ModeNamedPipe},
	}
	if _, err := (&Loader{FS: tree}).Load(); err == nil || err.Error() != "fsxml: read: read pipe.xml.in: it is no ordinary file (included by freeswitch.xml:2)" {
		t.Errorf("%v", err)
	}
}

// TestTooLongValue: a value that became too long by its variables is refused, not cut.
func TestTooLongValue(t *testing.T) {
	half := strings.Repeat("x", maxValue/2+1)
	tree, err := (&Loader{FS: files(map[string]string{
		"freeswitch.xml": `<d><X-PRE-PROCESS cmd="set" data="h=` + half + `"/><X-PRE-PROCESS cmd="set" data="v=$${h}$${h}"/></d>`,
	})}).Load()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := tree.Vars["v"]; ok || len(tree.Problems) != 1 || !strings.Contains(tree.Problems[0].Text, "the value of v is longer") {
		t.Errorf("%t %v", ok, tree.Problems)
	}
}

func TestExec(t *testing.T) {
	run := func(command string) ([]byte, error) {
		switch command {
		case "fail":
			return nil, errors.New("it failed")
		case "long":
			return bytes.Repeat([]byte("x"), maxValue+1), nil
		case "again":
			return []byte(`<X-PRE-PROCESS cmd="exec" data="again"/>`), nil
		}
		return []byte("<!-- c --><" + command + "/>\n"), nil
	}
	for _, c := range []struct{ name, text, want, problem string }{
		{"exec", `<d><X-PRE-PROCESS cmd="exec" data="out"/></d>`, "<d><out></></>", ""},
		{"exec-set", `<d><X-PRE-PROCESS cmd="exec-set" data="v = out"/><x v="$${v}"/></d>`, "<d><x v=<!-- c --><out/>></></>", ""},
		{"override", `<d><X-PRE-PROCESS cmd="exec-set" data="o=out"/><x v="$${o}"/></d>`, "<d><x v=mine></></>", ""},
		{"fails", `<d><X-PRE-PROCESS cmd="exec" data="fail"/></d>`, "<d></>", `exec "fail": it failed`},
		{"no name", `<d><X-PRE-PROCESS cmd="exec-set" data="fail"/></d>`, "<d></>", "exec-set needs name=command"},
		{"long", `<d><X-PRE-PROCESS cmd="exec-set" data="v=long"/></d>`, "<d></>", "is longer than"},
		{"in a circle", `<d><X-PRE-PROCESS cmd="exec" data="again"/></d>`, "<d></>", "programs and files include each other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree, err := (&Loader{FS: files(map[string]string{"freeswitch.xml": c.text}), Exec: run, Set: map[string]string{"o": "mine"}}).Load()
			if err != nil {
				t.Fatal(err)
			}
			if got := outline(tree.Root); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			tree.Problems = slices.DeleteFunc(tree.Problems, func(p Problem) bool { return strings.Contains(p.Text, "override of") })
			if c.problem == "" && len(tree.Problems) > 0 || c.problem != "" && (len(tree.Problems) != 1 || !strings.Contains(tree.Problems[0].Text, c.problem)) {
				t.Errorf("%v", tree.Problems)
			}
		})
	}
}
