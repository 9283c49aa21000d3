package talkpath

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// secrets are the passwords made on first start, for configurations that name none. They live in the state directory, readable by its
// owner only, so that phones stay registered and Rocket.Chat stays connected over restarts.
type secrets struct {
	DefaultPassword string `json:"default_password"` // of the embedded tree's users
	ESLPassword     string `json:"esl_password"`     // of the event socket
}

// passwordAlphabet leaves out what is misread: 0 o 1 l i.
const passwordAlphabet = "23456789abcdefghjkmnpqrstuvwxyz"

// loadSecrets reads the secrets of a state directory, making what is missing.
func loadSecrets(stateDir string) (secrets, error) {
	path := filepath.Join(stateDir, "secrets.json")
	var s secrets
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return s, fmt.Errorf("talkpath: secrets: %w", err)
	default:
		if err := json.Unmarshal(data, &s); err != nil {
			return s, fmt.Errorf("talkpath: secrets: %s: %w", path, err)
		}
	}
	if s.DefaultPassword != "" && s.ESLPassword != "" {
		return s, nil
	}
	if s.DefaultPassword == "" {
		s.DefaultPassword = newPassword(3)
	}
	if s.ESLPassword == "" {
		s.ESLPassword = newPassword(5)
	}
	data, err = json.MarshalIndent(s, "", "  ")
	if err != nil {
		return s, fmt.Errorf("talkpath: secrets: %w", err)
	}
	return s, writeFile(path, append(data, '\n'))
}

// newPassword makes groups of four random characters, about 20 bits each, joined by hyphens.
func newPassword(groups int) string {
	var b strings.Builder
	buf := make([]byte, 1)
	for n := 0; n < groups*4; {
		rand.Read(buf) // never fails, crypto/rand
		if int(buf[0]) >= 256-256%len(passwordAlphabet) {
			continue // keeps the distribution even
		}
		if n > 0 && n%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(passwordAlphabet[int(buf[0])%len(passwordAlphabet)])
		n++
	}
	return b.String()
}

// writeFile replaces a file at once, readable by its owner only.
func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("talkpath: write: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("talkpath: write: %w", err)
	}
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
		return fmt.Errorf("talkpath: write: %w", err)
	}
	return nil
}
