//go:build !purego

#include "textflag.h"

// func hasSHA() bool
//
// CPUID leaf 7, EBX bit 29: golang.org/x/sys/cpu does not tell.
TEXT ·hasSHA(SB), NOSPLIT, $0-1
	MOVB $0, ret+0(FP)
	XORL AX, AX
	CPUID
	CMPL AX, $7
	JLT  none
	MOVL $7, AX
	XORL CX, CX
	CPUID
	SHRL $29, BX
	ANDL $1, BX
	MOVB BX, ret+0(FP)

none:
	RET
