package fsxml

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// glob includes every file that matches, in the order of names.
func (p *preprocessor) glob(f *file, pattern string) error {
	name, err := p.resolve(f, pattern)
	if err != nil {
		p.problem(f, Error, "include %q: %v", pattern, err)
		return nil
	}
	if len(p.stack) >= maxIncludeDepth {
		p.problem(f, Error, "include %q: files include each other more than %d deep", pattern, maxIncludeDepth)
		return nil
	}
	matches, err := fs.Glob(p.l.FS, name)
	if err != nil {
		p.problem(f, Error, "include %q: %v", pattern, err)
		return nil
	}
	if len(matches) == 0 && !strings.ContainsAny(name, "*?[") {
		p.problem(f, Warning, "include %q: no such file", pattern)
	}
	if len(matches) == 0 && errors.Is(p.folder(name), fs.ErrPermission) {
		p.problem(f, Error, "include %q: the folder cannot be read", pattern)
	}
	p.lines = append(p.lines, f.line)
	defer func() { p.lines = p.lines[:len(p.lines)-1] }()
	for chunk := range slices.Chunk(matches, readAhead) {
		chunk = slices.DeleteFunc(chunk, func(m string) bool {
			loop := slices.Contains(p.stack, m)
			if loop {
				p.problem(f, Error, "include %q: the file is being included already", pattern)
			}
			return loop
		})
		for _, c := range p.readMany(chunk) {
			if err := p.include(c); err != nil {
				return err
			}
			p.mark(f)
		}
	}
	return nil
}

// folder says why a pattern's folder cannot be listed; Glob keeps that to itself.
func (p *preprocessor) folder(pattern string) error {
	_, err := fs.ReadDir(p.l.FS, path.Dir(pattern))
	return err
}

// resolve makes the path of an include relative to the tree's folder.
func (p *preprocessor) resolve(f *file, name string) (string, error) {
	if strings.HasPrefix(name, "/") {
		rest, ok := strings.CutPrefix(path.Clean(name), strings.TrimRight(p.l.Dir, "/")+"/")
		if p.l.Dir == "" || !ok {
			return "", errors.New("outside of the configuration folder")
		}
		return rest, nil
	}
	name = path.Join(path.Dir(f.name), name)
	if name == ".." || strings.HasPrefix(name, "../") {
		return "", errors.New("outside of the configuration folder")
	}
	return name, nil
}

// unreadable is a file that is there and cannot be read: FreeSWITCH goes on without it, but half a configuration is none.
func (p *preprocessor) unreadable(f *file, err error) error {
	from := p.stack[len(p.stack)-1]
	return fmt.Errorf("fsxml: read: %w (included by %s:%d)", err, from, p.lines[len(p.lines)-1])
}
