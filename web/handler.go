package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed missing.html
var missingPage []byte

// contentSecurityPolicy allows what the phone needs and nothing else: its own files, WebSocket signalling to any switch (the address
// is the user's choice in the form), and media elements fed from WebRTC streams. No inline script or style, no foreign frames.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self' wss: ws:; media-src 'self' blob: mediastream:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// missingPolicy is for the page that says the phone is missing: it carries its own style.
const missingPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// contentTypes names every kind of file Vite emits, so that the answer does not depend on the machine's MIME tables.
var contentTypes = map[string]string{
	".html":        "text/html; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".css":         "text/css; charset=utf-8",
	".svg":         "image/svg+xml",
	".png":         "image/png",
	".ico":         "image/x-icon",
	".json":        "application/json",
	".webmanifest": "application/manifest+json",
	".txt":         "text/plain; charset=utf-8",
}

// asset is one file, ready to send.
type asset struct {
	contentType, cacheControl, etag string
	body, gzipped                   []byte // gzipped is nil when it would not be smaller
}

// handler serves a fixed set of files from memory. It is immutable after newHandler.
type handler struct {
	assets  map[string]asset // by URL path
	missing bool
}

// newHandler reads all files once. Files that cannot be read are as if they were not there.
func newHandler(files fs.FS) http.Handler {
	if !built(files) {
		return &handler{missing: true}
	}
	h := &handler{assets: make(map[string]asset)}
	_ = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return nil
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return nil
		}
		h.assets["/"+name] = newAsset(name, body)
		return nil
	})
	h.assets["/"] = h.assets["/index.html"]
	return h
}

func newAsset(name string, body []byte) asset {
	contentType, known := contentTypes[path.Ext(name)]
	if !known {
		contentType = "application/octet-stream"
	}
	// Vite puts the content's hash into the names of assets/, so those never change; the page itself is asked for anew each time.
	cacheControl := "no-cache"
	if strings.HasPrefix(name, "assets/") {
		cacheControl = "public, max-age=31536000, immutable"
	}
	sum := sha256.Sum256(body)
	return asset{
		contentType:  contentType,
		cacheControl: cacheControl,
		etag:         `"` + hex.EncodeToString(sum[:12]) + `"`,
		body:         body,
		gzipped:      compress(body),
	}
}

// compress returns nil when gzip saves nothing worth a header.
func compress(body []byte) []byte {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	if _, err := zip.Write(body); err != nil {
		return nil
	}
	if err := zip.Close(); err != nil || out.Len() > len(body)*9/10 {
		return nil
	}
	return out.Bytes()
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	if h.missing {
		h.serveMissing(w, r)
		return
	}
	file, found := h.assets[r.URL.Path]
	if !found {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	serveAsset(w, r, file)
}

// serveMissing answers every path alike: whatever was asked for is not there because nothing was built.
func (h *handler) serveMissing(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", missingPolicy)
	w.Header().Set("Cache-Control", "no-store")
	if r.URL.Path != "/" && r.URL.Path != "/index.html" {
		http.Error(w, "not found: the web phone is not part of this build", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", contentTypes[".html"])
	w.Header().Set("Content-Length", strconv.Itoa(len(missingPage)))
	w.WriteHeader(http.StatusServiceUnavailable)
	if r.Method == http.MethodGet {
		_, _ = w.Write(missingPage) // The client went away: nobody is left to tell.
	}
}

func serveAsset(w http.ResponseWriter, r *http.Request, file asset) {
	header := w.Header()
	header.Set("Content-Type", file.contentType)
	header.Set("Cache-Control", file.cacheControl)
	header.Set("ETag", file.etag)
	header.Set("Vary", "Accept-Encoding")
	if matches(r.Header.Get("If-None-Match"), file.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := file.body
	if file.gzipped != nil && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		header.Set("Content-Encoding", "gzip")
		body = file.gzipped
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // The client went away: nobody is left to tell.
}

// secure sets the headers that every answer carries.
func secure(header http.Header) {
	header.Set("Content-Security-Policy", contentSecurityPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Permissions-Policy", "microphone=(self), camera=(), geolocation=(), display-capture=()")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// matches is If-None-Match with weak comparison, RFC 9110 §13.1.2.
func matches(header, etag string) bool {
	for _, candidate := range strings.Split(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == etag || candidate == "*" {
			return true
		}
	}
	return false
}

// acceptsGzip reads Accept-Encoding, RFC 9110 §12.5.3; only an explicit q of zero refuses.
func acceptsGzip(header string) bool {
	for _, part := range strings.Split(header, ",") {
		coding, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		weight, isWeight := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		value, err := strconv.ParseFloat(weight, 64)
		return !isWeight || err != nil || value > 0
	}
	return false
}
