package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// logFile is a log that can be opened again after logrotate has moved it.
type logFile struct {
	path string

	mu   sync.Mutex // guards file
	file *os.File
}

func openLog(dir string) (*logFile, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("talkpath: log: %w", err)
	}
	l := &logFile{path: filepath.Join(dir, "talkpath.log")}
	return l, l.reopen()
}

// reopen goes on in a file of the log's name, which is made if it is not there.
func (l *logFile) reopen() error {
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("talkpath: log: %w", err)
	}
	l.mu.Lock()
	old := l.file
	l.file = f
	l.mu.Unlock()
	if old != nil {
		return old.Close()
	}
	return nil
}

func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Write(p)
}
