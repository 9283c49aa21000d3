package dialplan

import (
	"slices"
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// Function is a command that a dialplan calls as ${name(args)}, with the place where it does so first.
type Function struct {
	Name string // in small letters
	File string
	Line int
}

// Functions lists the functions that a section "dialplan" calls, each once, in the order in which they first stand there. Those whose names have
// variables in them are left out: nobody can tell.
func Functions(section *fsxml.Node) []Function {
	var all []Function
	seen := map[string]bool{}
	collect := func(n *fsxml.Node, text string) {
		if !strings.Contains(text, "${") {
			return
		}
		called(parseParts(text, templateSyntax{}, 0), func(name string) {
			if name = strings.ToLower(name); !seen[name] {
				seen[name] = true
				all = append(all, Function{name, n.File, n.Line})
			}
		})
	}
	var walk func(n *fsxml.Node)
	walk = func(n *fsxml.Node) {
		for _, a := range n.Attrs {
			collect(n, a.Value)
		}
		collect(n, n.Text)
		for _, c := range n.Children {
			walk(c)
		}
	}
	walk(section)
	return slices.Clip(all)
}

// called tells the functions of parts, and those in their names and arguments.
func called(parts []part, tell func(name string)) {
	for i := range parts {
		p := &parts[i]
		if p.kind == partFunction && len(p.name) == 1 && p.name[0].kind == partText {
			tell(strings.TrimSpace(p.name[0].text))
		}
		called(p.name, tell)
		called(p.args, tell)
	}
}
