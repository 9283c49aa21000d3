package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/talkpath/talkpath"
	"github.com/talkpath/talkpath/internal/cli"
)

// commandLine says whether this is a run of the event socket's command line: "talkpath cli …", or the program is called fs_cli.
func commandLine(argv []string) (name string, args []string, ok bool) {
	if name = filepath.Base(argv[0]); strings.TrimSuffix(name, ".exe") == "fs_cli" {
		return name, argv[1:], true
	}
	if len(argv) > 1 && argv[1] == "cli" {
		return name + " cli", argv[2:], true
	}
	return "", nil, false
}

func runCLI(name string, args []string) int {
	p := cli.Program{
		Name: name, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, StateDir: talkpath.DefaultStateDir(),
	}
	return p.Run(context.Background(), args)
}
