//go:build unix

package main

import (
	"fmt"
	"os/user"
	"strconv"
	"syscall"
)

// newSession takes a process away from the terminal.
func newSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// become changes to another user and group for good.
func become(name, group string) error {
	if name == "" && group == "" {
		return nil
	}
	uid, gid := -1, -1
	if name != "" {
		u, err := user.Lookup(name)
		if err != nil {
			return fmt.Errorf("talkpath: -u: %w", err)
		}
		uid, _ = strconv.Atoi(u.Uid)
		gid, _ = strconv.Atoi(u.Gid)
	}
	if group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			return fmt.Errorf("talkpath: -g: %w", err)
		}
		gid, _ = strconv.Atoi(g.Gid)
	}
	if err := syscall.Setgroups([]int{gid}); err != nil {
		return fmt.Errorf("talkpath: change of group: %w", err)
	}
	if err := syscall.Setgid(gid); err != nil {
		return fmt.Errorf("talkpath: change of group: %w", err)
	}
	if uid >= 0 {
		if err := syscall.Setuid(uid); err != nil {
			return fmt.Errorf("talkpath: change of user: %w", err)
		}
	}
	return nil
}
