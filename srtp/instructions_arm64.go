//go:build !purego

package srtp

import "golang.org/x/sys/cpu"

// processor tells what this processor has.
func processor() instructions {
	return instructions{aes: cpu.ARM64.HasAES, sha1: cpu.ARM64.HasSHA1}
}
