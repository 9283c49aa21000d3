package config

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// JSONRecords is json_cdr.conf: call records as JSON. FreeSWITCH writes a file for each leg, UUID.cdr.json; with LinesFile all of them go into
// one file, a line each.
type JSONRecords struct {
	Enabled      bool
	Dir          string // log-dir
	LinesFile    string // log-file, Talkpath's own: a file name in Dir; "" = a file for each leg
	LogB         bool   // log-b-leg: legs that another leg called too
	PrefixA      bool   // prefix-a-leg: files of the others are called a_UUID.cdr.json
	EncodeValues bool   // encode-values: values of variables are URL-encoded
	Rotate       bool   // rotate: a folder for each start and each SIGHUP, named after the time
}

// CSVRecords is cdr_csv.conf: call records as lines of Master.csv and of a file for each account code.
type CSVRecords struct {
	Enabled    bool
	Dir        string            // log-base, with cdr-csv below it
	Default    string            // default-template
	Templates  map[string]string // by name; that of an account code is used for its file
	Rotate     bool              // rotate-on-hup: SIGHUP renames the files
	LegA, LegB bool              // legs: "a", "b" or "ab"
	MasterOnly bool              // master-file-only
}

// csvDefaultTemplate is the one mod_cdr_csv has when it is given none.
const csvDefaultTemplate = `"${caller_id_name}","${caller_id_number}","${destination_number}","${context}","${start_stamp}",` +
	`"${answer_stamp}","${end_stamp}","${duration}","${billsec}","${hangup_cause}","${uuid}","${bleg_uuid}", "${accountcode}"`

// runs says whether a module works: when modules.conf loads it, or, in a tree without modules.conf, when it is configured.
func (s *Snapshot) runs(module string, configured *fsxml.Node) bool {
	if len(s.Modules) == 0 {
		return configured != nil
	}
	return slices.ContainsFunc(s.Modules, func(m Module) bool { return m.Name == module })
}

// jsonRecords reads json_cdr.conf. Without it the module does not start, as in FreeSWITCH.
func (r *reader) jsonRecords(s *Snapshot, n *fsxml.Node) JSONRecords {
	set := r.settings(n)
	c := JSONRecords{
		Enabled: n != nil && s.runs("mod_json_cdr", n) && set.flag("enabled", true),
		LogB:    set.flag("log-b-leg", true), PrefixA: set.flag("prefix-a-leg", false),
		EncodeValues: set.flag("encode-values", true), Rotate: set.flag("rotate", false),
	}
	r.unknownParams("json_cdr.conf", set, words("enabled log-b-leg prefix-a-leg encode-values rotate log-dir log-file err-log-dir log-errors-to-disk retries delay timeout "+
		"queue-capacity disable-100-continue auth-scheme cred encode log-http-and-disk ssl-key-path ssl-key-password ssl-version ssl-cert-path ssl-cacert-file "+
		"enable-ssl-verifyhost enable-cacert-check")) // all that belongs to url is told with it
	dir, ok := set.nodes["log-dir"]
	if !ok {
		c.Enabled = false // nowhere to write
		return c
	}
	c.Dir = r.below(r.vars["log_dir"], firstOf(dir.Attr("value"), "json_cdr"))
	if c.LinesFile = set.text("log-file", ""); c.LinesFile != "" && filepath.Base(c.LinesFile) != c.LinesFile {
		r.problem(set.nodes["log-file"], fsxml.Error, "log-file must be a file name, not %q: the folder is log-dir", c.LinesFile)
		c.LinesFile = ""
	}
	return c
}

// csvRecords reads cdr_csv.conf.
func (r *reader) csvRecords(s *Snapshot, n *fsxml.Node) CSVRecords {
	set := r.settings(n)
	c := CSVRecords{
		Enabled: s.runs("mod_cdr_csv", n), Dir: filepath.Join(r.below(r.vars["log_dir"], set.text("log-base", "")), "cdr-csv"),
		Default: set.text("default-template", "default"), Templates: map[string]string{"default": csvDefaultTemplate},
		Rotate: set.flag("rotate-on-hup", false), MasterOnly: set.flag("master-file-only", false),
	}
	legs := strings.ToLower(set.text("legs", "a"))
	if c.LegA, c.LegB = strings.Contains(legs, "a"), strings.Contains(legs, "b"); !c.LegA && !c.LegB {
		r.problem(set.nodes["legs"], fsxml.Error, `legs must be "a", "b" or "ab", not %q; "a" is used`, legs)
		c.LegA = true
	}
	for _, list := range n.All("templates") {
		for _, t := range list.All("template") {
			c.Templates[t.Attr("name")] = t.Text
		}
	}
	if c.Templates[c.Default] == "" {
		r.problem(set.nodes["default-template"], fsxml.Error, "there is no template %q; the built-in one is used", c.Default)
		c.Default, c.Templates["default"] = "default", csvDefaultTemplate
	}
	r.unknownParams("cdr_csv.conf", set, words("log-base default-template rotate-on-hup legs master-file-only"))
	return c
}

// below is a path, seen from a folder when it is relative.
func (r *reader) below(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}
