package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// page is a built tree in small.
func page() fstest.MapFS {
	script := strings.Repeat("console.log('phone');\n", 100)
	return fstest.MapFS{
		".keep":                  {},
		"index.html":             {Data: []byte("<!doctype html><title>phone</title>")},
		"icon.svg":               {Data: []byte("<svg/>")},
		"assets/index-abc123.js": {Data: []byte(script)},
		"assets/data.bin":        {Data: []byte{0, 1, 2}},
	}
}

func get(t *testing.T, h http.Handler, method, target string, header map[string]string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestHandlerServesFiles(t *testing.T) {
	h := newHandler(page())
	tests := []struct {
		name, method, target string
		status               int
		contentType, cache   string
	}{
		{"root is the page", "GET", "/", 200, "text/html; charset=utf-8", "no-cache"},
		{"query is ignored", "GET", "/?x=1", 200, "text/html; charset=utf-8", "no-cache"},
		{"page by name", "GET", "/index.html", 200, "text/html; charset=utf-8", "no-cache"},
		{"icon", "GET", "/icon.svg", 200, "image/svg+xml", "no-cache"},
		{"hashed asset is immutable", "GET", "/assets/index-abc123.js", 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"unknown type is opaque", "GET", "/assets/data.bin", 200, "application/octet-stream", "public, max-age=31536000, immutable"},
		{"head", "HEAD", "/", 200, "text/html; charset=utf-8", "no-cache"},
		{"absent", "GET", "/nothing", 404, "text/plain; charset=utf-8", ""},
		{"dot files stay hidden", "GET", "/.keep", 404, "text/plain; charset=utf-8", ""},
		{"no folder listing", "GET", "/assets/", 404, "text/plain; charset=utf-8", ""},
		{"no escape", "GET", "/../handler.go", 404, "text/plain; charset=utf-8", ""},
		{"post", "POST", "/", 405, "text/plain; charset=utf-8", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			res := get(t, h, test.method, test.target, nil)
			if res.StatusCode != test.status {
				t.Errorf("status %d, want %d", res.StatusCode, test.status)
			}
			if got := res.Header.Get("Content-Type"); got != test.contentType {
				t.Errorf("Content-Type %q, want %q", got, test.contentType)
			}
			if got := res.Header.Get("Cache-Control"); got != test.cache {
				t.Errorf("Cache-Control %q, want %q", got, test.cache)
			}
			for _, name := range []string{"Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options"} {
				if res.Header.Get(name) == "" {
					t.Errorf("%s is missing", name)
				}
			}
			if got := res.Header.Get("Permissions-Policy"); !strings.Contains(got, "microphone=(self)") {
				t.Errorf("Permissions-Policy %q does not allow the microphone", got)
			}
			if body, _ := io.ReadAll(res.Body); test.method == "HEAD" && len(body) > 0 {
				t.Errorf("HEAD has a body of %d bytes", len(body))
			}
		})
	}
}

func TestHandlerForbidsInlineCode(t *testing.T) {
	policy := get(t, newHandler(page()), "GET", "/", nil).Header.Get("Content-Security-Policy")
	for _, forbidden := range []string{"unsafe-inline", "unsafe-eval", "*"} {
		if strings.Contains(policy, forbidden) {
			t.Errorf("policy %q contains %q", policy, forbidden)
		}
	}
}

func TestHandlerCompresses(t *testing.T) {
	h := newHandler(page())
	const script = "/assets/index-abc123.js"
	tests := []struct {
		name, target, accept string
		zipped               bool
	}{
		{"not asked for", script, "", false},
		{"asked for", script, "br, gzip;q=0.8", true},
		{"refused", script, "gzip;q=0", false},
		{"too small to gain", "/icon.svg", "gzip", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			res := get(t, h, "GET", test.target, map[string]string{"Accept-Encoding": test.accept})
			zipped := res.Header.Get("Content-Encoding") == "gzip"
			if zipped != test.zipped {
				t.Fatalf("gzip %v, want %v", zipped, test.zipped)
			}
			body := io.Reader(res.Body)
			if zipped {
				zip, err := gzip.NewReader(res.Body)
				if err != nil {
					t.Fatal(err)
				}
				body = zip
			}
			got, err := io.ReadAll(body)
			if err != nil {
				t.Fatal(err)
			}
			if want := string(page()[strings.TrimPrefix(test.target, "/")].Data); string(got) != want {
				t.Errorf("body of %d bytes, want %d", len(got), len(want))
			}
		})
	}
}

func TestHandlerRevalidates(t *testing.T) {
	h := newHandler(page())
	etag := get(t, h, "GET", "/", nil).Header.Get("ETag")
	for name, test := range map[string]struct {
		header string
		status int
	}{
		"same":      {etag, 304},
		"weak list": {`"x", W/` + etag, 304},
		"other":     {`"x"`, 200},
	} {
		t.Run(name, func(t *testing.T) {
			if res := get(t, h, "GET", "/", map[string]string{"If-None-Match": test.header}); res.StatusCode != test.status {
				t.Errorf("status %d, want %d", res.StatusCode, test.status)
			}
		})
	}
}

func TestHandlerWithoutPage(t *testing.T) {
	empty := fstest.MapFS{".keep": {}}
	if built(empty) {
		t.Error("a tree of nothing but .keep counts as built")
	}
	if !built(page()) {
		t.Error("a tree with a page does not count as built")
	}
	res := get(t, newHandler(empty), "GET", "/", nil)
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", res.StatusCode)
	}
	for _, hint := range []string{"make run", "make web"} {
		if !strings.Contains(string(body), hint) {
			t.Errorf("the page does not mention %q", hint)
		}
	}
	if res := get(t, newHandler(empty), "GET", "/assets/x.js", nil); res.StatusCode != http.StatusNotFound {
		t.Errorf("asset: status %d, want 404", res.StatusCode)
	}
}

// TestEmbeddedTree holds whichever of the two states this checkout is in.
func TestEmbeddedTree(t *testing.T) {
	res := get(t, Handler(), "GET", "/", nil)
	want := http.StatusServiceUnavailable
	if Built() {
		want = http.StatusOK
	}
	if res.StatusCode != want {
		t.Errorf("status %d, want %d with Built() = %v", res.StatusCode, want, Built())
	}
}
