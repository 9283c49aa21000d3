package config

import "testing"

func TestLoadEmbedded(t *testing.T) {
	s, err := Load(Options{Defaults: map[string]string{"default_password": "p-w&<\"x", "esl_password": "e", "local_ip_v4": "192.0.2.7", "state_dir": "/var/lib/x"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Problems {
		t.Error(p)
	}
	t.Logf("%+v %+v %+v %v", s.Profiles, s.EventSocket, s.Switch, s.Contexts)
}
