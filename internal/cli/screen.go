package cli

import (
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"

	"github.com/talkpath/talkpath/esl"
)

const defaultColor = "\x1b[0m"

// levelColors are fs_cli's colours of log lines, by level.
var levelColors = [...]string{
	defaultColor, "\x1b[31m", "\x1b[31m", "\x1b[31m", "\x1b[35m", "\x1b[36m", "\x1b[32m", "\x1b[33m",
}

// colorNamed returns the sequence of a colour's name in the configuration.
func colorNamed(name string) string {
	name = strings.ToLower(name)
	bold := "\x1b["
	if rest, ok := strings.CutPrefix(name, "bold-"); ok {
		name, bold = rest, "\x1b[1;"
	}
	for i, c := range []string{"black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"} {
		if c == name {
			return bold + "3" + string(rune('0'+i)) + "m"
		}
	}
	return defaultColor
}

// screen is where everything is printed. Its methods are safe for concurrent use.
type screen struct {
	mu       sync.Mutex
	w        io.Writer // the terminal's line editor while there is one
	terminal bool      // it is one: control characters in what comes from elsewhere are left out
	colors   bool
	output   string // the profile's colour of outputs
}

func newScreen(p *Program) *screen {
	s := &screen{w: p.Stdout, output: p.profile.outputColor}
	if f, ok := p.Stdout.(*os.File); ok {
		s.terminal = term.IsTerminal(int(f.Fd()))
	}
	color := p.Getenv("FS_CLI_COLOR")
	s.colors = s.terminal && !p.options.noColor && !p.profile.batch && p.options.execute == "" && (color == "" || isTrue(color))
	return s
}

// to changes where it goes.
func (s *screen) to(w io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w = w
}

// print prints an output.
func (s *screen) print(text string) { s.put(s.output, text) }

func (s *screen) put(color, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.terminal {
		text = printable(text)
	}
	if s.colors && color != "" {
		text = color + text + defaultColor
	}
	_, _ = io.WriteString(s.w, text)
}

// printable leaves control characters out: a caller's name must not steer the terminal of who watches.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, text)
}

// event prints an event as fs_cli does.
func (s *screen) event(e *esl.Event) {
	var b strings.Builder
	b.WriteString("RECV EVENT\n")
	for _, h := range e.Headers {
		b.WriteString(h.Name + ": " + h.Value + "\n")
	}
	b.WriteString("\n" + e.Body + "\n")
	s.print(b.String())
}

// log prints a log line with as much of its channel's UUID as the profile asks for.
func (s *screen) log(l esl.LogLine, p *profile) {
	text := l.Text
	if strings.TrimSpace(text) == "" {
		return
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	if p.logUUID && l.UserData != "" {
		uuid := l.UserData
		if p.uuidLength > 0 {
			uuid = uuid[:min(p.uuidLength, len(uuid))]
		}
		text = uuid + " " + text
	}
	s.put(levelColors[min(max(l.Level, 0), len(levelColors)-1)], text)
}
