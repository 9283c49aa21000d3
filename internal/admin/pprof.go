package admin

import (
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strings"
)

// profiles is net/http/pprof on a mux of its own: the package's own registration is with the default one, which nothing here serves.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// localOnly lets in who comes from this machine and asked for it by an address of it: a web page that made its own name point here (DNS rebinding)
// is kept out, and so is everybody else wherever the listener is.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !peer.Addr().Unmap().IsLoopback() || !localHost(r.Host) {
			answer(w, http.StatusForbidden, "profiles are for this machine only: ask http://127.0.0.1, for instance through ssh -L or kubectl port-forward\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// localHost says whether a Host header names this machine without the DNS.
func localHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}
