package e2e

import (
	"strings"
	"testing"
)

// TestDatabaseSurvivesRestart: what the application db, its command and groups stored is there after a restart; hash is not.
func TestDatabaseSurvivesRestart(t *testing.T) {
	ex := start(t)
	for _, command := range []string{"db insert/blocked/4711/yes", "group insert:sales:user/1000", "hash insert/a/b/c"} {
		if out := ex.command(t, command); !strings.HasPrefix(out, "+OK") {
			t.Fatalf("%s: %s", command, out)
		}
	}
	cfg := ex.cfg
	ex.stop()
	ex = boot(t, cfg)
	for command, want := range map[string]string{"db select/blocked/4711": "yes", "group call:sales": "user/1000", "hash select/a/b": ""} {
		if out := strings.TrimSpace(ex.command(t, command)); out != want {
			t.Errorf("%s: %q, want %q", command, out, want)
		}
	}
}
