package config

import (
	"maps"
	"strings"
	"testing"
)

func TestLocalStreams(t *testing.T) {
	s, err := Load(Options{Dir: tree(t, map[string]string{"conf": `<configuration name="local_stream.conf">` +
		`<directory name="default" path="/music/8000">` + param("rate", "8000") + param("shuffle", "true") + param("timer-name", "soft") + `</directory>` +
		`<directory name="moh/16000" path="/music/16000">` + param("rate", "16000") + param("chime-list", "a.wav") + `</directory>` +
		`<directory name="plain" path="/plain"/><directory name="none"/></configuration>`})})
	if err != nil {
		t.Fatal(err)
	}
	got := maps.Clone(s.LocalStreams)
	for name, x := range got {
		if x.Line == 0 || x.File == "" {
			t.Errorf("%s has no place", name)
		}
		x.File, x.Line = "", 0
		got[name] = x
	}
	want := map[string]LocalStream{"default": {Name: "default", Path: "/music/8000", Rate: 8000, Shuffle: true}, "moh/16000": {Name: "moh/16000", Path: "/music/16000", Rate: 16000}, "plain": {Name: "plain", Path: "/plain", Rate: 8000}}
	if !maps.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if len(s.Problems) != 1 || !strings.Contains(s.Problems[0].Text, "a directory needs name and path") || len(s.Unsupported) != 1 || s.Unsupported[0].Name != "local_stream.conf/chime-list" {
		t.Errorf("%v %v", s.Problems, s.Unsupported)
	}
}

func TestStockLocalStreams(t *testing.T) {
	s, err := Load(Options{Dir: stockTree(t, "vanilla"), Defaults: map[string]string{"sounds_dir": "/s"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.LocalStreams) != 5 || s.LocalStreams["default"].Path != "/s/music/8000" || !s.LocalStreams["moh/48000"].Shuffle || s.LocalStreams["moh/48000"].Rate != 48000 {
		t.Errorf("%+v", s.LocalStreams)
	}
}
