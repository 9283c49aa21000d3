// Package config turns a configuration tree into small typed views: SIP profiles, the directory of users, the event socket, the
// core's limits and ports. It owns the embedded tree, the defaults and the validation.
//
// A Snapshot is immutable once Load returned it and safe for concurrent use; a reload makes another one.
package config
