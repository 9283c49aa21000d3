package esl

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// errTooLong says that a peer sent a longer command or body than it may.
var errTooLong = errors.New("command too long")

// command is one command as it came: its first line, the headers below it, and a body when Content-Length announced one.
type command struct {
	// line is the first line without its line end; trailing spaces are kept, they matter to "api ".
	line    string
	headers []Header
	body    string
	hasBody bool
}

// header returns the first header of that name in any case.
func (c *command) header(name string) string {
	for i := range c.headers {
		if strings.EqualFold(c.headers[i].Name, name) {
			return c.headers[i].Value
		}
	}
	return ""
}

// verb returns the lower-case first word of the line.
func (c *command) verb() string {
	word, _, _ := strings.Cut(c.line, " ")
	return strings.ToLower(word)
}

// after returns what follows the first space of the line, and whether there is one.
func (c *command) after() (string, bool) {
	_, rest, ok := strings.Cut(c.line, " ")
	return rest, ok
}

// readCommand reads one command: leading blank lines are skipped, a line may end with CR LF, a blank line ends the block, then
// Content-Length bytes follow. limit bounds the block and, separately, the body; memory grows with what arrived, never with what was
// announced. io.EOF means the peer is done, also in the middle of a command, which FreeSWITCH drops too.
func readCommand(r *bufio.Reader, limit int) (*command, error) {
	c := &command{}
	used, started := 0, false
	for {
		line, err := readLine(r, limit-used)
		if err != nil {
			return nil, err
		}
		used += len(line) + 1
		switch {
		case line == "" && !started:
			used = 0
		case line == "":
			return c, c.readBody(r, limit)
		case !started:
			c.line, started = line, true
		default:
			// FreeSWITCH ignores a line that is no header.
			if name, value, ok := strings.Cut(line, ":"); ok {
				c.headers = append(c.headers, Header{Name: name, Value: strings.TrimLeft(value, " \t")})
			}
		}
	}
}

func (c *command) readBody(r *bufio.Reader, limit int) error {
	text := c.header("Content-Length")
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 || n > limit {
		return fmt.Errorf("%w: Content-Length %.20q", errTooLong, text)
	}
	if n == 0 {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err != nil {
		return err
	}
	if len(body) < n {
		return io.EOF
	}
	c.body, c.hasBody = string(body), true
	return nil
}

// readLine reads a line of at most limit bytes, without its LF or CR LF.
func readLine(r *bufio.Reader, limit int) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > limit+1 {
			return "", errTooLong
		}
		if err == nil && line == nil {
			return trimLineEnd(part), nil
		}
		line = append(line, part...)
		if err == nil {
			return trimLineEnd(line), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
	}
}

func trimLineEnd(line []byte) string {
	line = line[:len(line)-1]
	for len(line) > 0 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1]
	}
	return string(line)
}
