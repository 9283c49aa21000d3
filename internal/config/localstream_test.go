package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLocalStreams(t *testing.T) {
	dir := t.TempDir()
	text := `<document type="freeswitch/xml"><section name="configuration">
<configuration name="sofia.conf"><profiles><profile name="internal"><settings><param name="sip-ip" value="127.0.0.1"/></settings></profile></profiles></configuration>
<configuration name="local_stream.conf">
  <directory name="default" path="/music/8000"><param name="rate" value="8000"/><param name="shuffle" value="true"/></directory>
  <directory name="moh/16000" path="/music/16000"/>
  <directory name="default" path="/other"/>
  <directory name="nowhere"/>
</configuration></section></document>`
	if err := os.WriteFile(filepath.Join(dir, "freeswitch.xml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Load(Options{Dir: dir, Defaults: map[string]string{"local_ip_v4": "127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]LocalStream{
		"default":   {Name: "default", Path: "/music/8000", Shuffle: true},
		"moh/16000": {Name: "moh/16000", Path: "/music/16000"},
	}
	if len(s.LocalStreams) != len(want) {
		t.Errorf("%d streams, want %d", len(s.LocalStreams), len(want))
	}
	for name, stream := range want {
		if s.LocalStreams[name] != stream {
			t.Errorf("%s: %+v, want %+v", name, s.LocalStreams[name], stream)
		}
	}
	for _, line := range []int{6, 7} {
		found := false
		for _, p := range s.Problems {
			found = found || p.Line == line
		}
		if !found {
			t.Errorf("line %d is not complained of", line)
		}
	}
}
