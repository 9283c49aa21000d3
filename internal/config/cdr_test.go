package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCallRecords reads json_cdr.conf and cdr_csv.conf with the modules that say whether they act.
func TestCallRecords(t *testing.T) {
	const json = `<configuration name="json_cdr.conf"><settings><param name="log-dir" value="/var/log/cdr"/><param name="log-b-leg" value="false"/><param name="prefix-a-leg" value="true"/><param name="url" value="http://192.0.2.1/"/></settings></configuration>`
	const csv = `<configuration name="cdr_csv.conf"><settings><param name="log-base" value="/var/log"/><param name="default-template" value="mine"/><param name="rotate-on-hup" value="true"/><param name="legs" value="ab"/></settings>
<templates><template name="mine">"${uuid}"</template></templates></configuration>`
	modules := func(names ...string) string {
		var b strings.Builder
		for _, n := range names {
			b.WriteString(`<load module="` + n + `"/>`)
		}
		return `<configuration name="modules.conf"><modules>` + b.String() + `</modules></configuration>`
	}
	mine := CSVRecords{Enabled: true, Dir: "/var/log/cdr-csv", Default: "mine", Rotate: true, LegA: true, LegB: true}
	tests := []struct {
		name, tree string
		json       JSONRecords
		csv        CSVRecords
		complaint  string
	}{
		{"configured, no module list", json + csv, JSONRecords{Enabled: true, Dir: "/var/log/cdr", PrefixA: true, EncodeValues: true}, mine, ""},
		{"modules not loaded", json + csv + modules("mod_sofia"), JSONRecords{Dir: "/var/log/cdr", PrefixA: true, EncodeValues: true},
			CSVRecords{Dir: mine.Dir, Default: "mine", Rotate: true, LegA: true, LegB: true}, ""},
		{"module without configuration", modules("mod_cdr_csv", "mod_json_cdr"), JSONRecords{LogB: true, EncodeValues: true},
			CSVRecords{Enabled: true, Dir: "/logs/cdr-csv", Default: "default", LegA: true}, ""},
		{"nothing", "", JSONRecords{LogB: true, EncodeValues: true}, CSVRecords{Dir: "/logs/cdr-csv", Default: "default", LegA: true}, ""},
		{"no such template", strings.ReplaceAll(csv, `"mine"/>`, `"other"/>`), JSONRecords{LogB: true, EncodeValues: true},
			CSVRecords{Enabled: true, Dir: mine.Dir, Default: "default", Rotate: true, LegA: true, LegB: true}, `no template "other"`},
		{"a path as file of lines", strings.ReplaceAll(json, `<param name="url"`, `<param name="log-file" value="../x"/><param name="url"`),
			JSONRecords{Enabled: true, Dir: "/var/log/cdr", PrefixA: true, EncodeValues: true}, CSVRecords{Dir: "/logs/cdr-csv", Default: "default", LegA: true}, "log-file"},
		{"legs", strings.ReplaceAll(csv, `"ab"`, `"x"`), JSONRecords{LogB: true, EncodeValues: true},
			CSVRecords{Enabled: true, Dir: mine.Dir, Default: "mine", Rotate: true, LegA: true}, "legs"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			text := `<document type="freeswitch/xml"><section name="configuration">
<configuration name="sofia.conf"><profiles><profile name="internal"><settings><param name="sip-ip" value="127.0.0.1"/></settings></profile></profiles></configuration>` + test.tree + `</section></document>`
			if err := os.WriteFile(filepath.Join(dir, "freeswitch.xml"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Load(Options{Dir: dir, Defaults: map[string]string{"log_dir": "/logs"}})
			if err != nil {
				t.Fatal(err)
			}
			if s.JSONRecords != test.json {
				t.Errorf("JSON %+v, want %+v", s.JSONRecords, test.json)
			}
			got := s.CSVRecords
			if got.Templates[got.Default] == "" {
				t.Errorf("no default template in %v", got.Templates)
			}
			got.Templates = nil
			if got.Enabled != test.csv.Enabled || got.Dir != test.csv.Dir || got.Default != test.csv.Default || got.Rotate != test.csv.Rotate || got.LegA != test.csv.LegA || got.LegB != test.csv.LegB {
				t.Errorf("CSV %+v, want %+v", got, test.csv)
			}
			complained := test.complaint == ""
			for _, p := range s.Problems {
				complained = complained || strings.Contains(p.Text, test.complaint)
			}
			if !complained {
				t.Errorf("no complaint of %q in %v", test.complaint, s.Problems)
			}
			if strings.Contains(test.tree, `"url"`) {
				told := false
				for _, u := range s.Unsupported {
					told = told || u.Name == "json_cdr.conf/url"
				}
				if !told {
					t.Error("url is not reported as not served")
				}
			}
		})
	}
}
