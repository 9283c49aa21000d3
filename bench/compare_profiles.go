package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Spent is what one server spent a figure on.
type Spent struct {
	Server  string   `json:"server"`
	Figure  float64  `json:"figure"` // of the run that the profile is of, in the figure's unit
	Profile *Profile `json:"profile"`
}

// spent takes the profile of a server's last run.
func spent(server string, results []*Result, value func(*Result) float64) []Spent {
	for _, r := range slices.Backward(results) {
		if len(r.Profiles) > 0 {
			return []Spent{{server, value(r), r.Profiles[0]}}
		}
	}
	return nil
}

// smallShare is how much of every server's time a kind of work must be below to be left out.
const smallShare = 0.01

// WriteProfiles writes, for each figure that a profile was taken of, a Markdown table: what the servers spent it on.
func (c *Comparison) WriteProfiles(w io.Writer) error {
	var b strings.Builder
	for _, f := range c.Figures {
		if len(f.Spent) > 0 {
			f.writeProfiles(&b)
		}
	}
	if b.Len() > 0 {
		fmt.Fprintf(&b, "%s `%s`\n%s", c.origin(), c.Command, c.otherWork())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (f Figure) writeProfiles(b *strings.Builder) {
	profiles := make([]*Profile, len(f.Spent))
	head, rule := "| kind of work |", "|---|"
	for i, s := range f.Spent {
		profiles[i] = s.Profile
		head += fmt.Sprintf(" %s, %s %s |", s.Server, short(s.Figure), f.Unit)
		rule += "---|"
	}
	fmt.Fprintf(b, "### %s: %s\n\n", f.Name, f.Measure)
	if ratio := f.ratio(); ratio != "" {
		fmt.Fprintf(b, "Ratio %s; floor %s, goal %s.\n\n", ratio, f.Floor, f.Goal)
	} else {
		fmt.Fprintf(b, "Floor %s, goal %s.\n\n", f.Floor, f.Goal)
	}
	if f.Note != "" {
		fmt.Fprintf(b, "%s\n\n", f.Note)
	}
	fmt.Fprintf(b, "%s most of %s's is in |\n%s---|\n", head, f.Spent[0].Server, rule)
	rest := make([]float64, len(f.Spent))
	for _, name := range groupNames(profiles...) {
		groups := make([]ProfileGroup, len(profiles))
		most := 0.0
		for i, p := range profiles {
			groups[i] = p.group(name)
			most = max(most, groups[i].Share)
		}
		if most < smallShare {
			for i, g := range groups {
				rest[i] += g.Share
			}
			continue
		}
		fmt.Fprintf(b, "| %s |", name)
		for i, g := range groups {
			fmt.Fprintf(b, " %s |", f.part(f.Spent[i], g.Share))
		}
		fmt.Fprintf(b, " %s |\n", groups[0].markdown())
	}
	fmt.Fprintf(b, "| all that is less than %.0f %% |", 100*smallShare)
	var from []string
	for i, share := range rest {
		fmt.Fprintf(b, " %s |", f.part(f.Spent[i], share))
		from = append(from, fmt.Sprintf("%s %d samples by %s", f.Spent[i].Server, profiles[i].Samples, profiles[i].By))
	}
	fmt.Fprintf(b, " |\n\n%s.\n\n", strings.Join(from, ", "))
}

// part is a share of a figure.
func (f Figure) part(s Spent, share float64) string {
	if share == 0 {
		return "–"
	}
	return fmt.Sprintf("%s %s (%.1f %%)", short(share*s.Figure), f.Unit, 100*share)
}

// group is a group by its name; one without a share when it is not there.
func (p *Profile) group(name string) ProfileGroup {
	if i := slices.IndexFunc(p.Groups, func(g ProfileGroup) bool { return g.Name == name }); i >= 0 {
		return p.Groups[i]
	}
	return ProfileGroup{Name: name}
}

// markdown lists the group's largest functions.
func (g ProfileGroup) markdown() string {
	var parts []string
	for _, f := range g.Functions {
		parts = append(parts, fmt.Sprintf("`%s` %.1f %%", strings.NewReplacer("|", "", "`", "").Replace(f.Name), 100*f.Share))
	}
	return strings.Join(parts, ", ")
}
