//go:build !unix

package cli

import "os"

// notifyResize tells nothing here: the window keeps the size it had at first.
func notifyResize(chan<- os.Signal) {}
