package fsxml

import (
	"fmt"
	"io/fs"
)

// Limits of a load that no honest tree comes near; the stock one is 1.2 MB of text in 150 files, 12 elements deep.
const (
	defaultMaxDepth = 64
	defaultMaxBytes = 160 << 20
	maxIncludeDepth = 20
	maxFiles        = 250_000  // different ones: a directory may have one for each user
	maxRepeats      = 10_000   // of files that have been included before
	maxNodes        = 500_000  // that stay in the tree
	maxValue        = 64 << 10 // one variable
	maxName         = 256      // of a variable, with its $${}
	maxProblems     = 1_000
)

// Severity of a Problem.
type Severity int

const (
	Warning Severity = iota // something is ignored or guessed
	Error                   // part of the configuration cannot work
	Refusal                 // unsafe: the server must not start with it
)

// String returns the word a report prints.
func (s Severity) String() string {
	switch s {
	case Warning:
		return "warning"
	case Error:
		return "error"
	default:
		return "refused"
	}
}

// Problem is something wrong at a place of the configuration.
type Problem struct {
	File     string // path below the configuration folder; "" when it concerns the whole
	Line     int
	Severity Severity
	Text     string
}

// String is "file:line: severity: text".
func (p Problem) String() string {
	if p.File == "" {
		return fmt.Sprintf("%s: %s", p.Severity, p.Text)
	}
	return fmt.Sprintf("%s:%d: %s: %s", p.File, p.Line, p.Severity, p.Text)
}

// SyntaxError is a tree that cannot be read, with the place where it stopped making sense.
type SyntaxError struct {
	File string
	Line int
	Text string
}

// Error implements error.
func (e *SyntaxError) Error() string { return fmt.Sprintf("fsxml: %s:%d: %s", e.File, e.Line, e.Text) }

// Tree is a loaded configuration.
type Tree struct {
	Root     *Node             // <document>
	Vars     map[string]string // global variables after pre-processing
	Problems []Problem
	Files    []string // every file read, in order, each once
}

// Loader reads a configuration tree. The zero value of each limit is its default.
type Loader struct {
	FS       fs.FS                       // several goroutines read from it at a time
	Root     string                      // first file; "" = freeswitch.xml
	Dir      string                      // absolute path of FS, so that includes by absolute path find their file; "" refuses those
	Defaults map[string]string           // variables that exist before the first line
	Reads    []string                    // variables that whoever loads the tree looks at: to override them is no mistake
	Set      map[string]string           // variables that win over the tree's own
	Env      func(string) (string, bool) // environment for env-set; nil = empty
	// Exec runs the program of exec and exec-set and returns its output; nil refuses both.
	Exec func(command string) ([]byte, error)
	// Reduce is told each element when it has ended, with those that are still open, outermost first. When it returns true, the element stays in
	// the tree without its children: the caller has made something smaller of them. It must keep neither above nor the children. nil: never.
	Reduce   func(n *Node, above []*Node) bool
	MaxDepth int // element nesting, 64
	MaxBytes int // bytes after pre-processing, 160 MiB
}

// Load pre-processes and parses the tree. An error in the text is a *SyntaxError.
func (l *Loader) Load() (*Tree, error) {
	root := l.Root
	if root == "" {
		root = "freeswitch.xml"
	}
	p := newPreprocessor(l)
	if err := p.include(content{name: root, late: true}); err != nil {
		return nil, err
	}
	p.unusedOverrides()
	maxDepth := l.MaxDepth
	if maxDepth <= 0 {
		maxDepth = defaultMaxDepth
	}
	node, err := parse(p.out, p.marks, maxDepth, l.Reduce)
	if err != nil {
		return nil, err
	}
	t := &Tree{Root: node, Vars: make(map[string]string, len(p.vars)), Problems: p.problems, Files: p.files}
	for name, v := range p.vars {
		t.Vars[name] = v.value
	}
	return t, nil
}
