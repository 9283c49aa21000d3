package cdr

import (
	"maps"
	"path/filepath"
	"strings"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/internal/dialplan"
)

// maxAccountFiles bounds the open files of account codes; beyond it all are closed and opened as they are needed.
const maxAccountFiles = 64

// csvSink is mod_cdr_csv: Master.csv by the default template, and ACCOUNTCODE.csv by the template of that name or the default one.
type csvSink struct {
	cfg       config.CSVRecords
	templates map[string]dialplan.Template
	files     map[string]*file // by path
}

// replace is the sink of a configuration; it takes over what stays open.
func (s *csvSink) replace(cfg config.CSVRecords) *csvSink {
	if s != nil && (!cfg.Enabled || cfg.Dir != s.cfg.Dir) {
		s.close()
		s = nil
	}
	if !cfg.Enabled {
		return nil
	}
	fresh := &csvSink{cfg: cfg, templates: map[string]dialplan.Template{}, files: map[string]*file{}}
	if s != nil {
		maps.Copy(fresh.files, s.files)
	}
	for name, text := range cfg.Templates {
		fresh.templates[name] = dialplan.ParseTemplate(text)
	}
	return fresh
}

// wants says whether a leg is recorded. "a" is every leg that no other leg called, "b" every leg that called none, as in mod_cdr_csv.
func (s *csvSink) wants(r *call.Record) bool {
	switch {
	case s == nil:
		return false
	case s.cfg.LegA && s.cfg.LegB:
		return true
	case s.cfg.LegA:
		return !r.Originator
	}
	return !r.Originatee
}

// write appends the leg's lines.
func (s *csvSink) write(r *call.Record) error {
	env := safeEnv{r}
	if name := accountFile(r); name != "" && !s.cfg.MasterOnly {
		t, ok := s.templates[strings.TrimSuffix(name, ".csv")]
		if !ok {
			t = s.templates[s.cfg.Default]
		}
		if err := s.file(name).append(csvLine(t, env)); err != nil {
			return err
		}
	}
	return s.file("Master.csv").append(csvLine(s.templates[s.cfg.Default], env))
}

// accountFile is the file of the leg's account code; "" when it has none, when the wire gave it, or when it is no plain file name.
func accountFile(r *call.Record) string {
	v, ok := r.Lookup("accountcode")
	if !ok || v.Wire || v.Value == "" || len(v.Value) > 100 || v.Value[0] == '.' || strings.EqualFold(v.Value, "Master") {
		return ""
	}
	for _, c := range v.Value {
		if c < ' ' || strings.ContainsRune(`/\:*?"<>|`, c) || c == 0x7f {
			return ""
		}
	}
	return v.Value + ".csv"
}

func (s *csvSink) file(name string) *file {
	path := filepath.Join(s.cfg.Dir, name)
	f, ok := s.files[path]
	if !ok {
		if len(s.files) > maxAccountFiles {
			s.close()
		}
		f = &file{path: path}
		s.files[path] = f
	}
	return f
}

// reopen closes all files, renamed before when rotate-on-hup says so; the next line opens them.
func (s *csvSink) reopen() error {
	if s == nil {
		return nil
	}
	var err error
	if s.cfg.Rotate {
		for _, f := range s.files {
			if e := f.rename(); e != nil {
				err = e
			}
		}
	}
	s.close()
	return err
}

func (s *csvSink) close() {
	if s == nil {
		return
	}
	for _, f := range s.files {
		f.close()
	}
	clear(s.files)
}

// csvLine expands a template to a line. What a variable holds never acts as syntax of the line: within quotes its quotes are doubled (RFC 4180 §2.7),
// outside of them it is put into quotes when it is more than a word. A template that begins with INSERT is SQL, where a backslash may escape.
func csvLine(t dialplan.Template, env dialplan.Env) []byte {
	w := lineWriter{sql: len(t.String()) > 6 && strings.EqualFold(t.String()[:6], "insert")}
	t.Each(env, func(text string, literal bool) {
		if literal {
			w.literal(text)
		} else {
			w.value(text)
		}
	})
	line := strings.TrimRight(w.b.String(), "\r\n") + "\n"
	return []byte(line)
}

// lineWriter knows whether it is within quotes.
type lineWriter struct {
	b     strings.Builder
	quote byte // 0: outside
	sql   bool
}

func (w *lineWriter) literal(text string) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case w.quote == 0 && (c == '"' || c == '\''):
			w.quote = c
		case c == w.quote:
			w.quote = 0
		}
	}
	w.b.WriteString(text)
}

func (w *lineWriter) value(text string) {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if w.sql {
		text = strings.ReplaceAll(text, `\`, `\\`)
	}
	quote := string(w.quote)
	if w.quote == 0 && strings.ContainsFunc(text, notOfWord) {
		quote = `"`
		w.b.WriteString(quote)
		defer w.b.WriteString(quote)
	}
	if quote != "\x00" {
		text = strings.ReplaceAll(text, quote, quote+quote)
	}
	w.b.WriteString(text)
}

// notOfWord is a character that a value outside of quotes does not have.
func notOfWord(r rune) bool {
	return (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z') && !strings.ContainsRune("._+-:@", r)
}
