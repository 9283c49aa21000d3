package control

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/esl"
)

const showSyntax = "api|application|bridged_calls|calls [count]|channels [count|like <match string>]|codec|detailed_calls|" +
	"ignored_application|modules|registrations [count] " +
	"[as csv|delim <delimiter>|json|xml]"

// report is a table that show prints.
type report struct {
	columns []string
	rows    [][]string
}

// show is "what [count|like text] [as json|xml|csv|delim X]".
func (c *Control) show(args string) string {
	words := strings.Fields(args)
	if len(words) == 0 {
		return c.usage("show")
	}
	o := parseShow(words[1:])
	var r report
	switch strings.ToLower(words[0]) {
	case "channels":
		r = c.showChannels(o.like)
	case "calls":
		r = c.showCalls(basicCalls(), false)
	case "bridged_calls":
		r = c.showCalls(basicCalls(), true)
	case "detailed_calls":
		r = c.showCalls(detailedCalls(), false)
	case "detailed_bridged_calls":
		r = c.showCalls(detailedCalls(), true)
	case "registrations":
		r = c.showRegistrations()
	case "api":
		r = c.showAPI()
	case "application":
		served, _ := c.deps.Core.Applications()
		r = showApplications(served, "")
	case "ignored_application":
		_, ignored := c.deps.Core.Applications()
		r = showApplications(ignored, "accepted in a dialplan, does nothing")
	case "codec":
		r = showCodecs()
	case "modules", "module":
		r = showModules()
	case "status":
		return c.status("")
	default:
		return c.usage("show")
	}
	switch o.format {
	case "json":
		return r.json(o.count)
	case "xml":
		return r.xml(o.count)
	default:
		return r.text(o.delimiter, o.count)
	}
}

// showOptions is what may follow the name of a report.
type showOptions struct {
	format, delimiter, like string
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
			if o.format == "delim" && i+1 < len(words) {
				o.delimiter = words[i+1]
				i++
			}
		}
	}
	return o
}

// text is a head and rows of delimited fields, a blank line and the total; without rows there is no head.
func (r report) text(delimiter string, count bool) string {
	var b strings.Builder
	if !count && len(r.rows) > 0 {
		b.WriteString(strings.Join(r.columns, delimiter) + "\n")
		for _, row := range r.rows {
			for i, field := range row {
				if i > 0 {
					b.WriteString(delimiter)
				}
				if field = oneLine(field); strings.Contains(field, delimiter) {
					field = `"` + field + `"`
				}
				b.WriteString(field)
			}
			b.WriteByte('\n')
		}
	}
	b.WriteString("\n" + strconv.Itoa(len(r.rows)) + " total.\n")
	return b.String()
}

// json has a blank in it and a line end when there is nothing, and neither otherwise.
func (r report) json(count bool) string {
	if len(r.rows) == 0 {
		return "{\"row_count\": 0}\n"
	}
	var b []byte
	b = append(b, `{"row_count":`...)
	b = strconv.AppendInt(b, int64(len(r.rows)), 10)
	if count {
		return string(append(b, '}'))
	}
	b = append(b, `,"rows":[`...)
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

func (r report) xml(count bool) string {
	total := strconv.Itoa(len(r.rows))
	if count || len(r.rows) == 0 {
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

func (c *Control) showAPI() report {
	r := report{columns: []string{"name", "description", "syntax", "ikey"}}
	for _, name := range slices.Sorted(maps.Keys(c.table)) {
		r.rows = append(r.rows, []string{name, c.table[name].help, c.table[name].syntax, "talkpath"})
	}
	return r
}

// showApplications lists dialplan applications. FreeSWITCH has no table of ignored ones.
func showApplications(names []string, description string) report {
	r := report{columns: []string{"name", "description", "syntax", "ikey"}}
	for _, name := range names {
		r.rows = append(r.rows, []string{name, description, "", "talkpath"})
	}
	return r
}

// showCodecs lists what media relays, by the names FreeSWITCH has for them.
func showCodecs() report {
	return report{
		columns: []string{"type", "name", "ikey"},
		rows: [][]string{
			{"codec", "G.711 alaw", "talkpath"}, {"codec", "G.711 ulaw", "talkpath"}, {"codec", "G.722", "talkpath"},
			{"codec", "OPUS (STANDARD)", "talkpath"},
		},
	}
}

func (c *Control) showRegistrations() report {
	r := report{columns: []string{"reg_user", "realm", "token", "url", "expires", "network_ip", "network_port", "network_proto",
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
