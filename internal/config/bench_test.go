package config

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// withUsers is the embedded tree on disk with so many users besides its own.
func withUsers(t testing.TB, users int) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, Embedded()); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(`<include><domain name="big.example"><params><param name="dial-string" value="x"/></params><groups><group name="default"><users>`)
	for i := range users {
		fmt.Fprintf(&b, `<user id="%d"><params><param name="password" value="secret-%d"/></params><variables><variable name="user_context" value="default"/>`+
			`<variable name="effective_caller_id_name" value="User %d"/><variable name="effective_caller_id_number" value="%d"/></variables></user>`+"\n",
			100000+i, i, i, 100000+i)
	}
	b.WriteString(`</users></group></groups></domain></include>`)
	if err := os.WriteFile(filepath.Join(dir, "directory", "big.xml"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestLargeDirectory: ten times the users cost ten times as much, not a hundred times, and are found.
func TestLargeDirectory(t *testing.T) {
	load := func(users int) (*Snapshot, time.Duration) {
		dir := withUsers(t, users)
		start := time.Now()
		s, err := Load(Options{Dir: dir, Set: map[string]string{"default_password": "own", "esl_password": "own"}})
		if err != nil {
			t.Fatal(err)
		}
		return s, time.Since(start)
	}
	_, small := load(1000)
	s, large := load(10_000)
	if u, ok := s.Directory.User("109999", "big.example"); !ok || u.Password() != "secret-9999" || u.Context() != "default" {
		t.Errorf("the last user: %+v", u)
	}
	if large > 40*small && large > 5*time.Second {
		t.Errorf("1,000 users in %v, 10,000 in %v", small, large)
	}
}

// BenchmarkLoad10000Users reports the time, and the memory that stays.
func BenchmarkLoad10000Users(b *testing.B) {
	dir := withUsers(b, 10_000)
	var kept []*Snapshot
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for b.Loop() {
		s, err := Load(Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		kept = append(kept[:0], s)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB-kept")
	runtime.KeepAlive(kept)
}
