package esl

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Session is one call that the switch has handed to an OutboundServer. Its methods are safe for concurrent use.
type Session struct {
	// Client is the connection, for what has no method here. API, Subscribe and the like need the socket application's "full".
	Client *Client
	// Data describes the channel as it was when the call came: its headers and variables, as in a CHANNEL_DATA event.
	Data *Event

	uuid string
}

// connect asks the switch for its call.
func connect(ctx context.Context, c *Client) (*Session, error) {
	f, err := c.send(ctx, "connect", "")
	if err != nil {
		return nil, err
	}
	s := &Session{Client: c, Data: &Event{}}
	for _, h := range f.Headers {
		switch h.Name {
		case "Content-Type", "Reply-Text":
		default:
			value := h.Value
			if value == undefined {
				value = ""
			}
			s.Data.Headers = append(s.Data.Headers, splitArray(h.Name, urlDecode(value)))
		}
	}
	if s.uuid = s.Data.Value("Unique-ID"); s.uuid == "" {
		s.uuid = s.Data.Value("Channel-Call-UUID")
	}
	if err := words([]string{s.uuid}); err != nil {
		return nil, errors.New("esl: connect: the reply names no channel")
	}
	return s, nil
}

// UUID is the channel's Unique-ID.
func (s *Session) UUID() string { return s.uuid }

// Variable returns a channel variable as it was when the call came. GetVar asks for the present one.
func (s *Session) Variable(name string) string { return s.Data.Value("variable_" + name) }

// GetVar returns a channel variable, "" when it is not set.
func (s *Session) GetVar(ctx context.Context, name string) (string, error) {
	if err := words([]string{name}); err != nil {
		return "", fmt.Errorf("esl: getvar: %w", err)
	}
	f, err := s.Client.send(ctx, "getvar "+name, "")
	if err != nil {
		if f != nil && f.Value("Reply-Text") == replyUnknown {
			return "", nil // mod_event_socket's answer to everything that has an empty one
		}
		return "", err
	}
	return f.Value("Reply-Text"), nil
}

// MyEvents asks for the events of this channel, which then come through Events.
func (s *Session) MyEvents(ctx context.Context) error {
	c := s.Client
	c.mu.Lock()
	already := c.interest.mine || c.interest.hidden
	c.interest.mine, c.interest.hidden = true, false
	c.mu.Unlock()
	if already {
		return nil
	}
	_, err := c.send(ctx, "myevents "+c.format, "")
	return err
}

// needEvents asks for the events that Execute waits for.
func (s *Session) needEvents(ctx context.Context) error {
	c := s.Client
	c.mu.Lock()
	already := c.interest.mine || c.interest.hidden
	if !already {
		c.interest.hidden = true
	}
	c.mu.Unlock()
	if already {
		return nil
	}
	_, err := c.send(ctx, "myevents "+c.format, "")
	return err
}

// Events returns the channel's events, after MyEvents; see Client.Events.
func (s *Session) Events() <-chan *Event { return s.Client.Events() }

// Linger keeps the connection after the channel has hung up, so that its last events still come: for that long, or with 0 until the program
// leaves. Whole seconds count.
func (s *Session) Linger(ctx context.Context, keep time.Duration) error {
	line := "linger"
	if keep > 0 {
		line += " " + strconv.Itoa(int((keep+time.Second-1)/time.Second))
	}
	_, err := s.Client.send(ctx, line, "")
	return err
}

// NoLinger undoes Linger.
func (s *Session) NoLinger(ctx context.Context) error {
	_, err := s.Client.send(ctx, "nolinger", "")
	return err
}

// DivertEvents turns on or off that events which scripts would get as input come here.
func (s *Session) DivertEvents(ctx context.Context, on bool) error {
	line := "divert_events off"
	if on {
		line = "divert_events on"
	}
	_, err := s.Client.send(ctx, line, "")
	return err
}

// Resume has the dialplan go on with its next action when the connection ends, where the socket application would have ended the call.
func (s *Session) Resume(ctx context.Context) error {
	_, err := s.Client.send(ctx, "resume", "")
	return err
}

// Execute runs an application of the dialplan on the call ("answer", "playback", "bridge" …) and waits for its end. The result is the
// CHANNEL_EXECUTE_COMPLETE event. It wraps ErrHungUp when the call ended first. When ctx ends first the application goes on.
func (s *Session) Execute(ctx context.Context, application, argument string) (*Event, error) {
	if err := s.needEvents(ctx); err != nil {
		return nil, err
	}
	e, err := s.Client.execute(ctx, "sendmsg", s.uuid, application, argument)
	if err != nil && s.Client.Err() != nil {
		err = fmt.Errorf("%w: %w", ErrHungUp, err) // the switch leaves with the call; the handler's context ends then, too
	}
	return e, err
}

// Start has an application executed and does not wait for it. Applications started run one after the other.
func (s *Session) Start(ctx context.Context, application, argument string) error {
	headers, body := executeMessage(application, argument)
	return s.Client.sendMessage(ctx, "sendmsg", append(headers, Header{Name: "event-lock", Value: "true"}), body)
}

// Hangup ends the call with a cause such as USER_BUSY; "" is NORMAL_CLEARING.
func (s *Session) Hangup(ctx context.Context, cause string) error {
	return s.Client.sendMessage(ctx, "sendmsg", hangupMessage(cause), "")
}

// HungUp says whether the call has ended while the connection lingers.
func (s *Session) HungUp() bool {
	s.Client.mu.Lock()
	defer s.Client.mu.Unlock()
	return s.Client.lingers || s.Client.err != nil
}

// Async says how the dialplan called: with "async" commands are answered at once, without it when an application has ended.
func (s *Session) Async() bool { return strings.EqualFold(s.Data.Value("Socket-Mode"), "async") }

// Full says whether the dialplan gave this program all commands ("full").
func (s *Session) Full() bool { return strings.EqualFold(s.Data.Value("Control"), "full") }
