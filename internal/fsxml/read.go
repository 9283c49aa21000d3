package fsxml

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
)

// Bounds of reading ahead: a directory with one file for each of 10,000 users is mostly waiting for the disk.
const (
	readAhead   = 128      // files
	readers     = 8        // goroutines; they end before readMany returns
	aheadLimit  = 64 << 10 // larger files are read when it is their turn
	aheadAtAll  = 8        // fewer files are not worth it
	firstBuffer = 4 << 10
)

// errNoFile is a pipe, a device or a socket in the tree.
var errNoFile = errors.New("it is no ordinary file")

// content is a file that has been read, or why not.
type content struct {
	name string
	text []byte
	err  error
	dir  bool
	late bool // too large to be read ahead
}

// readOne reads a file of limit bytes at most.
func (p *preprocessor) readOne(name string, limit int, ahead bool) (c content) {
	c.name = name
	// Opening a pipe would wait for who writes to it, and a device may never end.
	if info, err := fs.Stat(p.l.FS, name); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		c.err = &fs.PathError{Op: "read", Path: name, Err: errNoFile}
		return c
	}
	f, err := p.l.FS.Open(name)
	if err != nil {
		c.err = err
		return c
	}
	defer f.Close()
	size := int64(firstBuffer)
	if info, err := f.Stat(); err == nil {
		if c.dir = info.IsDir(); c.dir {
			return c
		}
		size = info.Size()
	}
	if c.late = ahead && size > aheadLimit; c.late {
		return c
	}
	if size > int64(limit) {
		c.err = p.tooLarge(name)
		return c
	}
	c.text, c.err = readSized(f, int(size), limit)
	if c.err == nil && len(c.text) > limit {
		c.err = p.tooLarge(name)
	}
	return c
}

func (p *preprocessor) tooLarge(name string) error {
	return &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("the configuration is larger than %d bytes", p.max)}
}

// readSized reads to the end of r, which should be after size bytes, or to one byte more than limit.
func readSized(r io.Reader, size, limit int) ([]byte, error) {
	buf := make([]byte, 0, min(size, limit)+1)
	for len(buf) <= limit {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):min(cap(buf), limit+1)])
		buf = buf[:len(buf)+n]
		switch {
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return nil, err
		}
	}
	return buf, nil
}

// readMany reads some files, several at a time, and returns them in their order.
func (p *preprocessor) readMany(names []string) []content {
	all := make([]content, len(names))
	if len(names) < aheadAtAll {
		for i, name := range names {
			all[i] = content{name: name, late: true}
		}
		return all
	}
	limit := p.max - len(p.out)
	var wg sync.WaitGroup
	for w := range readers {
		wg.Go(func() {
			for i := w; i < len(names); i += readers {
				all[i] = p.readOne(names[i], limit, true)
			}
		})
	}
	wg.Wait()
	return all
}
