package config

import (
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// Application is one application that the dialplan names, with the place where it does so first and how often it does.
type Application struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
	File  string `json:"file"`
	Line  int    `json:"line"`
}

// Applications lists the applications of a dialplan section in the order in which they first stand there. Names are compared without case, and
// those with variables in them are left out: nobody can tell.
func Applications(section *fsxml.Node) []Application {
	var all []Application
	at := map[string]int{}
	var walk func(n *fsxml.Node)
	walk = func(n *fsxml.Node) {
		for _, c := range n.Children {
			if c.Name != "action" && c.Name != "anti-action" {
				walk(c)
				continue
			}
			name := strings.TrimSpace(c.Attr("application"))
			key := strings.ToLower(name)
			if name == "" || strings.Contains(name, "$") {
				continue
			}
			if i, ok := at[key]; ok {
				all[i].Count++
				continue
			}
			at[key] = len(all)
			all = append(all, Application{Name: name, Count: 1, File: c.File, Line: c.Line})
		}
	}
	if section != nil {
		walk(section)
	}
	return all
}

// notServed lists applications that served does not know.
func notServed(apps []Application, served func(app string) bool) []Unsupported {
	var all []Unsupported
	for _, a := range apps {
		if served != nil && !served(strings.ToLower(a.Name)) {
			all = append(all, Unsupported{Kind: "application", Name: a.Name, File: a.File, Line: a.Line})
		}
	}
	return all
}
