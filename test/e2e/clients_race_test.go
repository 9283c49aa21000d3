//go:build race

package e2e

func librariesWithRaces() []library { return nil }
