package esl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
)

// ErrRejected says that the server's access list refused this address.
var ErrRejected = errors.New("rejected by access list")

// ErrPassword says that the server refused the password, or the user.
var ErrPassword = errors.New("password refused")

// defaultAddress is where FreeSWITCH and Talkpath listen.
const defaultAddress = "127.0.0.1:8021"

// Dialer says where an event socket is and how to log in. Its zero value dials 127.0.0.1:8021 without a password, which no server accepts.
type Dialer struct {
	// Address is host:port; the default is 127.0.0.1:8021.
	Address string
	// User, as "1000@example.com", logs in as a user of the directory (userauth), with what esl-allowed-events and esl-allowed-api leave
	// him. Empty is the administrator.
	User     string
	Password string
	// Format is how events travel: "json", which is the default, "plain" or "xml". It makes no difference to the Event.
	Format string
	// Backlog is how many events are kept for a reader of Events, and how many log lines for one of Logs. Default 16384, of about 4 KB each.
	Backlog int
	// DialContext makes the connection; nil is net.Dialer's.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// Dial connects to an event socket and authenticates with its password.
func Dial(ctx context.Context, address, password string) (*Client, error) {
	d := Dialer{Address: address, Password: password}
	return d.Dial(ctx)
}

// Dial connects and authenticates; ctx bounds both and nothing afterwards. It wraps ErrPassword or ErrRejected when the server refuses.
func (d *Dialer) Dial(ctx context.Context) (*Client, error) {
	dial := d.DialContext
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	address := d.Address
	if address == "" {
		address = defaultAddress
	}
	nc, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("esl: dial: %w", err)
	}
	c, err := d.login(ctx, nc)
	if err != nil {
		_ = nc.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("esl: dial: %w", err)
	}
	return c, nil
}

func (d *Dialer) login(ctx context.Context, nc net.Conn) (*Client, error) {
	command := "auth " + d.Password
	if d.User != "" {
		command = "userauth " + d.User + ":" + d.Password
	}
	if !fitsLine(command) {
		return nil, fmt.Errorf("user or password: %w", ErrLineBreak)
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	r := bufio.NewReaderSize(nc, readBuffer)
	greeting, err := readFrame(r)
	if err != nil {
		return nil, err
	}
	switch t := greeting.Value("Content-Type"); t {
	case "auth/request":
	case "text/rude-rejection":
		return nil, ErrRejected
	default:
		return nil, fmt.Errorf("greeted with %.40q", t)
	}
	c := newClient(nc, r, d.Format, d.Backlog)
	if _, err := c.Command(ctx, command); err != nil {
		_ = c.Close()
		if errors.As(err, new(*ReplyError)) {
			err = fmt.Errorf("%w: %w", ErrPassword, err)
		}
		return nil, err
	}
	return c, nil
}

// ErrLineBreak says that a value which has to fit into a line of the protocol holds a line break.
var ErrLineBreak = errors.New("line break in a value")

// fitsLine says whether every value can stand in a line of the protocol.
func fitsLine(values ...string) bool {
	for _, v := range values {
		if strings.ContainsAny(v, "\r\n\x00") {
			return false
		}
	}
	return true
}
