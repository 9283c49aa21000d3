package control

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
)

// levels are FreeSWITCH's log levels, the index their number, with what they are here: higher numbers say more.
func levels() []logLevel {
	return []logLevel{
		{"CONSOLE", slog.LevelError + 4}, {"ALERT", slog.LevelError + 3}, {"CRIT", slog.LevelError + 2}, {"ERR", slog.LevelError},
		{"WARNING", slog.LevelWarn}, {"NOTICE", slog.LevelInfo + 2}, {"INFO", slog.LevelInfo}, {"DEBUG", slog.LevelDebug},
	}
}

type logLevel struct {
	name  string
	level slog.Level
}

// levelNumber reads a level's number or name.
func levelNumber(text string) (int, bool) {
	if n, err := strconv.Atoi(text); err == nil {
		return max(0, min(n, len(levels())-1)), n >= 0
	}
	for i, l := range levels() {
		if strings.EqualFold(l.name, text) {
			return i, true
		}
	}
	return 0, false
}

// logLevelNumber is the number of what is logged now.
func (c *Control) logLevelNumber() int {
	current := c.deps.LogLevel.Level()
	for i, l := range levels() {
		if l.level <= current {
			return i
		}
	}
	return len(levels()) - 1
}

const consoleUsage = "USAGE:\n--------------------------------------------------------------------------------\n" +
	"console help\nconsole loglevel [[0-7] | <loglevel_string>]\n" +
	"--------------------------------------------------------------------------------\n"

const consoleLevelUsage = "USAGE:\n--------------------------------------------------------------------------------\n" +
	"console loglevel [[0-7] | <loglevel_string>]\n\n" +
	"Set the logging verbosity of the console from 0 (least verbose) to\n" +
	"7 (debugging), or specify the loglevel as a string:\n\n" +
	"  0 console\n  1 alert\n  2 crit\n  3 err\n  4 warning\n  5 notice\n  6 info\n  7 debug\n" +
	"--------------------------------------------------------------------------------\n"

// console is "loglevel [level]": how much is logged.
func (c *Control) console(args string) string {
	w := strings.Fields(args)
	if len(w) == 0 || !strings.EqualFold(w[0], "loglevel") {
		return consoleUsage
	}
	if c.deps.LogLevel == nil {
		return notAvailable
	}
	if len(w) > 1 {
		if strings.EqualFold(w[1], "help") {
			return consoleLevelUsage
		}
		n, ok := levelNumber(w[1])
		if !ok {
			return "-ERR Invalid console loglevel (" + w[1] + ")!\n\n"
		}
		c.deps.LogLevel.Set(levels()[n].level)
	}
	return "+OK console log level set to " + levels()[c.logLevelNumber()].name + "\n"
}

func (c *Control) fsctlLogLevel(arg string) string {
	if c.deps.LogLevel == nil {
		return notAvailable
	}
	if arg != "" {
		n, ok := levelNumber(arg)
		if !ok {
			return "-ERR syntax error, log level not set!\n"
		}
		c.deps.LogLevel.Set(levels()[n].level)
	}
	n := c.logLevelNumber()
	return "+OK log level: " + levels()[n].name + " [" + strconv.Itoa(n) + "]\n"
}

// log is "[level] text": a line in the log, at DEBUG without a level.
func (c *Control) log(args string) string {
	if args == "" {
		return failed + "\n"
	}
	level, text, ok := strings.Cut(args, " ")
	n, known := levelNumber(level)
	if !ok {
		text = level
	}
	if !ok || !known {
		n = len(levels()) - 1
	}
	c.deps.Logger.Log(context.Background(), levels()[n].level, oneLine(text))
	return done
}
