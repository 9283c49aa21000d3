package cdr

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

// rotated is the name that a rotated file or folder gets, mod_cdr_csv's.
const rotated = "2006-01-02-15-04-05"

const (
	dirMode  = 0o750
	fileMode = 0o640 // callers' numbers are nobody else's business
)

// file is one file that lines are appended to. It is opened when the first line comes, and again after an error.
type file struct {
	path string
	f    *os.File
	size int64
}

// append writes a line. A line that does not fit on the disk is taken back: half a line would spoil the next one.
func (f *file) append(line []byte) error {
	if f.f == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	n, err := f.f.Write(line)
	if err == nil {
		f.size += int64(n)
		return nil
	}
	if n > 0 {
		err = errors.Join(err, f.f.Truncate(f.size))
	}
	f.close()
	return err
}

func (f *file) open() error {
	if err := os.MkdirAll(filepath.Dir(f.path), dirMode); err != nil {
		return err
	}
	opened, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	info, err := opened.Stat()
	if err != nil {
		return errors.Join(err, opened.Close())
	}
	f.f, f.size = opened, info.Size()
	return nil
}

// close is for good or until the next line.
func (f *file) close() {
	if f.f != nil {
		f.f.Close() // every write was checked
		f.f = nil
	}
}

// rename moves the file away under the present time. Twice within a second it stays: nothing is overwritten.
func (f *file) rename() error {
	f.close()
	to := f.path + "." + time.Now().Format(rotated)
	if _, err := os.Lstat(to); err == nil {
		return nil
	}
	err := os.Rename(f.path, to)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
