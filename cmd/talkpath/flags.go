package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/talkpath/talkpath"
)

// options is what the command line says. The second half are FreeSWITCH's flags, so that a unit file or an image that starts freeswitch can
// start talkpath instead.
type options struct {
	cfg     talkpath.Config
	check   bool
	json    bool
	version bool

	background bool // -nc, -ncwait
	wait       bool // -ncwait: the parent stays until the server is ready
	stop       bool
	logDir     string
	runDir     string
	user       string
	group      string
}

// ignored are FreeSWITCH's flags that change nothing here, with the reason that -help prints.
var ignored = []struct{ name, why string }{
	{"nf", "no forking, which is the default"},
	{"c", "console output, which is the default"},
	{"nonat", "no NAT port mapping is done"},
	{"nonatmap", "no NAT port mapping is done"},
	{"np", "normal priority, which is the default"},
	{"rp", "real-time priority is not needed"},
	{"lp", "low priority: use nice(1)"},
	{"hp", "high priority: use nice(1)"},
	{"vg", "for valgrind"},
	{"nosql", "there is no core database"},
	{"nocal", "clock calibration is not needed"},
	{"nort", "clock calibration is not needed"},
	{"heavy-timer", "clock calibration is not needed"},
	{"waste", "stack size is not fixed"},
	{"core", "use ulimit(1)"},
	{"reincarnate", "restart by the service manager"},
	{"reincarnate-reexec", "restart by the service manager"},
}

// parse reads the command line of the program called name. Errors have been printed. An installation of FreeSWITCH is looked for below root.
func parse(name, root string, args []string, stderr io.Writer) (options, error) {
	o := options{cfg: talkpath.Config{Environ: os.Environ(), Set: map[string]string{}, Dirs: map[string]string{}}}
	flags := flag.NewFlagSet("talkpath", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { usage(flags, stderr) }
	flags.StringVar(&o.cfg.ConfDir, "conf", "", "FreeSWITCH configuration `DIR`ectory; the embedded one when empty")
	flags.StringVar(&o.cfg.StateDir, "state", "", "state `DIR`ectory: secrets, certificate, registrations")
	flags.Func("set", "set a pre-processor variable, `name=value`; may be repeated", func(s string) error {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return fmt.Errorf("want name=value")
		}
		o.cfg.Set[name] = value
		return nil
	})
	flags.BoolVar(&o.check, "check", false, "load everything, report what was found, and exit")
	flags.BoolVar(&o.json, "json", false, "with -check: report as JSON")
	flags.BoolVar(&o.cfg.AllowExec, "allow-exec", false, "let X-PRE-PROCESS exec of the tree run programs (without a shell)")
	flags.BoolVar(&o.version, "version", false, "print the version and exit")

	flags.BoolVar(&o.background, "nc", false, "run in the background, log to -log")
	flags.BoolVar(&o.wait, "ncwait", false, "the same, and return when the server is ready")
	flags.BoolVar(&o.stop, "stop", false, "stop the server whose pid file is in -run")
	flags.StringVar(&o.user, "u", "", "run as this `user`")
	flags.StringVar(&o.group, "g", "", "run as this `group`")
	flags.StringVar(&o.logDir, "log", "", "write the log to talkpath.log in this `DIR`ectory; SIGHUP opens it again")
	flags.StringVar(&o.runDir, "run", "", "`DIR`ectory of the pid file, freeswitch.pid")
	for _, dir := range []struct{ flag, variable string }{
		{"db", "db_dir"}, {"certs", "certs_dir"}, {"sounds", "sounds_dir"}, {"recordings", "recordings_dir"}, {"storage", "storage_dir"},
		{"scripts", "script_dir"}, {"temp", "temp_dir"}, {"base", "base_dir"}, {"mod", "mod_dir"}, {"htdocs", "htdocs_dir"}, {"grammar", "grammar_dir"},
	} {
		flags.Func(dir.flag, "`DIR`ectory, as the variable "+dir.variable, func(s string) error {
			abs, err := filepath.Abs(s)
			o.cfg.Dirs[dir.variable] = abs
			return err
		})
	}
	for _, f := range ignored {
		flags.Bool(f.name, false, "accepted: "+f.why)
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		err := fmt.Errorf("talkpath: unexpected argument %q", flags.Arg(0))
		fmt.Fprintln(stderr, err)
		return o, err
	}
	o.background = o.background || o.wait
	if name == "freeswitch" {
		o.asFreeSWITCH(root)
	}
	if o.cfg.StateDir == "" {
		o.cfg.StateDir = o.cfg.Dirs["db_dir"]
	}
	for variable, dir := range map[string]string{"log_dir": o.logDir, "run_dir": o.runDir} {
		if dir != "" {
			o.cfg.Dirs[variable] = dir
		}
	}
	return o, nil
}

// usage prints our flags first and FreeSWITCH's after them.
func usage(flags *flag.FlagSet, w io.Writer) {
	fmt.Fprint(w, "usage: talkpath [-conf DIR] [-state DIR] [-set name=value …] [-check [-json]] [-version]\n\n")
	flags.PrintDefaults()
}
