package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// pidName is FreeSWITCH's name of the pid file: unit files refer to it.
const pidName = "freeswitch.pid"

// childMark tells a process in the background what it is; its value is the descriptor on which the parent waits.
const childMark = "TALKPATH_BACKGROUND"

// launch starts this program again, by the same name, in the background and returns when it runs, or with wait when it is ready.
func launch(name string, args []string, wait bool) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("talkpath: background: %w", err)
	}
	pipe, child, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("talkpath: background: %w", err)
	}
	defer pipe.Close()
	cmd := exec.Command(self, args...)
	cmd.Args[0] = name
	cmd.Env = append(os.Environ(), childMark+"=3")
	cmd.ExtraFiles = []*os.File{child}
	cmd.SysProcAttr = newSession()
	err = cmd.Start()
	child.Close()
	if err != nil {
		return fmt.Errorf("talkpath: background: %w", err)
	}
	fmt.Println(cmd.Process.Pid, "Backgrounding.")
	if !wait {
		return cmd.Process.Release()
	}
	said, err := io.ReadAll(pipe) // ends when the child closes its end, or ends itself
	switch {
	case err != nil || len(said) == 0:
		return errors.New("talkpath: the server did not start: see its log")
	case string(said) != ready:
		return fmt.Errorf("talkpath: the server did not start: %s", said)
	}
	return cmd.Process.Release()
}

// ready is what a waiting parent hopes to hear.
const ready = "ready"

// parent is the process that started this one in the background, if there is one.
type parent struct{ once sync.Once }

// tell lets a waiting parent go, with ready or with why there is no server. Only the first word counts: the descriptor is another file's afterwards.
func (p *parent) tell(word string) {
	if !inBackground() {
		return
	}
	p.once.Do(func() {
		pipe := os.NewFile(3, "ready")
		io.WriteString(pipe, word) // a parent that does not wait is gone
		pipe.Close()
	})
}

// inBackground says whether this process is the one that launch started.
func inBackground() bool { return os.Getenv(childMark) != "" }

// writePID writes the pid file; remove takes it away again.
func writePID(dir string) (remove func(), err error) {
	if dir == "" {
		return func() {}, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("talkpath: pid file: %w", err)
	}
	path := filepath.Join(dir, pidName)
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		return nil, fmt.Errorf("talkpath: pid file: %w", err)
	}
	return func() { os.Remove(path) }, nil
}

// stopTimeout is how long -stop waits for the other process to end.
const stopTimeout = 30 * time.Second

// stopOther ends the server whose pid file is in dir, as freeswitch -stop does: at once, not by draining.
func stopOther(dir string, stdout io.Writer) error {
	if dir == "" {
		return errors.New("talkpath: -stop needs -run DIR, where the pid file is")
	}
	data, err := os.ReadFile(filepath.Join(dir, pidName))
	if err != nil {
		return fmt.Errorf("talkpath: stop: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 1 {
		return fmt.Errorf("talkpath: stop: %s holds no process id", filepath.Join(dir, pidName))
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return fmt.Errorf("talkpath: stop: process %d: %w", pid, err)
	}
	defer process.Release()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} { // the second one does not wait for calls
		if err := process.Signal(sig); err != nil {
			return fmt.Errorf("talkpath: stop: process %d: %w", pid, err)
		}
	}
	fmt.Fprintln(stdout, "Killing:", pid)
	for deadline := time.Now().Add(stopTimeout); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone) {
			return nil
		}
	}
	return fmt.Errorf("talkpath: stop: process %d is still there", pid)
}
