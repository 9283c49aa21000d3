package control

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/esl"
)

const showSyntax = "codec|endpoint|application|api|dialplan|file|timer|calls [count]|channels [count|like <match string>]|calls|detailed_calls|" +
	"bridged_calls|detailed_bridged_calls|aliases|complete|chat|management|modules|nat_map|say|interfaces|interface_types|tasks|limits|status|" +
	"registrations [count]|ignored_application [as csv|delim <delimiter>|json|xml]"

// report is a table that show prints.
type report struct {
	columns []string
	rows    [][]string
	// quoted: fields come from outside, and one with the delimiter in it is put in quotes.
	quoted bool
	// counted: only the number of rows is asked for.
	counted bool
	// untitled: neither head nor total.
	untitled bool
}

// show is "what [count|like text|name] [as json|xml|csv|delim X]".
func (c *Control) show(args string) string {
	w := strings.Fields(args)
	if len(w) == 0 {
		return c.usage("show")
	}
	what, o := strings.ToLower(w[0]), parseShow(w[1:])
	if strings.HasPrefix(what, "status") {
		return c.status("")
	}
	r, ok := c.report(what, o)
	if !ok {
		return c.usage("show")
	}
	switch o.format {
	case "json":
		return r.json()
	case "xml":
		return r.xml()
	case "", "csv", "delim":
		return r.text(o.delimiter)
	}
	return "-ERR Cannot find format " + oneLine(o.format) + "\n"
}

// report makes the table that is asked for.
func (c *Control) report(what string, o showOptions) (r report, ok bool) {
	switch what {
	case "channels":
		r = c.showChannels(o.like)
		r.counted = o.count
	case "calls":
		r = c.showCalls(basicCalls(), false)
		r.counted = o.count
	case "bridged_calls":
		r = c.showCalls(basicCalls(), true)
	case "detailed_calls":
		r = c.showCalls(detailedCalls(), false)
	case "detailed_bridged_calls":
		r = c.showCalls(detailedCalls(), true)
	case "registrations":
		r = c.showRegistrations()
		r.counted = o.count
	case "tasks":
		r = c.tasks.report(c.hostname())
	case "aliases":
		r = c.typing.aliasReport(c.hostname())
	case "complete":
		r = c.completionReport(c.hostname())
	case "nat_map": // nobody maps ports
		r.columns = []string{"port", "proto", "proto_num", "sticky"}
	case "api":
		r = c.showAPI(o.name)
	case "help":
		r = c.helpReport()
	case "application":
		r = c.showApplications(o.name)
	case "ignored_application":
		r = c.ignoredApplications()
	default:
		return c.partsReport(what, o.name)
	}
	return r, true
}

// partsReport is a table of what modules offer, by the beginning of its name, as FreeSWITCH compares it.
func (c *Control) partsReport(what, name string) (r report, ok bool) {
	switch {
	case strings.HasPrefix(what, "module"):
		r.columns = []string{"type", "name", "ikey", "filename"}
		for _, p := range c.parts() {
			if name == "" || p.module == name {
				r.rows = append(r.rows, []string{p.kind, p.name, p.module, "talkpath"})
			}
		}
		return r, true
	case what == "interfaces":
		return c.kindReport(""), true
	case what == "interface_types":
		r.columns = []string{"type", "total"}
		for _, p := range c.parts() {
			if n := len(r.rows); n == 0 || r.rows[n-1][0] != p.kind {
				r.rows = append(r.rows, []string{p.kind, "0"})
			}
			last := r.rows[len(r.rows)-1]
			n, _ := strconv.Atoi(last[1])
			last[1] = strconv.Itoa(n + 1)
		}
		return r, true
	}
	for _, kind := range []string{"codec", "dialplan", "file", "timer", "chat", "limit", "say", "management", "endpoint"} {
		if strings.HasPrefix(what, kind) {
			return c.kindReport(strings.TrimSuffix(what, "s")), true
		}
	}
	return report{}, false
}

// kindReport lists what there is of a kind, "" for all.
func (c *Control) kindReport(kind string) report {
	r := report{columns: []string{"type", "name", "ikey"}}
	for _, p := range c.parts() {
		if kind == "" || p.kind == kind {
			r.rows = append(r.rows, []string{p.kind, p.name, p.module})
		}
	}
	return r
}

// showOptions is what may follow the name of a report.
type showOptions struct {
	format, delimiter, like string
	name                    string // the first word, unless it is one of the others
	count                   bool
}

func parseShow(words []string) showOptions {
	o := showOptions{delimiter: ","}
	for i := 0; i < len(words); i++ {
		next := ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		switch strings.ToLower(words[i]) {
		case "count":
			o.count = true
		case "like":
			o.like = next
			i++
		case "as":
			o.format = strings.ToLower(next)
			i++
			if (o.format == "delim" || o.format == "csv") && i+1 < len(words) {
				o.delimiter = words[i+1]
				i++
			}
		default:
			if i == 0 {
				o.name = words[i]
			}
		}
	}
	return o
}

// text is a head and rows of delimited fields, a blank line and the total; without rows there is no head.
func (r report) text(delimiter string) string {
	var b strings.Builder
	if !r.counted && len(r.rows) > 0 {
		if !r.untitled {
			b.WriteString(strings.Join(r.columns, delimiter) + "\n")
		}
		for _, row := range r.rows {
			for i, field := range row {
				if i > 0 {
					b.WriteString(delimiter)
				}
				if field = oneLine(field); r.quoted && strings.Contains(field, delimiter) {
					field = `"` + field + `"`
				}
				b.WriteString(field)
			}
			b.WriteByte('\n')
		}
	}
	if !r.untitled {
		b.WriteString("\n" + strconv.Itoa(len(r.rows)) + " total.\n")
	}
	return b.String()
}

// json has a blank in it and a line end when there is nothing, and neither otherwise.
func (r report) json() string {
	if len(r.rows) == 0 && !r.counted {
		return "{\"row_count\": 0}\n"
	}
	b := append([]byte(nil), `{"row_count":`...)
	b = strconv.AppendInt(b, int64(len(r.rows)), 10)
	b = append(b, `,"rows":[`...)
	if r.counted {
		return string(append(b, "]}"...))
	}
	for i, row := range r.rows {
		if i > 0 {
			b = append(b, ',')
		}
		object := esl.Event{Headers: make([]esl.Header, len(row))}
		for j, field := range row {
			object.Headers[j] = esl.Header{Name: r.columns[j], Value: field}
		}
		b = object.AppendJSON(b)
	}
	return string(append(b, "]}"...))
}

func (r report) xml() string {
	total := strconv.Itoa(len(r.rows))
	if r.counted || len(r.rows) == 0 {
		return `<result row_count="` + total + "\"/>\n"
	}
	var b strings.Builder
	b.WriteString(`<result row_count="` + total + "\">\n")
	for i, row := range r.rows {
		b.WriteString(`  <row row_id="` + strconv.Itoa(i+1) + "\">\n")
		for j, field := range row {
			b.WriteString("    <" + r.columns[j] + ">" + escapeXML(field) + "</" + r.columns[j] + ">\n")
		}
		b.WriteString("  </row>\n")
	}
	b.WriteString("</result>\n")
	return b.String()
}

// showAPI lists the commands that say what they do, or one of them.
func (c *Control) showAPI(only string) report {
	r := report{columns: []string{"name", "description", "syntax", "ikey"}}
	for _, name := range slices.Sorted(maps.Keys(c.table)) {
		if cmd := c.table[name]; cmd.help != "" && (only == "" || only == name) {
			r.rows = append(r.rows, []string{name, cmd.help, cmd.syntax, moduleOf(name)})
		}
	}
	return r
}

// helpReport lists all commands, syntax first.
func (c *Control) helpReport() report {
	r := report{columns: []string{"name", "syntax", "description", "ikey"}, untitled: true}
	for _, name := range slices.Sorted(maps.Keys(c.table)) {
		r.rows = append(r.rows, []string{name, c.table[name].syntax, c.table[name].help, moduleOf(name)})
	}
	return r
}

// help lists all commands; with anything behind it there is no head, as in FreeSWITCH.
func (c *Control) help(args string) string {
	list := c.helpReport().text(",")
	if args == "" {
		return "\nValid Commands:\n\n" + list
	}
	return list
}

// showApplications lists dialplan applications, or one of them.
func (c *Control) showApplications(only string) report {
	r := report{columns: []string{"name", "description", "syntax", "ikey"}}
	served, _ := c.deps.Core.Applications()
	for _, name := range served {
		if only == "" || only == name {
			a := applicationOf(name)
			r.rows = append(r.rows, []string{name, a.description, a.syntax, a.module})
		}
	}
	return r
}

// ignoredApplications are those that a dialplan may name and that do nothing. FreeSWITCH has no such table.
func (c *Control) ignoredApplications() report {
	r := report{columns: []string{"name", "description", "syntax", "ikey"}}
	_, ignored := c.deps.Core.Applications()
	for _, name := range ignored {
		r.rows = append(r.rows, []string{name, "accepted in a dialplan, does nothing", "", "talkpath"})
	}
	return r
}

func (c *Control) showRegistrations() report {
	r := report{quoted: true, columns: []string{"reg_user", "realm", "token", "url", "expires", "network_ip", "network_port", "network_proto",
		"hostname", "metadata"}}
	host := c.hostname()
	for _, b := range c.deps.Registrations.All() {
		r.rows = append(r.rows, []string{
			b.User, b.Domain, b.CallID, "sofia/" + b.Profile + "/" + b.URI(), strconv.FormatInt(b.Deadline.Unix(), 10),
			b.Remote.Addr().Unmap().String(), strconv.Itoa(int(b.Remote.Port())), b.Transport, host, "",
		})
	}
	return r
}

// escapeXML escapes what XML text must not hold.
func escapeXML(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(oneLine(s))
}
