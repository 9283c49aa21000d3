package config

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Limits of a program that a tree runs with exec and exec-set, when Options.AllowExec lets it.
const (
	execTimeout   = 10 * time.Second
	maxExecOutput = 1 << 20
)

// runProgram runs a command line of exec or exec-set. There is no shell: words are separated by blanks, quotes keep blanks in a word, and nothing
// else has a meaning. The environment is empty but for PATH.
func runProgram(command string) ([]byte, error) {
	argv, err := splitCommand(command)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), execTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin"}
	cmd.WaitDelay = time.Second
	out := &boundedOutput{}
	cmd.Stdout = out
	switch err := cmd.Run(); {
	case out.full:
		return nil, fmt.Errorf("the output is larger than %d bytes", maxExecOutput)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("no end within %s", execTimeout)
	case err != nil:
		return nil, err
	}
	return out.text, nil
}

// boundedOutput keeps the output of a program up to its bound; then the program's pipe breaks.
type boundedOutput struct {
	text []byte
	full bool
}

// Write implements io.Writer.
func (b *boundedOutput) Write(p []byte) (int, error) {
	if len(b.text)+len(p) > maxExecOutput {
		b.full = true
		return 0, errors.New("output too large")
	}
	b.text = append(b.text, p...)
	return len(p), nil
}

// splitCommand makes words of a command line.
func splitCommand(s string) ([]string, error) {
	var argv []string
	var word strings.Builder
	var quote rune
	inWord := false
	for _, c := range s {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, inWord = c, true
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			if inWord {
				argv = append(argv, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if inWord {
		argv = append(argv, word.String())
	}
	if len(argv) == 0 {
		return nil, errors.New("there is no command")
	}
	return argv, nil
}
