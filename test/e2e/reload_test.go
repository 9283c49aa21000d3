package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeUsers puts n users, 20000 and up, into a copy of the embedded tree.
func writeUsers(t *testing.T, dir string, n int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("<include>\n")
	for i := range n {
		fmt.Fprintf(&b, `<user id="%d"><params><param name="password" value="secret-%d"/></params><variables><variable name="user_context" value="default"/></variables></user>`+"\n", 20000+i, i)
	}
	b.WriteString("</include>\n")
	if err := os.WriteFile(filepath.Join(dir, "directory", "default", "many.xml"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestReloadUnderLoad: reloadxml with 10,000 users and 100 calls up changes the directory and disturbs no call; a broken tree changes nothing.
func TestReloadUnderLoad(t *testing.T) {
	const users, calls = 10_000, 100
	dir := sdesUsers(t)
	writeUsers(t, dir, users)
	ex := startWith(t, dir)
	p := ex.phone(t, rtpPhone, "1000")
	var up []talk
	for range calls {
		a := p.invite(t, "9196")
		a.answered(t)
		a.media.talk(440)
		up = append(up, a)
	}
	hears := func() {
		t.Helper()
		var heard []<-chan struct{}
		for _, a := range up {
			heard = append(heard, a.media.listener().expect(440))
		}
		for _, h := range heard {
			within(t, "the echo of every call", h)
		}
	}
	hears()
	writeUsers(t, dir, users+1)
	began := time.Now()
	if out := ex.command(t, "reloadxml"); !strings.HasPrefix(out, "+OK") {
		t.Fatal(out)
	}
	t.Logf("reloadxml with %d users and %d calls took %v", users, calls, time.Since(began))
	added := fmt.Sprintf("user_exists id %d 127.0.0.1", 20000+users)
	if out := ex.command(t, added); strings.TrimSpace(out) != "true" {
		t.Errorf("the new user is not there: %s", out)
	}
	hears()

	if err := os.WriteFile(filepath.Join(dir, "directory", "default", "many.xml"), []byte("<include><user></include>"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := ex.command(t, "reloadxml"); !strings.HasPrefix(out, "-ERR") || !strings.Contains(out, "many.xml:1") {
		t.Errorf("a broken tree: %s", out)
	}
	if out := ex.command(t, added); strings.TrimSpace(out) != "true" {
		t.Errorf("a broken tree took the place of the good one: %s", out)
	}
	if out := ex.command(t, "sofia profile internal restart"); !strings.HasPrefix(out, "Failure") {
		t.Errorf("a profile restarts with a broken tree: %s", out)
	}
	writeUsers(t, dir, 1)
	if out := ex.command(t, "sofia profile internal restart"); strings.HasPrefix(out, "Failure") {
		t.Errorf("restart: %s", out)
	}
	hears()
	if out := ex.command(t, "show calls count"); !strings.Contains(out, fmt.Sprintf("%d total", calls)) {
		t.Errorf("after it all: %s", out)
	}
	for _, a := range up {
		a.hangup(t)
		a.media.close()
	}
}
