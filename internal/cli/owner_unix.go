//go:build unix

package cli

import (
	"io/fs"
	"syscall"
)

// owner is the user a file belongs to.
func owner(info fs.FileInfo) (uid uint32, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return stat.Uid, true
}
