package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
)

const (
	historyName   = ".fs_cli_history"
	historyLength = 800
	// historyMark is the first line of libedit's history files, so that fs_cli and this program can share one.
	historyMark = "_HiStOrY_V2_"
)

// history is the lines typed, the newest first, each once. It is the line editor's, which serialises the calls.
type history struct {
	path  string // "" for none
	lines []string
}

func openHistory(path string) *history {
	h := &history{path: path}
	if path == "" {
		return h
	}
	f, err := os.Open(path)
	if err != nil {
		return h // a missing one is usual, and an unreadable one no reason not to start
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if line := lines.Text(); line != historyMark {
			h.Add(unvis(line))
		}
	}
	return h
}

// Add implements term.History.
func (h *history) Add(line string) {
	line = strings.TrimSpace(line)
	if line == "" {
		return
	}
	h.lines = slices.DeleteFunc(h.lines, func(known string) bool { return known == line })
	h.lines = slices.Insert(h.lines, 0, line)
	h.lines = h.lines[:min(len(h.lines), historyLength)]
}

// Len implements term.History.
func (h *history) Len() int { return len(h.lines) }

// At implements term.History.
func (h *history) At(i int) string { return h.lines[i] }

// save writes the file, for its owner's eyes only.
func (h *history) save() error {
	if h.path == "" || len(h.lines) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString(historyMark + "\n")
	for _, line := range slices.Backward(h.lines) {
		b.WriteString(vis(line) + "\n")
	}
	if info, err := os.Lstat(h.path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("cli: history: %s is no file", h.path)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cli: history: %w", err)
	}
	if err := os.WriteFile(h.path, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("cli: history: %w", err)
	}
	return nil
}

// vis writes blanks, backslashes and what is not printable as libedit does, \ooo.
func vis(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c == '\\' || c == 0x7f {
			fmt.Fprintf(&b, `\%03o`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func unvis(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		if s[i] == '\\' && i+1 < len(s) && s[i+1] == '\\' {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
