package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/internal/config"
)

// sdesUsers writes the embedded tree into a folder, with 1010 and 1011 as users whose phones want SDES-SRTP.
func sdesUsers(t *testing.T) string {
	t.Helper()
	return embeddedWith(t, func(text string) string {
		for _, user := range []string{"1010", "1011"} {
			account := `<variable name="accountcode" value="` + user + `"/>`
			text = strings.Replace(text, account, account+`<variable name="rtp_secure_media" value="mandatory"/>`, 1)
		}
		return text
	})
}

// embeddedWith is a copy of the embedded configuration whose files were changed.
func embeddedWith(t *testing.T, change func(text string) string) string {
	t.Helper()
	dir := t.TempDir()
	err := fs.WalkDir(config.Embedded(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(config.Embedded(), path)
		if err != nil {
			return err
		}
		target := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, []byte(change(string(data))), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestMatrix calls from every kind of phone to every kind: audio passes both ways, whatever transport and whatever encryption.
func TestMatrix(t *testing.T) {
	ex := startWith(t, sdesUsers(t))
	callers := []*phone{ex.phone(t, browser, "1000"), ex.phone(t, rtpPhone, "1001"), ex.phone(t, sdesPhone, "1010")}
	callees := []*phone{ex.phone(t, browser, "1002"), ex.phone(t, rtpPhone, "1003"), ex.phone(t, sdesPhone, "1011")}
	for _, from := range callers {
		for _, to := range callees {
			t.Run(from.name+" to "+to.name, func(t *testing.T) {
				a, b := connect(t, from, to)
				hearEachOther(t, a, b)
				a.hangup(t)
				b.ended(t)
			})
		}
	}
}
