// Package web is the web phone that Talkpath serves on its secure WebSocket port: a TypeScript page built by Vite into dist/ and
// embedded here. The package owns how those files are served (types, caching, security headers) and knows nothing of telephony.
//
// Handler and Built read only the embedded files; they are safe for concurrent use.
package web

import (
	"embed"
	"io/fs"
	"net/http"
)

// dist holds what Vite built, or nothing but .keep in a tree where `make web` has not run.
//
//go:embed all:dist
var dist embed.FS

// Built reports whether the page was built before this binary was.
func Built() bool { return built(files()) }

// Handler serves the page; when it was not built, a page that says how to build it.
func Handler() http.Handler { return newHandler(files()) }

// files is dist/ as the root of a file system.
func files() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil { // Only an invalid path makes Sub fail, and this one is a constant.
		return embed.FS{}
	}
	return sub
}

func built(files fs.FS) bool {
	_, err := fs.Stat(files, "index.html")
	return err == nil
}
