package config

import (
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// LocalStream is one directory of local_stream.conf: music that local_stream://NAME plays.
type LocalStream struct {
	Name    string // such as moh/8000 or default
	Path    string // folder
	Shuffle bool
}

// localStreams reads local_stream.conf. A name that stands twice keeps its first folder.
func (r *reader) localStreams(n *fsxml.Node) map[string]LocalStream {
	streams := map[string]LocalStream{}
	for _, d := range n.All("directory") {
		s := LocalStream{Name: d.Attr("name"), Path: d.Attr("path")}
		if s.Name == "" || s.Path == "" {
			r.problem(d, fsxml.Error, "a directory of local_stream.conf needs name and path")
			continue
		}
		if _, known := streams[s.Name]; known {
			r.problem(d, fsxml.Warning, "directory %s stands here for the second time; the first one counts", s.Name)
			continue
		}
		for _, p := range d.All("param") {
			if strings.EqualFold(p.Attr("name"), "shuffle") {
				s.Shuffle = isTrue(p.Attr("value"))
			}
		}
		streams[s.Name] = s
	}
	return streams
}
