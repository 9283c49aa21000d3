//go:build race

package config

// underRace: the race detector makes everything ten times as slow.
const underRace = true
