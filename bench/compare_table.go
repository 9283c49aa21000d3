package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// Lines that a table of figures is put between.
const (
	tableBegin = "<!-- bench -->\n"
	tableEnd   = "<!-- /bench -->\n"
)

// WriteJSON writes the comparison for programs.
func (c *Comparison) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(c)
}

// WriteTable writes the comparison as a Markdown table: medians, and in brackets the least and the largest of the runs.
func (c *Comparison) WriteTable(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "| # | measure | Talkpath | other | ratio | floor | goal |\n|---|---|---|---|---|---|---|\n")
	for _, f := range c.Figures {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", f.Name, f.Measure, f.value(f.Talkpath), f.other(), f.ratio(), f.Floor, f.Goal)
	}
	b.WriteByte('\n')
	for _, f := range c.Figures {
		if f.Note != "" {
			fmt.Fprintf(&b, "- %s, %s: %s\n", f.Name, f.Measure, f.Note)
		}
	}
	fmt.Fprintf(&b, "\nTalkpath %s, %s, on %d × %s, %s, %s. Medians of paired runs, in brackets the least and the largest; recorded figures are quoted, not measured again. `%s`\n",
		c.Version, strings.Join(c.Peers, ", "), c.Machine.CPUs, c.Machine.CPU, c.Machine.OS, c.Machine.Go, c.Command)
	_, err := io.WriteString(w, b.String())
	return err
}

// value is the median with its unit, and the spread when the runs differ.
func (f Figure) value(values []float64) string {
	if len(values) == 0 {
		return "–"
	}
	s := spreadOf(values)
	text := strings.TrimSpace(short(s.median) + " " + f.Unit)
	if len(values) > 1 && s.least != s.most {
		text += fmt.Sprintf(" (%s–%s)", short(s.least), short(s.most))
	}
	return text
}

// other is what the other server needs, or what was recorded of one.
func (f Figure) other() string {
	var parts []string
	if len(f.Peer) > 0 {
		parts = append(parts, f.PeerName+" "+f.value(f.Peer))
	}
	if f.Recorded != "" {
		parts = append(parts, "recorded: "+strings.TrimSpace(f.Recorded+" "+f.Unit))
	}
	return strings.Join(parts, "; ")
}

// ratio is how many times less Talkpath needs; counts have none.
func (f Figure) ratio() string {
	ratios := f.ratios()
	if len(ratios) == 0 || f.Unit == "" {
		return ""
	}
	s := spreadOf(ratios)
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.median, s.least, s.most)
}

// short is a number with three digits.
func short(v float64) string {
	switch {
	case v >= 100 || v == float64(int64(v)):
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// replaceTable puts the table into a file.
func replaceTable(name string, c *Comparison) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(text, []byte(tableBegin))
	_, after, closed := bytes.Cut(rest, []byte(tableEnd))
	if !found || !closed {
		return fmt.Errorf("%s has no lines %q and %q", name, strings.TrimSpace(tableBegin), strings.TrimSpace(tableEnd))
	}
	var table bytes.Buffer
	if err := c.WriteTable(&table); err != nil {
		return err
	}
	return os.WriteFile(name, bytes.Join([][]byte{before, []byte(tableBegin), table.Bytes(), []byte(tableEnd), after}, nil), 0o644) // #nosec G306: documentation
}
