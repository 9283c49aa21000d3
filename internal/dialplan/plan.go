package dialplan

import (
	"time"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// Plan is a compiled dialplan. It is immutable and safe for concurrent use.
type Plan struct{}

// Action is one application to execute.
type Action struct {
	App       string
	Data      Template // captures of the matching condition are bound in it
	Inline    bool
	Extension string // the extension it stands in
	File      string
	Line      int
	Matches   []string // captures of the condition, $0 first: DP_MATCH
}

// Result is what a call is to do.
type Result struct {
	Actions   []Action // none: NO_ROUTE_DESTINATION
	Extension string   // the first extension that contributed an action
}

// Inliner is an Env that executes inline actions while the plan is searched, so that later conditions see what they set. Without
// it an inline action takes its place in Result.Actions.
type Inliner interface {
	Inline(a Action)
}

// Compile reads the section "dialplan".
func Compile(section *fsxml.Node) (*Plan, []fsxml.Problem) { return &Plan{}, nil }

// Contexts lists the names of the contexts in document order.
func (p *Plan) Contexts() []string { return nil }

// Route searches a context. The second result says whether the context exists.
func (p *Plan) Route(context string, env Env, now time.Time) (Result, bool) { return Result{}, false }
