//go:build !linux

package bench

import (
	"context"
	"errors"
	"io"
)

func namespaced() (bool, error) { return false, nil }

func runNamespaced(context.Context, int, io.Writer, io.Writer) error {
	return errors.New("comparisons need Linux: they run in a network namespace")
}
