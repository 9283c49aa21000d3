//go:build !purego

package srtp

import "golang.org/x/sys/cpu"

// processor tells what this processor has. All of it shuffles bytes with SSSE3.
func processor() instructions {
	return instructions{
		aes:  cpu.X86.HasAES && cpu.X86.HasSSSE3,
		sha1: cpu.X86.HasSSSE3 && hasSHA(),
		mul:  cpu.X86.HasPCLMULQDQ && cpu.X86.HasSSSE3,
	}
}

func hasSHA() bool
