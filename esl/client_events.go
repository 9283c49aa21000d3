package esl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// interest is what a client has asked the server for.
type interest struct {
	asked  map[string]bool // names its user asked for, ALL being one
	needed map[string]bool // names it asked for itself
	// mine is set by myevents; hidden says that myevents is in force, but only for the client's own use.
	mine, hidden bool
	filtered     bool
}

// wants says whether the user asked for an event.
func (i *interest) wants(name string) bool {
	if i.asked["ALL"] || i.asked[name] {
		return true
	}
	return i.mine || !i.hidden && !i.needed[name]
}

// parsed handles an event that a parser returned.
func (c *Client) parsed(e *Event, err error) error {
	if err != nil {
		return err
	}
	name := e.Name()
	c.mu.Lock()
	own := c.settle(name, e)
	wanted := !own && c.interest.wants(name)
	c.mu.Unlock()
	if !wanted {
		return nil
	}
	select {
	case c.events <- e:
		return nil
	default:
		return ErrOverflow
	}
}

// settle tells who waits for what an event reports. It returns whether the event is nobody else's business. c.mu is held.
func (c *Client) settle(name string, e *Event) (own bool) {
	switch name {
	case "BACKGROUND_JOB":
		if j, ok := c.jobs[e.Value("Job-UUID")]; ok {
			select {
			case j.result <- e.Body:
			default:
			}
			return true
		}
	case "CHANNEL_EXECUTE_COMPLETE":
		id := e.Value("Application-UUID")
		if x, ok := c.running[id]; ok {
			x.finish(e)
			delete(c.running, id)
		}
	case "CHANNEL_HANGUP_COMPLETE":
		channel := e.Value("Unique-ID")
		for id, x := range c.running {
			if x.channel == channel {
				x.finish(nil)
				delete(c.running, id)
			}
		}
	}
	return false
}

// need asks the server for events that the client itself has to see.
func (c *Client) need(ctx context.Context, names ...string) error {
	c.mu.Lock()
	i := &c.interest
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return i.needed[name] || i.asked[name] || i.asked["ALL"]
	})
	filtered := i.filtered
	c.mu.Unlock()
	if len(missing) == 0 {
		return nil
	}
	if filtered { // or the filters of the user would take them away
		if err := c.passFilters(ctx, missing); err != nil {
			return err
		}
	}
	c.mu.Lock()
	if i.needed == nil {
		i.needed = map[string]bool{}
	}
	for _, name := range missing {
		i.needed[name] = true
	}
	c.mu.Unlock()
	_, err := c.send(ctx, "event "+c.format+" "+strings.Join(missing, " "), "")
	return err
}

func (c *Client) passFilters(ctx context.Context, names []string) error {
	for _, name := range names {
		if _, err := c.send(ctx, "filter Event-Name "+name, ""); err != nil {
			return err
		}
	}
	return nil
}

// Subscribe asks for events by name, which then come through Events: "CHANNEL_CREATE", "ALL", or "CUSTOM" followed by subclasses such as
// "sofia::register". Subscriptions add up.
func (c *Client) Subscribe(ctx context.Context, names ...string) error {
	if err := words(names); err != nil {
		return fmt.Errorf("esl: subscribe: %w", err)
	}
	c.mu.Lock()
	if c.interest.asked == nil {
		c.interest.asked = map[string]bool{}
	}
	for _, name := range names {
		c.interest.asked[strings.ToUpper(name)] = true
	}
	c.mu.Unlock()
	_, err := c.send(ctx, "event "+c.format+" "+strings.Join(names, " "), "")
	return err
}

// Unsubscribe takes names out again (nixevent). Events that are in the queue already still come.
func (c *Client) Unsubscribe(ctx context.Context, names ...string) error {
	if err := words(names); err != nil {
		return fmt.Errorf("esl: unsubscribe: %w", err)
	}
	taken := slices.Clone(names)
	c.mu.Lock()
	for _, name := range names {
		delete(c.interest.asked, strings.ToUpper(name))
	}
	taken = slices.DeleteFunc(taken, func(name string) bool { return c.interest.needed[strings.ToUpper(name)] })
	c.mu.Unlock()
	if len(taken) == 0 {
		return nil
	}
	_, err := c.send(ctx, "nixevent "+strings.Join(taken, " "), "")
	return err
}

// NoEvents ends all subscriptions.
func (c *Client) NoEvents(ctx context.Context) error {
	c.mu.Lock()
	i := &c.interest
	i.asked, i.needed = nil, nil
	c.mu.Unlock()
	_, err := c.send(ctx, "noevents", "")
	return err
}

// Filter lets only events pass whose header has that value, or matches it when it is a regular expression in slashes. Of several filters
// one has to match.
func (c *Client) Filter(ctx context.Context, header, value string) error {
	if err := words([]string{header}); err != nil || !fitsLine(value) || value == "" {
		return fmt.Errorf("esl: filter: %w", errors.Join(err, errors.New("want a header and a value in one line")))
	}
	c.mu.Lock()
	first := !c.interest.filtered
	c.interest.filtered = true
	var needed []string
	for name := range c.interest.needed {
		needed = append(needed, name)
	}
	c.mu.Unlock()
	if first {
		if err := c.passFilters(ctx, needed); err != nil {
			return err
		}
	}
	_, err := c.send(ctx, "filter "+header+" "+value, "")
	return err
}

// Unfilter takes a filter away; an empty value all of that header, the header "all" every filter.
func (c *Client) Unfilter(ctx context.Context, header, value string) error {
	if err := words([]string{header}); err != nil || !fitsLine(value) {
		return fmt.Errorf("esl: filter: %w", errors.Join(err, errors.New("want a header and a value in one line")))
	}
	if strings.EqualFold(header, "all") {
		c.mu.Lock()
		c.interest.filtered = false
		c.mu.Unlock()
	}
	_, err := c.send(ctx, strings.TrimSuffix("filter delete "+header+" "+value, " "), "")
	return err
}

// MyEvents restricts the connection to the events of one channel and ends it with that channel.
func (c *Client) MyEvents(ctx context.Context, uuid string) error {
	if err := words([]string{uuid}); err != nil {
		return fmt.Errorf("esl: myevents: %w", err)
	}
	_, err := c.send(ctx, "myevents "+uuid+" "+c.format, "")
	if err == nil {
		c.mu.Lock()
		c.interest.mine = true
		c.mu.Unlock()
	}
	return err
}

// Events returns the events asked for, in order; closed when the connection ended. A reader that lets it fill up ends the connection with
// ErrOverflow: there is never a silent gap.
func (c *Client) Events() <-chan *Event { return c.events }

// SendEvent has the server publish an event (sendevent) and returns its Event-UUID.
func (c *Client) SendEvent(ctx context.Context, e *Event) (string, error) {
	lines := []string{"sendevent " + e.Name()}
	for _, h := range e.Headers {
		if !fitsLine(h.Name, h.Value) {
			return "", fmt.Errorf("esl: sendevent: %w", ErrLineBreak)
		}
		if h.Name != "Event-Name" {
			lines = append(lines, h.Name+": "+h.Value)
		}
	}
	f, err := c.send(ctx, strings.Join(lines, "\n"), e.Body)
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(f.Value("Reply-Text"), "+OK "), nil
}

// words checks that each value is one word.
func words(values []string) error {
	if len(values) == 0 {
		return errors.New("nothing named")
	}
	for _, v := range values {
		if v == "" || strings.ContainsAny(v, " \t\r\n\x00") {
			return fmt.Errorf("%.40q is not one word", v)
		}
	}
	return nil
}
