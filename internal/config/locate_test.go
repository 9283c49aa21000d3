package config

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestLocate(t *testing.T) {
	s, err := Load(Options{Defaults: map[string]string{"default_password": "pw-of-users", "esl_password": "pw-of-socket"}, Set: map[string]string{"domain": "example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name                      string
		section, tag, attr, value string
		has                       string
		err                       error
	}{
		{"all", "", "", "", "", "<section name=\"dialplan\"", nil},
		{"section", "configuration", "", "", "", "<section name=\"configuration\"", nil},
		{"configuration", "configuration", "configuration", "name", "event_socket.conf", "<param name=\"password\" value=\"***\"></param>\n", nil},
		{"domain in any case", "directory", "domain", "name", "EXAMPLE.com", "<domain name=\"example.com\"", nil},
		{"context", "dialplan", "context", "name", "default", "<context name=\"default\">", nil},
		{"no section", "nosuch", "", "", "", "", ErrNotFound},
		{"no child", "dialplan", "context", "name", "nosuch", "", ErrNotFound},
		{"no tag", "dialplan", "extension", "name", "default", "", ErrNotFound},
	} {
		got, err := s.Locate(tc.section, tc.tag, tc.attr, tc.value)
		if !errors.Is(err, tc.err) || !strings.Contains(got, tc.has) {
			t.Errorf("%s: %v, got\n%s", tc.name, err, got)
		}
		if strings.Contains(got, "pw-of") {
			t.Errorf("%s: a password is shown", tc.name)
		}
		for d := xml.NewDecoder(strings.NewReader(got)); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Errorf("%s: %v", tc.name, err)
				break
			}
		}
	}
	if _, err := new(Snapshot).Locate("", "", "", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("no tree: %v", err)
	}
}
