//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyResize has the channel told when the terminal's window has another size.
func notifyResize(c chan<- os.Signal) { signal.Notify(c, syscall.SIGWINCH) }
