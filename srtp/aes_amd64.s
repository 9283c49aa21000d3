//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// AES (FIPS 197) with the AES instructions, in counter mode.

DATA swap<>+0(SB)/8, $0x08090a0b0c0d0e0f
DATA swap<>+8(SB)/8, $0x0001020304050607
GLOBL swap<>(SB), RODATA|NOPTR, $16

DATA one<>+0(SB)/8, $1
DATA one<>+8(SB)/8, $0
GLOBL one<>(SB), RODATA|NOPTR, $16

// The last word of a round key in all columns, rotated by a byte and as it is.
DATA rotated<>+0(SB)/8, $0x0c0f0e0d0c0f0e0d
DATA rotated<>+8(SB)/8, $0x0c0f0e0d0c0f0e0d
GLOBL rotated<>(SB), RODATA|NOPTR, $16

// NEXTKEY makes the round key behind k of the key before that one, in x, and stores it. The word that enters is in all columns of t,
// so that ShiftRows of AESENCLAST leaves it as it is and what remains is SubWord(t) ^ constant.
#define NEXTKEY(x, t, constant, tmp) \
	AESENCLAST constant, t \
	MOVO  x, tmp           \
	PSLLO $4, tmp          \
	PXOR  tmp, x           \
	MOVO  x, tmp           \
	PSLLO $8, tmp          \
	PXOR  tmp, x           \
	PXOR  t, x             \
	MOVOU x, (DI)          \
	ADDQ  $16, DI          \
	DECQ  CX

// func aesExpandKey(key *aesKey, from *byte)
TEXT ·aesExpandKey(SB), NOSPLIT, $0-16
	MOVQ key+0(FP), DI
	MOVQ from+8(FP), SI
	MOVQ aesKey_rounds(DI), CX
	MOVOU rotated<>(SB), X7
	PXOR X6, X6
	MOVL $1, DX // Rcon
	MOVOU (SI), X0
	MOVOU X0, (DI)
	ADDQ $16, DI
	CMPQ CX, $14
	JEQ key256

key128:
	MOVQ DX, X2
	PSHUFD $0, X2, X2
	MOVO X0, X1
	PSHUFB X7, X1
	NEXTKEY(X0, X1, X2, X3)
	JZ end
	ADDL DX, DX
	CMPL DX, $0x100
	JNE key128
	MOVL $0x1b, DX
	JMP key128

key256:
	MOVOU 16(SI), X4
	MOVOU X4, (DI)
	ADDQ $16, DI
	DECQ CX

pair:
	MOVQ DX, X2
	PSHUFD $0, X2, X2
	MOVO X4, X1
	PSHUFB X7, X1
	NEXTKEY(X0, X1, X2, X3)
	JZ end
	ADDL DX, DX // seven of them: never past 0x40
	PSHUFD $0xff, X0, X1
	NEXTKEY(X4, X1, X6, X3)
	JMP pair

end:
	RET

// func aesCTR(key *aesKey, from counter, data []byte, last *[16]byte)
TEXT ·aesCTR(SB), NOSPLIT, $0-56
	MOVQ key+0(FP), AX
	MOVQ from_high+8(FP), X0
	MOVQ from_low+16(FP), X10
	PUNPCKLQDQ X0, X10
	MOVQ data_base+24(FP), SI
	MOVQ data_len+32(FP), CX
	SHRQ $4, CX
	MOVQ last+48(FP), DI
	MOVOU swap<>(SB), X8
	MOVOU one<>(SB), X9
	MOVQ aesKey_rounds(AX), DX
	DECQ DX
	MOVOU (AX), X11

four:
	MOVO X10, X0
	PADDL X9, X10
	MOVO X10, X1
	PADDL X9, X10
	MOVO X10, X2
	PADDL X9, X10
	MOVO X10, X3
	PADDL X9, X10
	PSHUFB X8, X0
	PSHUFB X8, X1
	PSHUFB X8, X2
	PSHUFB X8, X3
	PXOR X11, X0
	PXOR X11, X1
	PXOR X11, X2
	PXOR X11, X3
	LEAQ 16(AX), R8
	MOVQ DX, R9

round:
	MOVOU (R8), X4
	AESENC X4, X0
	AESENC X4, X1
	AESENC X4, X2
	AESENC X4, X3
	ADDQ $16, R8
	DECQ R9
	JNZ round
	MOVOU (R8), X4
	AESENCLAST X4, X0
	AESENCLAST X4, X1
	AESENCLAST X4, X2
	AESENCLAST X4, X3

	CMPQ CX, $4
	JLT rest
	MOVOU (SI), X4
	PXOR X0, X4
	MOVOU X4, (SI)
	MOVOU 16(SI), X4
	PXOR X1, X4
	MOVOU X4, 16(SI)
	MOVOU 32(SI), X4
	PXOR X2, X4
	MOVOU X4, 32(SI)
	MOVOU 48(SI), X4
	PXOR X3, X4
	MOVOU X4, 48(SI)
	ADDQ $64, SI
	SUBQ $4, CX
	JMP four

rest: // none to three blocks of data, and the one behind them
	TESTQ CX, CX
	JZ end
	MOVOU (SI), X4
	PXOR X0, X4
	MOVOU X4, (SI)
	MOVO X1, X0
	MOVO X2, X1
	MOVO X3, X2
	ADDQ $16, SI
	DECQ CX
	JMP rest

end:
	MOVOU X0, (DI)
	RET
