package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestAsFreeSWITCH: started by the name freeswitch, as its unit files do, the program finds the installation's folders, and flags win over them.
func TestAsFreeSWITCH(t *testing.T) {
	for _, c := range []struct {
		name, conf string
		args       []string
		want       options // only some fields
		sounds     string
	}{
		{"Debian's packages", "etc/freeswitch", []string{"-ncwait", "-nonat"}, options{logDir: "/var/log/freeswitch", runDir: "/var/run/freeswitch"}, "/usr/share/freeswitch/sounds"},
		{"make install", "usr/local/freeswitch/conf", nil, options{logDir: "/usr/local/freeswitch/log", runDir: "/usr/local/freeswitch/run"}, "/usr/local/freeswitch/sounds"},
		{"a flag", "etc/freeswitch", []string{"-sounds", "/srv/sounds"}, options{logDir: "/var/log/freeswitch", runDir: "/var/run/freeswitch"}, "/srv/sounds"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			conf := filepath.Join(root, c.conf)
			if err := os.MkdirAll(conf, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(conf, "freeswitch.xml"), []byte("<document/>"), 0o600); err != nil {
				t.Fatal(err)
			}
			o, err := parse("freeswitch", root, c.args, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			in := func(path string) string { return filepath.Join(root, path) }
			if o.cfg.ConfDir != conf || o.logDir != in(c.want.logDir) || o.runDir != in(c.want.runDir) || o.cfg.StateDir != o.cfg.Dirs["db_dir"] || o.cfg.Dirs["run_dir"] != o.runDir {
				t.Errorf("conf %s log %s run %s state %s dirs %v", o.cfg.ConfDir, o.logDir, o.runDir, o.cfg.StateDir, o.cfg.Dirs)
			}
			if got := o.cfg.Dirs["sounds_dir"]; got != c.sounds && got != in(c.sounds) {
				t.Errorf("sounds %s", got)
			}
		})
	}
	for name, root := range map[string]string{"freeswitch": t.TempDir(), "talkpath": "/"} { // no installation, and another name
		o, err := parse(name, root, nil, io.Discard)
		if err != nil || o.cfg.ConfDir != "" || o.runDir != "" || len(o.cfg.Dirs) > 0 {
			t.Errorf("%s: %v %+v", name, err, o.cfg)
		}
	}
}
