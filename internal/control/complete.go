package control

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/internal/config"
)

// knownCompletions are FreeSWITCH's for what there is.
const knownCompletions = `
alias add
alias stickyadd
alias del
complete add
complete del
console help
console loglevel ::[console:alert:crit:err:warning:notice:info:debug
fsctl ::[hupall:last_sps:max_sessions:min_idle_cpu:pause:pause_check:ready_check:reclaim_mem:recover:resume:send_sighup:shutdown:shutdown_check
fsctl ::[sps:sps_peak_reset:sync_clock:sync_clock_when_idle:flush_db_handles:loglevel
fsctl loglevel ::[console:alert:crit:err:warning:notice:info:debug
fsctl pause ::[inbound:outbound
fsctl resume ::[inbound:outbound
fsctl pause_check ::[inbound:outbound
fsctl shutdown ::[asap:cancel:elegant:now
load ::console::list_loaded_modules
nat_map ::[reinit:republish:status
reload ::console::list_loaded_modules
reloadacl reloadxml
show ::[aliases:api:application:bridged_calls:calls:channels:chat:codec:complete:detailed_bridged_calls:detailed_calls:dialplan:endpoint:file
show ::[ignored_application:interfaces:interface_types:limits:management:modules:nat_map:registrations:say:status:tasks:timer
show channels ::[as:count:like
show ::[calls:registrations ::[as:count
sofia ::[global:help:jsonstatus:loglevel:profile:status:tracelevel:xmlstatus
sofia global siptrace ::[on:off
sofia profile ::sofia::list_profiles ::[start:stop:restart:rescan:flush_inbound_reg:gwlist:killgw:register:siptrace:startgw:unregister
sofia profile ::sofia::list_profiles ::[register:unregister all
sofia profile ::sofia::list_profiles ::[register:unregister:killgw:startgw ::sofia::list_profile_gateway
sofia profile ::sofia::list_profiles killgw _all_
sofia profile ::sofia::list_profiles gwlist ::[up:down
sofia profile ::sofia::list_profiles siptrace ::[on:off
sofia status profile ::sofia::list_profiles ::[reg:user
sofia status gateway ::sofia::list_gateways
sofia tracelevel ::[console:alert:crit:err:warning:notice:info:debug
sofia xmlstatus profile ::sofia::list_profiles reg
sofia xmlstatus gateway ::sofia::list_gateways
unload ::console::list_loaded_modules
uptime ::[us:ms:s:m:h:d:microseconds:milliseconds:seconds:minutes:hours:days
version short
`

// completions are those above, one for each command about a channel, and those that commands added.
func (c *Control) completions() []completion {
	var all []completion
	for line := range strings.Lines(knownCompletions) {
		if w := strings.Fields(line); len(w) > 0 {
			all = append(all, completion{words: w})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.table)) {
		if strings.HasPrefix(name, "uuid_") {
			all = append(all, completion{words: []string{name, "::console::list_uuid"}})
		}
	}
	c.typing.mu.RLock()
	defer c.typing.mu.RUnlock()
	return append(all, c.typing.completions...)
}

// typed is a line up to the cursor, as words. The last one is what is completed; it is empty behind a blank.
type typed []string

// readTyped reads "c=POSITION;line"; without a position all is in front of the cursor. A position behind the line says that blanks at its
// end got lost on the way.
func readTyped(args string) typed {
	line, blank := args, false
	if _, rest, ok := strings.Cut(args, "c="); ok {
		if position, rest, ok := strings.Cut(rest, ";"); ok {
			line = rest
			if n, err := strconv.Atoi(position); err == nil && n > 0 {
				blank = n > len(line)
				line = line[:min(n, len(line))]
			}
		}
	}
	if i := strings.IndexAny(line, "\r\n"); i >= 0 {
		line = line[:i]
	}
	w := strings.Fields(line)
	if line == "" || blank || strings.HasSuffix(line, " ") {
		w = append(w, "")
	}
	return w
}

// matches are the words that may stand in place of the last one, in order.
func (c *Control) matches(line typed) []string {
	last := len(line) - 1
	if last >= completionDeep {
		return nil
	}
	var found []string
	if last == 0 {
		found = slices.Sorted(maps.Keys(c.table))
	}
	for _, known := range c.completions() {
		if len(known.words) <= last {
			continue
		}
		fits := true
		for i, word := range line[:last] {
			fits = fits && c.means(known.words[i], word)
		}
		if fits {
			found = append(found, c.choices(known.words[last], line)...)
		}
	}
	found = slices.DeleteFunc(found, func(word string) bool {
		return word == "" || !strings.HasPrefix(strings.ToLower(word), strings.ToLower(line[last]))
	})
	slices.Sort(found)
	return slices.Compact(found)
}

// means says whether a word of a completion stands for one that was typed.
func (c *Control) means(known, word string) bool {
	if list, ok := strings.CutPrefix(known, "::["); ok {
		return slices.ContainsFunc(strings.Split(list, ":"), func(s string) bool { return strings.EqualFold(s, word) })
	}
	return known == "" || strings.HasPrefix(known, "::") || strings.EqualFold(known, word)
}

// choices are the words that a word of a completion stands for.
func (c *Control) choices(known string, line typed) (all []string) {
	if list, ok := strings.CutPrefix(known, "::["); ok {
		return strings.Split(list, ":")
	}
	switch known {
	case "::console::list_uuid":
		for _, s := range c.deps.Core.Channels() {
			all = append(all, s.UUID)
		}
	case "::console::list_loaded_modules":
		for _, m := range config.ModulesServed() {
			all = append(all, m.Name)
		}
	case "::sofia::list_profiles":
		for _, p := range c.deps.Config().Profiles {
			all = append(all, p.Name)
		}
	case "::sofia::list_gateways", "::sofia::list_profile_gateway":
		for _, g := range c.deps.Config().Gateways {
			if known == "::sofia::list_gateways" || len(line) > 2 && strings.EqualFold(g.Profile, line[2]) {
				all = append(all, g.Name)
			}
		}
	default:
		if !strings.HasPrefix(known, "::") {
			all = append(all, known)
		}
	}
	return all
}

// written is what the client puts in place of the last word: the only match, or what all have in common; "" for nothing.
func written(matches []string) string {
	if len(matches) == 0 {
		return ""
	}
	common := matches[0]
	for _, m := range matches[1:] {
		n := 0
		for n < len(common) && n < len(m) && common[n] == m[n] {
			n++
		}
		common = common[:n]
	}
	return common
}

// consoleComplete answers as FreeSWITCH does to its command-line client: the matches, four a line, and what to write.
func (c *Control) consoleComplete(args string) string {
	line := readTyped(args)
	matches := c.matches(line)
	var b strings.Builder
	b.WriteString("\n\n")
	for i, m := range matches {
		fmt.Fprintf(&b, "[%20s]\t", m)
		if (i+1)%4 == 0 {
			b.WriteByte('\n')
		}
	}
	b.WriteString("\n\n")
	if text := written(matches); text != "" {
		fmt.Fprintf(&b, "write=%d:%s", len(line[len(line)-1]), text)
		if len(matches) == 1 {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

func (c *Control) consoleCompleteXML(args string) string {
	line := readTyped(args)
	matches := c.matches(line)
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\"?>\n<complete>\n")
	for _, m := range matches {
		b.WriteString("  <match>" + escapeXML(m) + "</match>\n")
	}
	b.WriteString(`  <write length="` + strconv.Itoa(len(line[len(line)-1])) + `"`)
	if text := written(matches); text != "" {
		b.WriteString(">" + escapeXML(text) + "</write>\n")
	} else {
		b.WriteString("/>\n")
	}
	b.WriteString("</complete>\n")
	return b.String()
}
