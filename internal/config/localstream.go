package config

import "github.com/talkpath/talkpath/internal/fsxml"

// LocalStream is a <directory> of local_stream.conf: a folder of music.
type LocalStream struct {
	Name    string // as written, with the rate where the tree has it: "default", "moh/8000"
	Path    string // absolute, or below the working directory
	Rate    int    // of the folder's files; 8000 when the tree does not say
	Shuffle bool
	File    string
	Line    int
}

// localStreamParams are the params of a directory that mean something or nothing here; the others (chimes) are reported.
const localStreamParams = "rate shuffle channels interval timer-name prebuf blank-img pause-duration text-opacity"

// localStreams reads local_stream.conf by name. Of two of one name the last counts, as in mod_local_stream.c.
func (r *reader) localStreams(n *fsxml.Node) map[string]LocalStream {
	if n == nil {
		return nil
	}
	all := map[string]LocalStream{}
	for _, d := range n.All("directory") {
		name, path := d.Attr("name"), d.Attr("path")
		if name == "" || path == "" {
			r.problem(d, fsxml.Error, "local_stream.conf: a directory needs name and path; it is ignored")
			continue
		}
		s := newSettings(r, d)
		s.add(d)
		all[name] = LocalStream{Name: name, Path: path, Rate: s.number("rate", 8000, 8000, 48000), Shuffle: s.flag("shuffle", false), File: d.File, Line: d.Line}
		r.unknownParams("local_stream.conf", s, words(localStreamParams))
	}
	return all
}
