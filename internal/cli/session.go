package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/talkpath/talkpath/esl"
)

// session is one connection of a conversation.
type session struct {
	*Program
	client *esl.Client

	mu        sync.Mutex // guards what follows
	uuid      string     // only its log lines are shown
	logFilter string     // only log lines with this text are shown
}

// input is where lines come from.
type input interface {
	// next returns the next line, or io.EOF; ended is closed when the connection has, which ends the waiting with errEnded.
	next(ended <-chan struct{}) (string, error)
	close()
}

var (
	errEnded       = errors.New("connection ended")
	errInterrupted = errors.New("interrupted")
)

// converse executes lines until the input or the connection ends; with -R it connects again.
func (p *Program) converse(ctx context.Context) int {
	var in input
	defer func() {
		if in != nil {
			in.close()
		}
	}()
	for attempts := p.attempts(); ; attempts = 119 {
		client, code := p.connect(ctx, attempts)
		if client == nil {
			return code
		}
		s := &session{Program: p, client: client, uuid: p.options.uuid}
		if in == nil {
			in = p.openInput(s)
		} else if t, ok := in.(*terminal); ok {
			t.setSession(s)
		}
		err := s.run(ctx, in)
		_ = client.Close()
		switch {
		case errors.Is(err, io.EOF):
			return exitOK
		case errors.Is(err, errInterrupted), ctx.Err() != nil:
			return p.interrupted()
		}
		p.screen.print("[WARNING] Disconnected.\n")
		if !p.options.reconnect {
			return exitOK
		}
	}
}

// run greets and executes lines; it returns why it ended.
func (s *session) run(ctx context.Context, in input) error {
	var printer sync.WaitGroup
	printer.Go(s.printAll)
	defer printer.Wait()
	defer s.client.Close()
	stop := context.AfterFunc(ctx, func() { _ = s.client.Close() })
	defer stop()
	if err := s.greet(ctx, in); err != nil {
		return errEnded
	}
	for {
		line, err := in.next(s.client.Done())
		if err != nil {
			return err
		}
		if line = strings.Trim(line, " \t\r"); line == "" {
			continue
		}
		if err := s.line(ctx, line); err != nil {
			return err
		}
	}
}

// greet says where we are and asks for the log.
func (s *session) greet(ctx context.Context, in input) error {
	t, talks := in.(*terminal)
	if talks {
		s.screen.print(fmt.Sprintf("Connected to %s:%d.\nType /help <enter> to see a list of commands\n\n", s.profile.host, s.profile.port))
		name, err := s.client.API(ctx, "switchname")
		if err != nil {
			return err
		}
		host, err := s.client.API(ctx, "hostname")
		if err != nil {
			return err
		}
		t.setPrompt(s.promptText(name, host))
	}
	// A script that pipes commands in wants their output, and the log only when it says so.
	if s.profile.quiet || !talks && s.profile.logLevel == "" {
		return nil
	}
	reply, err := s.client.Command(ctx, strings.TrimSuffix("log "+s.profile.logLevel, " "))
	if reply == nil {
		return err
	}
	s.screen.print(reply.Value("Reply-Text") + "\n")
	return nil
}

// promptText is the prompt for a switch of that name on that host.
func (s *session) promptText(name, host string) string {
	p := &s.profile
	if p.prompt == "" {
		return "freeswitch@" + printable(name) + "> "
	}
	here, _ := os.Hostname()
	return strings.NewReplacer(
		"%%", "%", "%s", printable(name), "%H", printable(host), "%h", here, "%p", p.name, "%o", p.host, "%P", strconv.Itoa(p.port),
	).Replace(p.prompt) + "> "
}

// printAll prints what comes by itself until the connection ends.
func (s *session) printAll() {
	events, logs := s.client.Events(), s.client.Logs()
	for events != nil || logs != nil {
		select {
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			s.screen.event(e)
		case l, ok := <-logs:
			if !ok {
				logs = nil
				continue
			}
			if s.shows(l) {
				s.screen.log(l, &s.profile)
			}
		}
	}
}

func (s *session) shows(l esl.LogLine) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ofOther := s.uuid != "" && l.UserData != "" && !strings.EqualFold(s.uuid, l.UserData)
	return !ofOther && strings.Contains(l.Text, s.logFilter)
}

const help = `Command                    	Description
-----------------------------------------------
/help                      	Help
/exit, /quit, /bye, ...    	Exit the program.
/event, /noevents, /nixevent	Event commands.
/log, /nolog               	Log commands.
/uuid                      	Filter logs for a single call uuid
/filter                    	Filter commands.
/logfilter                 	Filter Log for a single string.
/debug [0-7]               	Set debug level.

`

// line executes one line; io.EOF ends the conversation.
func (s *session) line(ctx context.Context, line string) error {
	own, isOwn := strings.CutPrefix(line, "/")
	if isOwn || strings.HasPrefix(line, "...") {
		return s.own(ctx, own)
	}
	if level, ok := strings.CutPrefix(line, "console loglevel "); ok {
		if err := s.verb(ctx, "log "+level); err != nil {
			return err
		}
	}
	err := s.api(ctx, s.client, line)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		s.screen.print("Request timed out.\n")
		return nil
	case err != nil && s.client.Err() != nil:
		s.screen.print("Socket interrupted, bye!\n")
		return errEnded
	case err != nil:
		s.screen.print("Error: " + err.Error() + "\n")
	}
	return nil
}

// verbs are the commands of the event socket that a line beginning with a slash may give, by their beginnings.
var verbs = []string{"event", "noevents", "nixevent", "log", "nolog", "filter"}

// own executes a command for the program itself.
func (s *session) own(ctx context.Context, line string) error {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch word = strings.ToLower(word); word {
	case "help":
		s.screen.print(help)
		return nil
	case "exit", "quit", "bye", "...":
		return io.EOF
	case "logfilter":
		s.set(&s.logFilter, rest)
		s.screen.print("Logfilter " + enabled(rest) + "\n")
		return nil
	case "uuid":
		s.set(&s.uuid, rest)
		s.screen.print("UUID filtering " + enabled(rest) + "\n")
		return nil
	case "debug":
		level, err := strconv.Atoi(rest)
		if err != nil || level < 0 || level > 7 {
			s.screen.print("fs_cli debug level must be 0 - 7\n")
			return nil
		}
		s.profile.debug = level
		s.screen.print(fmt.Sprintf("fs_cli debug level set to %d\n", level))
		return nil
	}
	for _, verb := range verbs {
		if strings.HasPrefix(word, verb) {
			return s.verb(ctx, line)
		}
	}
	s.screen.print("Unknown command [" + line + "]\n")
	return nil
}

func (s *session) set(field *string, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*field = value
}

func enabled(filter string) string {
	if filter == "" {
		return "disabled"
	}
	return "enabled"
}

// verb gives a command of the event socket and prints the reply.
func (s *session) verb(ctx context.Context, line string) error {
	reply, err := s.client.Command(ctx, line)
	if reply == nil {
		if s.client.Err() != nil {
			return errEnded
		}
		s.screen.print("Error: " + err.Error() + "\n")
		return nil
	}
	s.screen.print(reply.Value("Reply-Text") + "\n")
	return nil
}
