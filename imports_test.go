package talkpath_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/talkpath/talkpath"

// importRule says what the non-test files of a folder (and of those below it that have no rule of their own) may import besides the
// standard library. Every folder with Go files needs one: see docs/architecture.md.
type importRule struct {
	own   []string // folders of this module; a folder below the rule's own is always allowed
	other []string // prefixes of other modules' packages
}

var importRules = map[string]importRule{
	".":                 {own: []string{"*"}, other: []string{"github.com/google/uuid"}},
	"cmd":               {own: []string{".", "internal/cli", "bench"}},
	"bench":             {own: []string{".", "sip", "sip/siptest", "registrar", "media", "srtp", "esl"}, other: []string{"github.com/google/pprof/profile", "github.com/pion/", "golang.org/x/sys/unix"}},
	"srtp":              {other: []string{"github.com/pion/srtp/", "github.com/pion/rtp", "golang.org/x/sys/cpu"}},
	"sip":               {other: []string{"github.com/emiago/sipgo/sip", "github.com/coder/websocket", "golang.org/x/sys/unix"}},
	"media":             {own: []string{"srtp"}, other: []string{"github.com/pion/", "golang.org/x/sys/unix"}},
	"esl":               {},
	"registrar":         {own: []string{"sip"}, other: []string{"go.etcd.io/bbolt"}},
	"internal/fsxml":    {},
	"internal/cli":      {own: []string{"esl"}, other: []string{"github.com/spf13/pflag", "golang.org/x/term"}},
	"internal/config":   {own: []string{"internal/fsxml"}},
	"internal/extip":    {own: []string{"internal/config"}, other: []string{"github.com/pion/stun/v4"}},
	"internal/database": {other: []string{"go.etcd.io/bbolt"}},
	"internal/dialplan": {own: []string{"internal/fsxml"}, other: []string{"github.com/dlclark/regexp2"}},
	"internal/event":    {own: []string{"esl"}},
	"internal/call":     {own: []string{"media", "media/audio", "internal/dialplan", "internal/event", "esl"}, other: []string{"github.com/google/uuid"}},
	"internal/profile":  {other: []string{"github.com/miekg/dns"}, own: []string{"sip", "sip/digest", "registrar", "internal/call", "internal/config"}},
	"internal/control":  {own: []string{"internal/call", "internal/cdr", "internal/event", "esl", "internal/profile", "registrar", "internal/config", "internal/dialplan"}, other: []string{"github.com/google/uuid"}},
	"internal/cdr":      {own: []string{"internal/call", "internal/config", "internal/dialplan", "media", "esl"}},
	"internal/admin": {own: []string{"sip", "registrar", "media", "esl", "internal/call", "internal/cdr", "internal/control", "internal/event", "internal/profile"},
		other: []string{"github.com/prometheus/client_golang/prometheus", "golang.org/x/net/netutil"}},
	"web":  {},
	"test": {own: []string{"*"}, other: []string{"github.com/pion/", "github.com/percipia/eslgo"}},
}

// TestImportRules holds the table of docs/architecture.md. It reads the files itself: a test that runs `go list` would be cached.
func TestImportRules(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == ".git") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		seen++
		checkImports(t, filepath.ToSlash(path))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 10 {
		t.Fatalf("only %d Go files found: the walk is broken", seen)
	}
}

// checkImports reports each import of one file that its folder's rule does not allow.
func checkImports(t *testing.T, path string) {
	dir := filepath.ToSlash(filepath.Dir(path))
	folder, rule, ok := ruleFor(dir)
	if !ok {
		t.Errorf("%s: no import rule for this folder", path)
		return
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if !rule.allows(folder, imported) {
			t.Errorf("%s must not import %s", path, imported)
		}
	}
}

// ruleFor finds the rule of a folder or of the nearest one above it.
func ruleFor(dir string) (string, importRule, bool) {
	for d := dir; ; d = filepath.ToSlash(filepath.Dir(d)) {
		if rule, ok := importRules[d]; ok && (d != "." || dir == ".") {
			return d, rule, true
		}
		if d == "." || d == "/" {
			return "", importRule{}, false
		}
	}
}

func (r importRule) allows(folder, imported string) bool {
	if imported != module && !strings.HasPrefix(imported, module+"/") {
		if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
			return imported != "C" // the standard library; never cgo
		}
		for _, prefix := range r.other {
			if strings.HasPrefix(imported, prefix) {
				return true
			}
		}
		return false
	}
	own := strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")
	if own == "" {
		own = "."
	}
	if own == folder || strings.HasPrefix(own, folder+"/") {
		return true
	}
	for _, allowed := range r.own {
		if allowed == "*" || allowed == own {
			return true
		}
	}
	return false
}
