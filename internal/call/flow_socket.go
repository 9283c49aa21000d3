package call

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/internal/dialplan"
)

// defaultSocketPort is that of the application socket when it names none (mod_event_socket.c socket_function).
const defaultSocketPort = "8084"

// maxSocketHosts bounds the programs that one socket application tries.
const maxSocketHosts = 50

// Controller connects channels to programs that control them; *esl.Server is one.
type Controller interface {
	// Control returns at once and calls o.Over when the connection is over. ctx bounds the connecting alone.
	Control(ctx context.Context, ch esl.Channel, o esl.Outbound)
}

var (
	errNoHost   = errors.New("no host")
	errWireHost = errors.New("the host came from the wire")
)

// appSocket is socket HOST[:PORT][/PATH][|…] [async] [full]: a program elsewhere controls the call. Without async its messages are executed one after the
// other, each before it is answered; with async the call is parked and they are queued. When the program leaves the dialplan goes on.
func appSocket(ch *Channel, data dialplan.Expanded) string {
	o, path, err := parseSocket(data)
	if err == nil && ch.core.cfg.Controller == nil {
		err = errors.New("not served here")
	}
	if err != nil {
		ch.log.Error("socket", "data", headerText(data.String()), "error", err)
		return responseNone
	}
	if path != "" {
		ch.vars.set(Variable{Name: "socket_path", Value: path, Wire: data.Wire()})
	}
	host, _, _ := net.SplitHostPort(o.Hosts[0])
	ch.set("socket_host", host)
	ctx, cancel := context.WithCancel(ch.core.ctx)
	defer cancel() // a call that ended is connected to nobody
	var connected, over bool
	o.Connected = func() { ch.box.put(func() { connected = true }) }
	o.Over = func(error) { ch.box.put(func() { over = true }) }
	ch.core.cfg.Controller.Control(ctx, ch.Controlled(), o)
	ends := func() bool { return over || ch.isDown() }
	if !o.Async {
		ch.wait(ends, 0)
		return responseNone
	}
	ch.wait(func() bool { return connected || ends() }, 0)
	if !ends() {
		ch.parked(func() { ch.wait(ends, 0) })
	}
	return responseNone
}

// parseSocket reads the application's data. Only the dialplan says where to connect and how much the program may do: from the wire may come no more than
// what is behind the slash.
func parseSocket(data dialplan.Expanded) (o esl.Outbound, path string, err error) {
	words := data.Words(3)
	if len(words) == 0 {
		return o, "", errNoHost
	}
	for i, v := range words[0] {
		before, after, found := strings.Cut(v.Text, "/")
		if v.Wire && v.Text != "" {
			return o, "", errWireHost
		}
		if found {
			path = after + words[0][i+1:].String()
			words[0] = append(words[0][:i:i], dialplan.Value{Text: before})
			break
		}
	}
	for _, host := range strings.Split(words[0].String(), "|") {
		if host == "" || len(o.Hosts) == maxSocketHosts {
			continue
		}
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), defaultSocketPort)
		}
		o.Hosts = append(o.Hosts, host)
	}
	if len(o.Hosts) == 0 {
		return o, "", errNoHost
	}
	for _, w := range words[1:] {
		for _, v := range w {
			o.Async = o.Async || !v.Wire && strings.EqualFold(v.Text, "async")
			o.Full = o.Full || !v.Wire && strings.EqualFold(v.Text, "full")
		}
	}
	return o, path, nil
}

// Controlled is a channel as the event socket controls it. It implements esl.Channel.
type Controlled struct{ ch *Channel }

// Controlled gives the channel to who controls it.
func (ch *Channel) Controlled() Controlled { return Controlled{ch} }

// UUID implements esl.Channel.
func (c Controlled) UUID() string { return c.ch.uuid }

// Name implements esl.Channel.
func (c Controlled) Name() string { return c.ch.Snapshot().Name }

// Variable implements esl.Channel.
func (c Controlled) Variable(name string) string {
	value, _ := c.ch.Snapshot().Variable(name)
	return value
}

// SetVariable implements esl.Channel.
func (c Controlled) SetVariable(name, value string) { c.ch.box.put(func() { c.ch.set(name, value) }) }

// Message implements esl.Channel.
func (c Controlled) Message(ctx context.Context, headers []esl.Header, body string, wait bool) bool {
	m, done := ParseMessage(headers, body), make(chan struct{})
	if wait {
		m.Done = func() { close(done) }
	}
	if err := c.ch.Send(m); err != nil {
		return errors.Is(err, ErrChannelGone) // FreeSWITCH takes them and does nothing
	}
	if wait {
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
	return true
}

// Data implements esl.Channel.
func (c Controlled) Data(ctx context.Context) *esl.Event {
	made := make(chan *esl.Event, 1)
	if c.ch.box.put(func() { made <- c.ch.data() }) {
		select {
		case e := <-made:
			return e
		case <-ctx.Done():
		}
	}
	e := esl.NewEvent("CHANNEL_DATA") // of a call that is gone
	e.Add("Unique-ID", c.ch.uuid)
	return e
}

// data is the channel as an event, with the caller's headers as Channel-… too.
func (ch *Channel) data() *esl.Event {
	e := ch.core.cfg.Bus.NewEvent("CHANNEL_DATA", from("mod_event_socket.c", "parse_command", 2029))
	ch.core.cfg.Bus.Stamp(e)
	w := writer{headers: e.Headers}
	if ch.profile != nil {
		ch.profile.write(&w, &dataNames)
	}
	ch.moment(ch.publish(), eventSpec{vars: true}).write(&w)
	e.Headers = w.headers
	return e
}
