// Package cdr writes call detail records: a line for each leg that has ended, as FreeSWITCH's mod_json_cdr and mod_cdr_csv do.
//
// Writer.Take is called by the leg's goroutine and never waits: records go through a queue with a bound to one goroutine that owns every file.
// A disk that is slow or full costs records, which are counted and told, and never a call. Secrets are taken out before anything is written, and
// values from the wire never act as syntax of the format.
package cdr
