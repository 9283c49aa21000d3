//go:build !linux

package bench

import (
	"context"
	"errors"
	"io"
	"syscall"
)

func namespaced() (bool, error) { return false, nil }

func runNamespaced(context.Context, io.Writer, io.Writer) error {
	return errors.New("comparisons need Linux: they run in a network namespace")
}

func prioritize(int) error { return nil }

func ownGroup() *syscall.SysProcAttr { return nil }
