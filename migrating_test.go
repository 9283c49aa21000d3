package talkpath_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/internal/control"
	"github.com/talkpath/talkpath/internal/event"
)

var update = flag.Bool("update", false, "write the generated tables of docs/migrating-from-freeswitch.md again")

// TestMigratingTables keeps the tables of the migration guide true: they are made from the code. After a change: go test -run MigratingTables -update .
func TestMigratingTables(t *testing.T) {
	const path = "docs/migrating-from-freeswitch.md"
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(old)
	for name, table := range migrationTables(t) {
		block := regexp.MustCompile(`(?s)(<!-- begin ` + name + ` -->\n).*?(<!-- end ` + name + ` -->)`)
		if !block.MatchString(text) {
			t.Fatalf("%s has no block %q", path, name)
		}
		text = block.ReplaceAllString(text, "${1}"+strings.ReplaceAll(table, "$", "$$")+"${2}")
	}
	if text == string(old) {
		return
	}
	if !*update {
		t.Fatalf("%s does not say what the code does: run go test -run MigratingTables -update .", path)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func migrationTables(t *testing.T) map[string]string {
	t.Helper()
	served, ignored := call.NewCore(call.Config{Bus: event.NewBus(event.Identity{})}).Applications()
	core := call.NewCore(call.Config{Bus: event.NewBus(event.Identity{})})
	var commands strings.Builder
	commands.WriteString("| command | arguments | what | `${…()}` |\n|---|---|---|---|\n")
	for _, c := range control.New(control.Deps{Core: core, Bus: event.NewBus(event.Identity{})}).Commands() {
		fmt.Fprintf(&commands, "| `%s` | %s | %s | %s |\n", c.Name, code(c.Syntax), strings.ReplaceAll(c.Help, "|", `\|`), map[bool]string{true: "yes", false: "no"}[c.Dialplan])
	}
	var modules, params strings.Builder
	modules.WriteString("| module | what of it |\n|---|---|\n")
	for _, m := range config.ModulesServed() {
		fmt.Fprintf(&modules, "| `%s` | %s |\n", m.Name, m.Note)
	}
	params.WriteString("| parameter | kind | acts |\n|---|---|---|\n")
	for _, p := range config.ProfileParams() {
		fmt.Fprintf(&params, "| `%s` | %s | %s |\n", p.Name, p.Kind, acts(p))
	}
	return map[string]string{
		"applications": list(served), "ignored": list(ignored), "commands": commands.String(),
		"modules": modules.String(), "parameters": params.String(),
	}
}

// acts says what becomes of a parameter.
func acts(p config.Param) string {
	switch {
	case p.Acts:
		return "yes"
	case p.Ours == "*":
		return "not needed"
	case p.Ours != "":
		return "read only; done anyway: `" + strings.ReplaceAll(p.Ours, ",", "`, `") + "`"
	}
	return "read only"
}

// code writes a text as one of a table; a bar would end the cell.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(text, "|", "\\|") + "`"
}

// list writes names as a paragraph of code words.
func list(names []string) string {
	names = slices.Sorted(slices.Values(names))
	return "`" + strings.Join(slices.Compact(names), "`, `") + "`\n"
}
