package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// inNamespace is set in the environment of the program that runs in its own network namespace.
const inNamespace = "TALKPATH_BENCH_NAMESPACE"

// namespaced says whether this is that program, and then brings the loopback interface up.
func namespaced() (bool, error) {
	if os.Getenv(inNamespace) == "" {
		return false, nil
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return true, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return true, err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return true, os.NewSyscallError("bring up the loopback interface", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr))
}

// runNamespaced runs this program again with the same arguments in a network namespace of its own: no capture, firewall or stranger there makes
// packets dearer.
func runNamespaced(ctx context.Context, stdout, stderr io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, os.Args[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it stops its servers
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Setsid: true} // a session is scheduled as one: see prioritize
	if uid := os.Geteuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("a network namespace of its own needs root or user namespaces: %w", err)
	case errors.As(err, &exit):
		return errReported
	}
	return err
}

// prioritize sets the priority of this process and of what it will start. Where the kernel groups processes by session (sched(7), autogroup), a
// priority counts within the session only, and the session has one of its own.
func prioritize(nice int) error {
	if nice == 0 {
		return nil
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks { // a thread inherits it from the one that starts it
		if id, err := strconv.Atoi(t.Name()); err == nil {
			if err := unix.Setpriority(unix.PRIO_PROCESS, id, nice); err != nil {
				return fmt.Errorf("-nice: %w", err)
			}
		}
	}
	if err := os.WriteFile("/proc/self/autogroup", strconv.AppendInt(nil, int64(nice), 10), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("-nice: %w", err)
	}
	return nil
}

// ownGroup keeps the terminal's signals from a process.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
