package talkpath

import (
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestCertificateOfOurOwn(t *testing.T) {
	state := t.TempDir()
	names := []string{"localhost", "127.0.0.1", "pbx.example.org"}
	c, err := openCertificate("", state, names, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	leaf := c.get(time.Now()).Leaf
	for _, name := range names {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	info, err := os.Stat(filepath.Join(state, "certs", "wss.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("wss.pem has mode %o: the key must be its owner's only", mode)
	}

	same, err := openCertificate("", state, names, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if !same.current.Leaf.Equal(leaf) {
		t.Error("a second start made a new certificate: browsers would have to accept it again")
	}
	more, err := openCertificate("", state, append(names, "10.1.2.3"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := more.current.Leaf.VerifyHostname("10.1.2.3"); err != nil {
		t.Error("a new address did not get a new certificate:", err)
	}
	if data, _ := os.ReadFile(more.path); stillGood(data, names, time.Now().Add(selfSignedLifetime-24*time.Hour)) {
		t.Error("a certificate with a day to live was kept")
	}
}

func TestCertificateReload(t *testing.T) {
	certs := t.TempDir()
	path := filepath.Join(certs, "wss.pem")
	write := func(name string) {
		data, err := selfSigned([]string{name}, time.Now())
		if err == nil {
			err = os.WriteFile(path, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write("first.example.org")
	c, err := openCertificate(certs, t.TempDir(), []string{"unused"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	get := c.TLSConfig().GetCertificate
	cert, err := get(&tls.ClientHelloInfo{})
	if err != nil || cert.Leaf.VerifyHostname("first.example.org") != nil {
		t.Fatalf("not the administrator's certificate: %v, %v", cert.Leaf.DNSNames, err)
	}

	now := time.Now()
	write("second-name.example.org")
	if names := c.get(now.Add(2 * recheck)).Leaf.DNSNames; names[0] != "second-name.example.org" {
		t.Errorf("a changed wss.pem was not reloaded: %v", names)
	}
	if err := os.WriteFile(path, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if names := c.get(now.Add(4 * recheck)).Leaf.DNSNames; names[0] != "second-name.example.org" {
		t.Errorf("a broken wss.pem replaced the good one: %v", names)
	}
}

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	first, err := loadSecrets(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.DefaultPassword) < 12 || len(first.ESLPassword) < 20 || first.DefaultPassword == first.ESLPassword[:len(first.DefaultPassword)] {
		t.Errorf("weak secrets: %d and %d characters", len(first.DefaultPassword), len(first.ESLPassword))
	}
	second, err := loadSecrets(dir)
	if err != nil || second != first {
		t.Errorf("the secrets did not survive a restart: %v", err)
	}
	other, err := loadSecrets(t.TempDir())
	if err != nil || other == first {
		t.Error("two installations share secrets")
	}
	if err := os.WriteFile(filepath.Join(dir, "secrets.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadSecrets(dir); err == nil {
		t.Error("a damaged secrets file was replaced silently: every phone would be locked out")
	}
}
