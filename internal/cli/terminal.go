package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// completionTimeout bounds how long a tab key waits for the exchange.
const completionTimeout = 5 * time.Second

// terminal is an input with line editing, history and completion.
type terminal struct {
	*lines
	program *Program
	editor  *term.Terminal
	file    *os.File
	before  *term.State // of the terminal, to go back to
	history *history
	resized chan os.Signal
	broken  chan struct{} // closed by an interrupt key where that is allowed
	once    sync.Once

	mu      sync.Mutex // guards what follows
	session *session
}

func openTerminal(p *Program, s *session) (*terminal, error) {
	before, err := term.MakeRaw(int(p.Stdin.Fd()))
	if err != nil {
		return nil, fmt.Errorf("cli: terminal: %w", err)
	}
	t := &terminal{
		program: p, file: p.Stdin, before: before, session: s, resized: make(chan os.Signal, 1), broken: make(chan struct{}),
		history: openHistory(p.historyPath()),
	}
	t.editor = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{&keyboard{from: p.Stdin, pressed: t.key}, p.Stdout}, "")
	t.editor.History = t.history
	t.editor.AutoCompleteCallback = t.complete
	t.setSize()
	notifyResize(t.resized)
	go func() { // ends with close
		for range t.resized {
			t.setSize()
		}
	}()
	p.screen.to(t.editor)
	t.lines = readLines(t.editor.ReadLine)
	return t, nil
}

func (p *Program) historyPath() string {
	home := p.Getenv("HOME")
	if p.profile.noHistory || home == "" {
		return ""
	}
	return filepath.Join(home, historyName)
}

func (t *terminal) setSize() {
	if width, height, err := term.GetSize(int(t.file.Fd())); err == nil && width > 0 {
		_ = t.editor.SetSize(width, height)
	}
}

func (t *terminal) setSession(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.session = s
}

func (t *terminal) setPrompt(text string) {
	p := &t.program.profile
	if t.program.screen.colors && p.promptColor+p.inputColor != "" {
		text = p.promptColor + text + defaultColor + p.inputColor
	}
	t.editor.SetPrompt(text)
}

func (t *terminal) next(ended <-chan struct{}) (string, error) {
	interrupted := make(chan struct{})
	stop := make(chan struct{})
	defer close(stop)
	go func() { // whichever of the two comes first ends the waiting; ends with this function
		defer close(interrupted)
		select {
		case <-ended:
		case <-t.broken:
		case <-stop:
		}
	}()
	line, err := t.lines.next(interrupted)
	select {
	case <-t.broken:
		return "", errInterrupted
	default:
		return line, err
	}
}

func (t *terminal) close() {
	signal.Stop(t.resized)
	close(t.resized)
	t.lines.close()
	t.program.screen.to(t.program.Stdout)
	_ = term.Restore(int(t.file.Fd()), t.before)
	fmt.Fprintln(t.program.Stdout)
	if err := t.history.save(); err != nil {
		fmt.Fprintln(t.program.Stderr, "[WARNING]", err)
	}
}

// key is told of a key that the line editor has no use for, and returns what to type in its place.
func (t *terminal) key(k int) string {
	if k == interruptKey {
		if t.program.options.interrupt {
			t.once.Do(func() { close(t.broken) })
			return ""
		}
		t.program.screen.print("Type control-D or /exit or /quit or /bye to exit.\n\n")
		return ""
	}
	p := &t.program.profile
	command := p.keys[k]
	if p.toggles[k] != "" {
		p.keys[k], p.toggles[k] = p.toggles[k], p.keys[k]
	}
	if command == "" {
		t.program.screen.print(fmt.Sprintf("FUNCTION KEY F%d IS NOT BOUND, please edit your config.\n", k+1))
		return ""
	}
	return eraseLine + command + "\r"
}

// complete answers the tab key: it asks the exchange what may stand at the cursor, as fs_cli does.
func (t *terminal) complete(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' {
		return "", 0, false
	}
	before, after := line[:pos], line[pos:]
	var shown, insert string
	erase := 0
	if strings.HasPrefix(strings.TrimLeft(before, " "), "/") {
		shown, insert, erase = completeOwn(before)
	} else {
		answer, err := t.ask(before)
		if err != nil {
			return line, pos, true
		}
		shown, insert, erase = readCompletion(answer)
	}
	if shown = strings.Trim(shown, "\n"); shown != "" {
		t.program.screen.print(shown + "\n\n")
	}
	if erase > len(before) {
		return line, pos, true
	}
	before = before[:len(before)-erase] + printable(insert)
	return before + after, len(before), true
}

func (t *terminal) ask(before string) (string, error) {
	t.mu.Lock()
	client := t.session.client
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), completionTimeout)
	defer cancel()
	// The position tells a blank at the end from none.
	return client.API(ctx, fmt.Sprintf("console_complete c=%d;%s", len(before), before))
}

// readCompletion reads the answer of console_complete: what is possible, then how many characters to replace by what.
func readCompletion(answer string) (shown, insert string, erase int) {
	shown, write, found := strings.Cut(answer, "\n\nwrite=")
	if !found {
		if strings.HasPrefix(shown, "-ERR") {
			return "", "", 0
		}
		return shown, "", 0
	}
	digits, text, _ := strings.Cut(write, ":")
	return shown, strings.TrimRight(text, "\n"), number(digits)
}

// ownCommands are completed here; the exchange does not know them.
var ownCommands = []string{
	"/bye", "/debug", "/event", "/exit", "/filter", "/help", "/log", "/logfilter", "/nixevent", "/noevents", "/nolog", "/quit", "/uuid",
}

func completeOwn(before string) (shown, insert string, erase int) {
	var found []string
	word := strings.TrimLeft(before, " ")
	for _, c := range ownCommands {
		if strings.HasPrefix(c, word) {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 0:
		return "", "", 0
	case 1:
		return "", found[0] + " ", len(word)
	}
	common := found[0]
	for _, c := range found[1:] {
		for !strings.HasPrefix(c, common) {
			common = common[:len(common)-1]
		}
	}
	return strings.Join(found, "\t"), common, len(word)
}

// What the keyboard tells of besides what the line editor knows: function keys by number from 0, and the interrupt key.
const (
	interruptKey  = -1
	interruptByte = 0x03
	eraseLine     = "\x15\x0b" // to the left and to the right of the cursor
)

// keyboard reads from a terminal and takes out the keys that the line editor has no use for.
type keyboard struct {
	from    io.Reader
	pressed func(key int) (typed string)
	typed   []byte // read, and not yet taken
}

func (k *keyboard) Read(b []byte) (int, error) {
	for len(k.typed) == 0 {
		buf := make([]byte, 1024)
		n, err := k.from.Read(buf)
		if err != nil {
			return 0, err
		}
		k.typed = k.translate(buf[:n])
	}
	n := copy(b, k.typed)
	k.typed = k.typed[n:]
	return n, nil
}

// translate replaces keys by what they type. A terminal sends the bytes of one key at once.
func (k *keyboard) translate(in []byte) []byte {
	var out []byte
	for len(in) > 0 {
		if in[0] == interruptByte {
			out, in = append(out, k.pressed(interruptKey)...), in[1:]
			continue
		}
		if key, length := functionKey(in); length > 0 {
			out, in = append(out, k.pressed(key)...), in[length:]
			continue
		}
		out, in = append(out, in[0]), in[1:]
	}
	return out
}

// functionKeys are what terminals send for F1 to F12, in both dialects.
var functionKeys = [12][]string{
	{"\x1bOP", "\x1b[11~"}, {"\x1bOQ", "\x1b[12~"}, {"\x1bOR", "\x1b[13~"}, {"\x1bOS", "\x1b[14~"}, {"\x1bOT", "\x1b[15~"}, {"\x1bOU", "\x1b[17~"},
	{"\x1bOV", "\x1b[18~"}, {"\x1bOW", "\x1b[19~"}, {"\x1bOX", "\x1b[20~"}, {"\x1bOY", "\x1b[21~"}, {"\x1bOZ", "\x1b[23~"}, {"\x1bO[", "\x1b[24~"},
}

func functionKey(in []byte) (key, length int) {
	if in[0] != 0x1b {
		return 0, 0
	}
	for i, sequences := range functionKeys {
		for _, s := range sequences {
			if bytes.HasPrefix(in, []byte(s)) {
				return i, len(s)
			}
		}
	}
	return 0, 0
}
