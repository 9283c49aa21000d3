package config

import (
	"slices"
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// LameExtension is an extension of the dialplan with an application that is not served. A call that comes to it ends there.
type LameExtension struct {
	Context      string   `json:"context"`
	Name         string   `json:"name"`
	Numbers      string   `json:"numbers"` // its first pattern for destination_number
	Applications []string `json:"applications"`
	File         string   `json:"file"`
	Line         int      `json:"line"`
}

// lameExtensions lists them in document order.
func lameExtensions(section *fsxml.Node, served func(app string) bool) []LameExtension {
	list := []LameExtension{}
	for _, context := range section.All("context") {
		for _, n := range context.All("extension") {
			e := LameExtension{Context: context.Attr("name"), Name: n.Attr("name"), Applications: []string{}, File: n.File, Line: n.Line}
			e.look(n, served)
			if len(e.Applications) > 0 && len(list) < maxUnsupported {
				list = append(list, e)
			}
		}
	}
	return list
}

// hiddenApplication is what an application's data asks for, as the stock tree does: bridge loopback/app=voicemail, playback phrase:NAME.
func hiddenApplication(app, data string) string {
	if _, called, ok := strings.Cut(data, "loopback/app="); ok && app == "bridge" {
		called, _, _ = strings.Cut(called, ":")
		return called
	}
	for _, kind := range []string{"phrase", "say"} {
		if app == "playback" && strings.HasPrefix(strings.ToLower(data), kind+":") {
			return kind
		}
	}
	return ""
}

// look goes through an extension's conditions and actions.
func (e *LameExtension) look(n *fsxml.Node, served func(app string) bool) {
	for _, c := range n.Children {
		switch c.Name {
		case "action", "anti-action":
			app := strings.TrimSpace(c.Attr("application"))
			if inner := hiddenApplication(app, c.Attr("data")); inner != "" {
				app = inner
			}
			if app != "" && !strings.Contains(app, "$") && !served(strings.ToLower(app)) && !slices.Contains(e.Applications, app) {
				e.Applications = append(e.Applications, app)
			}
		case "condition", "regex":
			if e.Numbers == "" && c.Attr("field") == "destination_number" {
				e.Numbers = c.Attr("expression")
			}
			e.look(c, served)
		}
	}
}
