package main

import (
	"os"
	"path/filepath"
)

// layout is where an installation of FreeSWITCH keeps things. Its unit files name none of these folders: they are compiled in.
type layout struct{ conf, log, run, db, certs, sounds, recordings, storage, scripts string }

// layouts are those of the Debian packages and of make install, below root.
func layouts(root string) []layout {
	at := func(path string) string { return filepath.Join(root, path) }
	prefix := at("/usr/local/freeswitch")
	in := func(name string) string { return filepath.Join(prefix, name) }
	return []layout{
		{
			conf: at("/etc/freeswitch"), log: at("/var/log/freeswitch"), run: at("/var/run/freeswitch"), db: at("/var/lib/freeswitch/db"),
			certs: at("/etc/freeswitch/tls"), sounds: at("/usr/share/freeswitch/sounds"), recordings: at("/var/lib/freeswitch/recordings"),
			storage: at("/var/lib/freeswitch/storage"), scripts: at("/usr/share/freeswitch/scripts"),
		},
		{
			conf: in("conf"), log: in("log"), run: in("run"), db: in("db"), certs: in("certs"), sounds: in("sounds"), recordings: in("recordings"),
			storage: in("storage"), scripts: in("scripts"),
		},
	}
}

// asFreeSWITCH fills in what the command line leaves open when the program was started by the name freeswitch: the folders of the installation whose
// configuration is there. Without one nothing changes.
func (o *options) asFreeSWITCH(root string) {
	for _, l := range layouts(root) {
		if _, err := os.Stat(filepath.Join(l.conf, "freeswitch.xml")); err != nil && o.cfg.ConfDir == "" {
			continue
		}
		or := func(value *string, otherwise string) {
			if *value == "" {
				*value = otherwise
			}
		}
		or(&o.cfg.ConfDir, l.conf)
		or(&o.logDir, l.log)
		or(&o.runDir, l.run)
		for variable, dir := range map[string]string{
			"db_dir": l.db, "certs_dir": l.certs, "sounds_dir": l.sounds, "recordings_dir": l.recordings, "storage_dir": l.storage, "script_dir": l.scripts,
		} {
			if _, ok := o.cfg.Dirs[variable]; !ok {
				o.cfg.Dirs[variable] = dir
			}
		}
		return
	}
}
