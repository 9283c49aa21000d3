package config

import (
	"fmt"
	"strings"
)

// ParamTables are the parameters of SIP profiles as Markdown, for documents that must stay true: those that act, those without meaning here, and those
// that are read and reported.
func ParamTables() string {
	var b strings.Builder
	b.WriteString("| parameter that acts | kind |\n|---|---|\n")
	var reported []string
	for _, p := range profileParams {
		switch {
		case p.Acts:
			fmt.Fprintf(&b, "| `%s` | %s |\n", p.Name, p.Kind)
		case p.Ours != "*": // whose value makes no difference
			reported = append(reported, reportedParam(p))
		}
	}
	b.WriteString("\nWithout meaning here, accepted silently: " + code(append(indifferent(), QuietProfileParams()...)) + ".\n")
	b.WriteString("\nRead, not supported, and reported with file and line when set: " + strings.Join(reported, ", ") + ", " + code(KnownProfileParams()) + ".\n")
	return b.String()
}

// reportedParam is a parameter with the value that is no matter to report.
func reportedParam(p Param) string {
	if p.Ours == "" || p.Kind == "flag" && p.Ours == "false" {
		return "`" + p.Name + "`"
	}
	return fmt.Sprintf("`%s` (other than %s)", p.Name, strings.ReplaceAll(p.Ours, ",", " or "))
}

// indifferent are parameters of the table whose value makes no difference.
func indifferent() []string {
	var list []string
	for _, p := range profileParams {
		if !p.Acts && p.Ours == "*" {
			list = append(list, p.Name)
		}
	}
	return list
}

func code(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }

// ModuleTable is the modules whose work is done here, as Markdown.
func ModuleTable() string {
	var b strings.Builder
	b.WriteString("| module | what of it |\n|---|---|\n")
	for _, m := range ModulesServed() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", m.Name, orElse(m.Note, "all"))
	}
	return b.String()
}
