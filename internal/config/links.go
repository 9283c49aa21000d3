package config

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// reportLinks tells which files of a tree are links, or lie behind links, that lead out of its folder. They are read, since the folder is the
// administrator's; but who may write to where they lead configures the server too.
func (r *reader) reportLinks(dir string, files []string) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return
	}
	seen := map[string]bool{".": true}
	for _, file := range files {
		for name := file; !seen[name]; name = path.Dir(name) {
			seen[name] = true
			if !fs.ValidPath(name) {
				break
			}
			full := filepath.Join(dir, filepath.FromSlash(name))
			if info, err := os.Lstat(full); err != nil || info.Mode()&fs.ModeSymlink == 0 {
				continue
			}
			if target, err := filepath.EvalSymlinks(full); err == nil && !within(real, target) {
				r.danger(&fsxml.Node{File: file, Line: 1}, fsxml.Warning, "%s is a link that leads out of the configuration folder, to %s", name, target)
			}
		}
	}
}
