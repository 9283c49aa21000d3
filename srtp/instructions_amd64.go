//go:build !purego

package srtp

import "golang.org/x/sys/cpu"

// extensions is found once: CPUID leaves a virtual machine, which takes longer than making a context. It never changes.
var extensions = detect()

func processor() instructions { return extensions }

// detect tells what this processor has. All of it shuffles bytes with SSSE3.
func detect() instructions {
	return instructions{
		aes:  cpu.X86.HasAES && cpu.X86.HasSSSE3,
		sha1: cpu.X86.HasSSSE3 && hasSHA(),
		mul:  cpu.X86.HasPCLMULQDQ && cpu.X86.HasSSSE3,
	}
}

// hasSHA tells whether there are the SHA extensions.
func hasSHA() bool
