// Package admin is what an administrator and his machines ask an exchange over HTTP: metrics for Prometheus (/metrics), whether it lives and takes
// calls (/livez, /readyz) and, when asked for, profiles of the running program (/debug/pprof).
//
// It owns the listener and nothing else: figures are read at each scrape from what counts them, by functions that take no lock a packet waits for.
package admin
