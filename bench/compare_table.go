package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Lines that a table of figures, and profiles, are put between.
const (
	tableBegin    = "<!-- bench -->\n"
	tableEnd      = "<!-- /bench -->\n"
	profilesBegin = "<!-- profiles -->\n"
	profilesEnd   = "<!-- /profiles -->\n"
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
	fmt.Fprintf(&b, "\n%s Medians of paired runs, in brackets the least and the largest; recorded figures are quoted, not measured again. `%s`\n%s", c.origin(), c.Command, c.otherWork())
	_, err := io.WriteString(w, b.String())
	return err
}

// origin is what was measured and where.
func (c *Comparison) origin() string {
	return fmt.Sprintf("Talkpath %s, %s, on %d × %s, %s, %s.", c.Version, strings.Join(c.Peers, ", "), c.Machine.CPUs, c.Machine.CPU, c.Machine.OS, c.Machine.Go)
}

// otherWork tells how busy the machine was with something else.
func (c *Comparison) otherWork() string {
	most := 0.0
	var busy []string
	for _, f := range c.Figures {
		most = max(most, f.Other)
		if f.Other > muchOther && !slices.Contains(busy, f.Name) {
			busy = append(busy, f.Name)
		}
	}
	text := fmt.Sprintf("\nOther work took at most %.2f of %d cores in any run.", most, c.Machine.CPUs)
	if len(busy) > 0 {
		text += fmt.Sprintf(" **The machine was busy** when these figures were measured: %s. Measure them again.", strings.Join(busy, ", "))
	}
	return text + "\n"
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

// replaceTables puts the table and the profiles into a file: whichever of them it has a place for.
func replaceTables(name string, c *Comparison) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	places := 0
	for _, part := range []struct {
		begin, end string
		write      func(io.Writer) error
	}{{tableBegin, tableEnd, c.WriteTable}, {profilesBegin, profilesEnd, c.WriteProfiles}} {
		before, rest, found := bytes.Cut(text, []byte(part.begin))
		_, after, closed := bytes.Cut(rest, []byte(part.end))
		if !found || !closed {
			continue
		}
		places++
		var b bytes.Buffer
		if err := part.write(&b); err != nil {
			return err
		}
		text = bytes.Join([][]byte{before, []byte(part.begin), b.Bytes(), []byte(part.end), after}, nil)
	}
	if places == 0 {
		return fmt.Errorf("%s has no lines %q and %q", name, strings.TrimSpace(tableBegin), strings.TrimSpace(tableEnd))
	}
	return os.WriteFile(name, text, 0o644) // #nosec G306: documentation
}
