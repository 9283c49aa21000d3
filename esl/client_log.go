package esl

import (
	"context"
	"fmt"
	"strconv"
)

// Log asks for the server's log lines up to a level, by name or number, which then come through Logs. An empty level is debug.
func (c *Client) Log(ctx context.Context, level string) error {
	line := "log"
	if level != "" {
		if err := words([]string{level}); err != nil {
			return fmt.Errorf("esl: log: %w", err)
		}
		line += " " + level
	}
	_, err := c.send(ctx, line, "")
	return err
}

// NoLog ends the log lines.
func (c *Client) NoLog(ctx context.Context) error {
	_, err := c.send(ctx, "nolog", "")
	return err
}

// Logs returns the log lines asked for; closed when the connection ended. When it is full further lines are dropped and counted: a log is
// not worth a connection.
func (c *Client) Logs() <-chan LogLine { return c.logs }

// LostLogs says how many log lines were dropped.
func (c *Client) LostLogs() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lostLogs
}

func (c *Client) logged(f *Frame) {
	level, _ := strconv.Atoi(f.Value("Log-Level"))
	number, _ := strconv.Atoi(f.Value("Log-Line"))
	line := LogLine{
		Level: level, File: f.Value("Log-File"), Func: f.Value("Log-Func"), Line: number, UserData: f.Value("User-Data"), Text: f.Body,
	}
	select {
	case c.logs <- line:
	default:
		c.mu.Lock()
		c.lostLogs++
		c.mu.Unlock()
	}
}
