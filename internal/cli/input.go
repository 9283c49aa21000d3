package cli

import (
	"bufio"
	"io"
	"os"

	"golang.org/x/term"
)

// maxLine bounds a line of the input.
const maxLine = 1 << 20

// openInput takes a terminal for a conversation, and anything else for a list of commands.
func (p *Program) openInput(s *session) input {
	if !p.profile.batch && p.screen.terminal && term.IsTerminal(int(p.Stdin.Fd())) {
		if t, err := openTerminal(p, s); err == nil {
			return t
		}
	}
	return newLines(p.Stdin)
}

// lines is an input that nobody edits: a pipe, a file, or a terminal in batch mode.
type lines struct {
	ready  chan struct{} // a line is wanted
	read   chan typedLine
	closed chan struct{}
}

type typedLine struct {
	text string
	err  error
}

func newLines(f *os.File) *lines {
	scanner := bufio.NewScanner(f)
	scanner.Buffer(nil, maxLine)
	return readLines(func() (string, error) {
		if scanner.Scan() {
			return scanner.Text(), nil
		}
		if err := scanner.Err(); err != nil {
			return "", err
		}
		return "", io.EOF
	})
}

// readLines reads a line whenever one is wanted, on a goroutine that ends with close, or when the read that is then under way returns.
func readLines(read func() (string, error)) *lines {
	l := &lines{ready: make(chan struct{}, 1), read: make(chan typedLine), closed: make(chan struct{})}
	go func() {
		for {
			select {
			case <-l.ready:
			case <-l.closed:
				return
			}
			var line typedLine
			line.text, line.err = read()
			select {
			case l.read <- line:
			case <-l.closed:
				return
			}
		}
	}()
	return l
}

func (l *lines) next(ended <-chan struct{}) (string, error) {
	select {
	case <-ended:
		return "", errEnded
	default:
	}
	select {
	case l.ready <- struct{}{}:
	default: // it was wanted already when the connection before ended
	}
	select {
	case line := <-l.read:
		return line.text, line.err
	case <-ended:
		return "", errEnded
	}
}

func (l *lines) close() { close(l.closed) }
