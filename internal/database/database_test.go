package database

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func open(t *testing.T, path string) *DB {
	t.Helper()
	d, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// all is the content of a realm as text.
func all(d *DB, realm string) string {
	var b strings.Builder
	d.Each(realm, func(realm, key, value string) bool {
		b.WriteString(realm + "/" + key + "=" + value + " ")
		return true
	})
	return strings.TrimSpace(b.String())
}

// TestReopen: what was stored and deleted is so after closing and opening again.
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "database.db")
	d := open(t, path)
	for _, e := range [][3]string{{"b", "2", "x"}, {"a", "1", "old"}, {"a", "1", "new"}, {"a", "", "no key"}, {"", "k", "no realm"}, {"c", "gone", "y"}, {"a", "/%\n", "ü\x00"}} {
		if err := d.Put(e[0], e[1], e[2]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(d.Delete("c", "gone"), d.Delete("c", "never")); err != nil {
		t.Fatal(err)
	}
	const want = "/k=no realm a/=no key a//%\n=ü\x00 a/1=new b/2=x"
	for _, when := range []string{"before", "after"} {
		if got := all(d, ""); got != want {
			t.Errorf("%s: %q", when, got)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if err := d.Put("a", "b", "c"); !errors.Is(err, ErrClosed) {
			t.Errorf("Put after Close: %v", err)
		}
		d = open(t, path)
	}
	if v, ok := d.Find("a", "1"); v != "new" || !ok {
		t.Errorf("Find: %q %t", v, ok)
	}
	if got := all(d, "b"); got != "b/2=x" {
		t.Errorf("realm b: %q", got)
	}
}

func TestBounds(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "database.db"))
	for name, err := range map[string]error{
		"value": d.Put("r", "k", strings.Repeat("x", MaxValue+1)),
		"key":   d.Put("r", strings.Repeat("x", MaxKey+1), ""),
		"realm": d.Put(strings.Repeat("x", MaxKey+1), "k", ""),
		"NUL":   d.Put("r\x00", "k", ""),
	} {
		if !errors.Is(err, ErrTooBig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.mu.Lock()
	d.bytes = MaxBytes - 10
	d.mu.Unlock()
	if err := d.Put("realm", "key", "value"); !errors.Is(err, ErrFull) {
		t.Errorf("full: %v", err)
	}
	if err := d.Put("r", "k", "v"); err != nil {
		t.Errorf("nearly full: %v", err)
	}
}

// TestLocked: two servers never share one file.
func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "database.db")
	open(t, path)
	if d, err := Open(path, nil); err == nil {
		_ = d.Close()
		t.Error("opened twice")
	}
}

// TestConcurrent is for the race detector: writers and readers at once, and everything is there after opening again.
func TestConcurrent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "database.db")
	d := open(t, path)
	var wg sync.WaitGroup
	for _, realm := range []string{"a", "b", "c", "d"} {
		wg.Go(func() {
			for i := range 500 {
				key := strings.Repeat("k", i%50+1)
				_ = d.Put(realm, key, "v")
				_, _ = d.Find(realm, key)
				if i%3 == 0 {
					_ = d.Delete(realm, key)
					_ = d.Put(realm, key, "again")
				}
			}
		})
	}
	wg.Wait()
	before := all(d, "")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if after := all(open(t, path), ""); after != before || strings.Count(after, "=") != 4*50 {
		t.Errorf("%d entries after, %d before", strings.Count(after, "="), strings.Count(before, "="))
	}
}
