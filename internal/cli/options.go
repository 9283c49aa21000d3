package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"
)

// options is what the arguments say; what is not said is left to the profile.
type options struct {
	host, user, password string
	port                 int
	execute              string
	logLevel             string
	uuid                 string // -s: whose log lines to show
	stateDir             string
	debug                int // -1: not said
	timeout              int // ms
	connectTimeout       int // ms
	retry, reconnect     bool
	interrupt            bool
	quiet, batch         bool
	logUUID, shortUUID   bool
	noColor, noHistory   bool
	profile              string
}

var errHelp = errors.New("help")

const usageText = `Usage: %s [-H <host>] [-P <port>] [-p <secret>] [-d <level>] [-x command] [-t <timeout_ms>] [profile]

  -?,-h --help                    Usage Information
  -H, --host=hostname             Host to connect
  -P, --port=port                 Port to connect (1 - 65535)
  -u, --user=user@domain          user@domain
  -p, --password=password         Password
  -i, --interrupt                 Allow Control-c to interrupt
  -x, --execute=command           Execute Command and Exit
  -l, --loglevel=command          Log Level
  -U, --log-uuid                  Include UUID in log output
  -S, --log-uuid-short            Include shortened UUID in log output
  -q, --quiet                     Disable logging
  -Q, --no-history-file           Do not read or write ~/.fs_cli_history
  -r, --retry                     Retry connection on failure
  -R, --reconnect                 Reconnect if disconnected
  -d, --debug=level               Debug Level (0 - 7)
  -b, --batchmode                 Batch mode
  -t, --timeout                   Timeout for API commands (in milliseconds)
  -T, --connect-timeout           Timeout for socket connection (in milliseconds)
  -n, --no-color                  Disable color
  -s, --set-log-uuid              Set UUID to filter log events
      --state=DIR                 State directory of the Talkpath on this machine, where its password is

`

func usage(name string, w io.Writer) { fmt.Fprintf(w, usageText, name) }

// parse reads the arguments. Errors, and help, have been printed.
func parse(name string, args []string, w io.Writer) (options, error) {
	o := options{debug: -1}
	help := false
	f := pflag.NewFlagSet(name, pflag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.BoolVarP(&help, "help", "h", false, "")
	questionMark := f.BoolP("question-mark", "?", false, "")
	f.StringVarP(&o.host, "host", "H", "", "")
	f.IntVarP(&o.port, "port", "P", 0, "")
	f.StringVarP(&o.user, "user", "u", "", "")
	f.StringVarP(&o.password, "password", "p", "", "")
	f.BoolVarP(&o.interrupt, "interrupt", "i", false, "")
	f.StringVarP(&o.execute, "execute", "x", "", "")
	f.StringVarP(&o.logLevel, "loglevel", "l", "", "")
	f.BoolVarP(&o.logUUID, "log-uuid", "U", false, "")
	f.BoolVarP(&o.shortUUID, "log-uuid-short", "S", false, "")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "")
	f.BoolVarP(&o.noHistory, "no-history-file", "Q", false, "")
	f.BoolVarP(&o.retry, "retry", "r", false, "")
	f.BoolVarP(&o.reconnect, "reconnect", "R", false, "")
	f.IntVarP(&o.debug, "debug", "d", -1, "")
	f.BoolVarP(&o.batch, "batchmode", "b", false, "")
	f.IntVarP(&o.timeout, "timeout", "t", 0, "")
	f.IntVarP(&o.connectTimeout, "connect-timeout", "T", 0, "")
	f.BoolVarP(&o.noColor, "no-color", "n", false, "")
	f.StringVarP(&o.uuid, "set-log-uuid", "s", "", "")
	f.StringVar(&o.stateDir, "state", "", "")
	err := f.Parse(args)
	switch {
	case err != nil:
	case help || *questionMark:
		usage(name, w)
		return o, errHelp
	case f.Changed("port") && (o.port < 1 || o.port > 65535):
		err = errors.New("port must be in range 1 - 65535")
	case f.Changed("debug") && (o.debug < 0 || o.debug > 7):
		err = errors.New("debug level should be 0 - 7")
	case f.Changed("execute") && o.execute == "":
		err = errors.New("-x needs a command")
	}
	if err != nil {
		fmt.Fprintf(w, "ERROR: %v\n\n", err)
		usage(name, w)
		return o, err
	}
	o.profile = f.Arg(0)
	return o, nil
}
