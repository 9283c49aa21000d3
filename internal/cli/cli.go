// Package cli is the command line of the event socket: FreeSWITCH's fs_cli, with its flags, its files and its exit codes, for any exchange
// that speaks the protocol.
//
// It owns the terminal while it runs. One goroutine reads lines and executes them in order, one prints what the exchange sends by itself;
// both end with Run, but for a read from a terminal, which ends with its input.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/talkpath/talkpath/esl"
)

// Exit codes, fs_cli's.
const (
	exitOK           = 0
	exitUsage        = 1
	exitInterrupted  = 1
	exitNoConnection = 255
	exitTimeout      = 254
)

// Program is one run of the command line. Name, Stdin, Stdout and Stderr are required.
type Program struct {
	Name           string // as it was called
	Stdin          *os.File
	Stdout, Stderr io.Writer
	Getenv         func(string) string // nil: there is no environment
	// StateDir is where an exchange of this machine keeps the password it made for itself; "" is nowhere. It is used for a connection to this
	// machine when no password is given, see localPassword.
	StateDir string
	// SystemConfig is the configuration for who has none in his home; "" is /etc/fs_cli.conf.
	SystemConfig string

	options options
	profile profile
	screen  *screen
}

// Run reads the arguments, those behind the program's name, and does what they say. The result is the exit code.
func (p *Program) Run(ctx context.Context, args []string) int {
	if p.Getenv == nil {
		p.Getenv = func(string) string { return "" }
	}
	var err error
	p.options, err = parse(p.Name, args, p.Stdout)
	switch {
	case errors.Is(err, errHelp):
		return exitOK
	case err != nil:
		return exitUsage
	}
	if p.profile, err = p.chooseProfile(); err != nil {
		fmt.Fprintln(p.Stderr, "[ERROR]", err)
		return exitUsage
	}
	p.screen = newScreen(p)
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if p.options.execute != "" {
		return p.executeOne(ctx)
	}
	return p.converse(ctx)
}

// executeOne is -x.
func (p *Program) executeOne(ctx context.Context) int {
	client, code := p.connect(ctx, p.attempts())
	if client == nil {
		return code
	}
	defer client.Close()
	switch err := p.api(ctx, client, p.options.execute); {
	case errors.Is(err, context.DeadlineExceeded):
		fmt.Fprintln(p.Stdout, "Request timed out.")
		return exitTimeout
	case ctx.Err() != nil:
		return p.interrupted()
	case err != nil:
		fmt.Fprintln(p.Stderr, "[ERROR]", err)
		return exitNoConnection
	}
	return exitOK
}

// api executes a command and prints its output. Errors are those of the connection, and the timeout.
func (p *Program) api(ctx context.Context, client *esl.Client, command string) error {
	if strings.ContainsAny(command, "\r\n") {
		return errors.New("a command is one line")
	}
	if p.profile.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.profile.timeout)
		defer cancel()
	}
	if p.profile.debug >= 7 {
		fmt.Fprintf(p.Stderr, "[DEBUG] SEND api %s\n", command)
	}
	reply, err := client.Command(ctx, "api "+command+"\nconsole_execute: true")
	if refused := (*esl.ReplyError)(nil); errors.As(err, &refused) {
		p.screen.print("Error: " + strings.TrimPrefix(refused.Text, "-ERR") + "!\n")
		return nil
	}
	if err != nil {
		return err
	}
	p.screen.print(reply.Body + "\n")
	return nil
}

func (p *Program) interrupted() int {
	fmt.Fprintln(p.Stdout, "Interrupted.")
	return exitInterrupted
}

// attempts is how often to connect: once, with -r two minutes long.
func (p *Program) attempts() int {
	if p.options.retry {
		return 121
	}
	return 1
}

// connect tries to connect, once a second. No client: the exit code.
func (p *Program) connect(ctx context.Context, attempts int) (*esl.Client, int) {
	for {
		client, err := p.dial(ctx)
		if err == nil {
			return client, exitOK
		}
		if ctx.Err() != nil {
			return nil, p.interrupted()
		}
		fmt.Fprintf(p.Stderr, "[ERROR] Error Connecting [%v]\n", err)
		if attempts--; attempts <= 0 {
			if p.options.execute == "" {
				usage(p.Name, p.Stdout)
			}
			return nil, exitNoConnection
		}
		select {
		case <-time.After(time.Second):
			fmt.Fprintln(p.Stderr, "[INFO] Retrying")
		case <-ctx.Done():
			return nil, p.interrupted()
		}
	}
}

// dial makes one attempt with each password that may be it.
func (p *Program) dial(ctx context.Context) (*esl.Client, error) {
	if p.profile.connectTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.profile.connectTimeout)
		defer cancel()
	}
	d := esl.Dialer{Address: net.JoinHostPort(p.profile.host, strconv.Itoa(p.profile.port)), User: p.profile.user, Format: "plain"}
	passwords := []string{p.profile.password}
	if p.profile.password == "" {
		passwords = p.guesses()
	}
	var client *esl.Client
	var err error
	for _, d.Password = range passwords {
		if client, err = d.Dial(ctx); !errors.Is(err, esl.ErrPassword) {
			break
		}
	}
	return client, err
}
