package config

import (
	"embed"
	"io/fs"
)

//go:embed embedded
var embedded embed.FS

// Embedded is the configuration tree the binary carries.
func Embedded() fs.FS {
	sub, err := fs.Sub(embedded, "embedded")
	if err != nil {
		return embedded // cannot happen: the folder name is a constant
	}
	return sub
}
