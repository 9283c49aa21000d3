package control

import (
	"crypto/md5" //nolint:gosec // a command that programs ask for, not a protection
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/dialplan"
)

// failed is what FreeSWITCH's text functions answer to arguments they cannot read.
const failed = "-ERR"

// textCommands are functions of their arguments alone, mostly used as ${name(args)} in a dialplan.
func (c *Control) textCommands() map[string]command {
	return map[string]command{
		"regex":      query(regex, "Evaluate a regex", "<data>|<pattern>[|<subst string>][n|b]"),
		"replace":    query(replace, "Replace a string", "<data>|<string1>|<string2>"),
		"cond":       query(cond, "Evaluate a conditional", "<expr> ? <true val> : <false val>"),
		"coalesce":   query(c.coalesce, "Return first nonempty parameter", "[^^<delim>]<value1>,<value2>,..."),
		"md5":        query(md5Hex, "Return md5 hash", "<data>"),
		"url_encode": query(esl.EncodeURL, "Url encode a string", "<string>"),
		"url_decode": query(esl.DecodeURL, "Url decode a string", "<string>"),
		"escape":     query(escapeText, "Escape a string", "<data>"),
		"toupper":    query(upperASCII, "Upper Case a string", "<string>"),
		"tolower":    query(lowerASCII, "Lower Case a string", "<string>"),
		"sql_escape": query(sqlEscape, "Escape a string to prevent sql injection", "<string>"),
		// It only writes quotes; nothing here hands a text to a shell.
		"quote_shell_arg": query(quoteShellArg, "Quote/escape a string for use on shell command line", "<data>"),
	}
}

// arguments splits as switch_separate_string does: at the delimiter outside of single quotes, at most so many parts, the last one being
// the rest. Spaces around a part and quotes go; a backslash keeps a delimiter, a quote or itself, and makes \n, \r, \t and \s.
func arguments(s string, delimiter byte, most int) []string {
	var parts []string
	var b strings.Builder
	quoted, start, kept := false, 0, 0 // kept: bytes that trimming must not take
	flush := func() {
		text := b.String()
		parts = append(parts, text[:kept]+strings.TrimRight(text[kept:], " "))
		b.Reset()
		quoted, kept = false, 0
	}
	for i := 0; i < len(s); i++ {
		ch := s[i]
		switch {
		case ch == '\\' && i+1 < len(s) && unescaped(s[i+1], delimiter) != 0:
			i++
			b.WriteByte(unescaped(s[i], delimiter))
			kept = b.Len()
		case ch == '\'' && (quoted || strings.IndexByte(s[i+1:], '\'') >= 0):
			quoted = !quoted
			kept = b.Len()
		case ch == delimiter && !quoted && len(parts) < most-1:
			flush()
			start = i + 1
		case ch == ' ' && b.Len() == 0 && !quoted && strings.TrimSpace(s[start:i]) == "":
			// in front of a part
		default:
			b.WriteByte(ch)
		}
	}
	flush()
	return parts
}

// unescaped is what a character behind a backslash stands for, 0 when the backslash is one.
func unescaped(c, delimiter byte) byte {
	switch c {
	case delimiter, '\'', '"', '\\':
		return c
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 's':
		return ' '
	}
	return 0
}

// delimited reads arguments between | or, as m:~a~b~c, between ~ or /.
func delimited(args string, most int) []string {
	if len(args) > 2 && args[0] == 'm' && args[1] == ':' && strings.IndexByte("|~/", args[2]) >= 0 {
		return arguments(args[3:], args[2], most)
	}
	return arguments(args, '|', most)
}

// regex is "text|pattern": true or false; or "text|pattern|replacement|flags": the replacement with %1 or $1 filled in, or without a match
// the text, "false" with the flag b, nothing with n.
func regex(args string) string {
	part := delimited(args, 4)
	if len(part) < 2 {
		return failed
	}
	groups, ok := dialplan.Match(part[1], part[0])
	if len(part) == 2 {
		return boolText(ok)
	}
	flags := ""
	if len(part) > 3 {
		flags = part[3]
	}
	switch {
	case ok:
		return substitute(part[2], groups)
	case strings.Contains(flags, "n"):
		return ""
	case strings.Contains(flags, "b"):
		return "false"
	}
	return part[0]
}

// substitute fills in %N and $N. What was filled in is not looked at again.
func substitute(text string, groups []string) string {
	var b strings.Builder
	for i := 0; i < len(text) && b.Len() < maxExpansion; i++ {
		if text[i] != '%' && text[i] != '$' {
			b.WriteByte(text[i])
			continue
		}
		end := i + 1
		for end < len(text) && end < i+4 && text[end] >= '0' && text[end] <= '9' {
			end++
		}
		if end == i+1 {
			b.WriteByte('$')
			continue
		}
		if n, _ := strconv.Atoi(text[i+1 : end]); n < len(groups) {
			b.WriteString(groups[n])
		}
		i = end - 1
	}
	return b.String()
}

func replace(args string) string {
	part := delimited(args, 3)
	if len(part) < 3 {
		return failed
	}
	if part[1] == "" {
		return part[0]
	}
	if n := strings.Count(part[0], part[1]); len(part[0])+n*len(part[2]) > maxExpansion {
		return failed
	}
	return strings.ReplaceAll(part[0], part[1], part[2])
}

// coalesce is the first of several texts that is not empty.
func (c *Control) coalesce(args string) string {
	delimiter := byte(',')
	if len(args) > 2 && strings.HasPrefix(args, "^^") {
		delimiter, args = args[2], args[3:]
	}
	if args == "" {
		return c.usage("coalesce")
	}
	for _, part := range arguments(args, delimiter, 128) {
		if part != "" {
			return part
		}
	}
	return ""
}

// cond is "A op B ? yes : no". Two numbers compare as numbers; == and != compare other texts as they are; the rest compares a number with a
// text's length. What is in single quotes is a text.
func cond(args string) string {
	a, rest, ok := operand(args)
	if !ok {
		return failed
	}
	op, rest, ok := comparison(rest)
	if !ok {
		return failed
	}
	b, rest, ok := operand(rest)
	if !ok || !strings.HasPrefix(rest, "?") {
		return failed
	}
	result := arguments(rest[1:], ':', 2)
	switch {
	case compare(a, op, b):
		return result[0]
	case len(result) < 2:
		return ""
	}
	return result[1]
}

// value is an operand of cond: a number, or a text that counts by its length.
type value struct {
	text    string
	number  float64
	numeric bool
}

// operand takes a word, or a text in single quotes, and the spaces behind it off the front.
func operand(s string) (v value, rest string, ok bool) {
	if !strings.HasPrefix(s, "'") {
		word, rest, ok := strings.Cut(s, " ")
		v := value{text: word, number: float64(len(word))}
		if n, is := numeral(word); is {
			v.number, v.numeric = n, true
		}
		return v, strings.TrimLeft(rest, " \t"), ok
	}
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '\\' || s[i+1] == '\''):
			i++
		case s[i] == '\'':
			v = value{text: s[1:i], number: float64(i - 1)}
			rest = strings.TrimLeft(s[i+1:], " \t")
			return v, rest, len(rest) < len(s)-i-1
		}
	}
	return v, "", false
}

// numeral reads what FreeSWITCH takes for one: digits, a sign in front and dots.
func numeral(s string) (float64, bool) {
	digits := strings.TrimLeft(s, "+-")
	if digits == "" || len(s)-len(digits) > 1 || strings.Trim(digits, "0123456789.") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

// comparison takes an operator off the front.
func comparison(s string) (op, rest string, ok bool) {
	for _, op := range []string{"==", "!=", ">=", "<=", ">", "<"} {
		if rest, found := strings.CutPrefix(s, op); found {
			return op, strings.TrimLeft(rest, " \t"), true
		}
	}
	return "", "", false
}

func compare(a value, op string, b value) bool {
	same := a.number == b.number
	if !a.numeric && !b.numeric {
		same = a.text == b.text
	}
	switch op {
	case "==":
		return same
	case "!=":
		return !same
	case ">":
		return a.number > b.number
	case ">=":
		return a.number >= b.number
	case "<":
		return a.number < b.number
	default:
		return a.number <= b.number
	}
}

func md5Hex(args string) string {
	sum := md5.Sum([]byte(args)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}

// escapeText writes line ends, tabs, blanks and dollar signs with a backslash.
func escapeText(args string) string {
	return strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`, " ", `\s`, "$", `\$`).Replace(args)
}

// sqlEscape doubles single quotes.
func sqlEscape(args string) string { return strings.ReplaceAll(args, "'", "''") }

// quoteShellArg makes a text one word of a POSIX shell.
func quoteShellArg(args string) string {
	if args == "" {
		return ""
	}
	return "'" + strings.ReplaceAll(args, "'", `'\''`) + "'"
}

// upperASCII and lowerASCII leave other letters alone, as toupper and tolower of C do.
func upperASCII(s string) string {
	return strings.Map(func(r rune) rune { return shift(r, 'a', 'z', 'A'-'a') }, s)
}
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune { return shift(r, 'A', 'Z', 'a'-'A') }, s)
}

func shift(r, first, last, by rune) rune {
	if r >= first && r <= last {
		return r + by
	}
	return r
}
