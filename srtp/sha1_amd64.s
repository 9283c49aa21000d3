//go:build !purego

#include "textflag.h"

// SHA-1 (FIPS 180-4 §6.1) with the SHA extensions. A state of five words is two registers: X0 has a, b, c, d with a in the highest
// lane, and e is the highest lane of X1 (even groups) or X2 (odd groups). X3 to X6 hold sixteen words of the message schedule, the
// earliest in the highest lane of X3. X7 turns bytes round. X8 and X9 keep the state that the block began with.

DATA turn<>+0(SB)/8, $0x08090a0b0c0d0e0f
DATA turn<>+8(SB)/8, $0x0001020304050607
GLOBL turn<>(SB), RODATA|NOPTR, $16

// Words 4 to 7 of the outer block behind the digest's last word: the padding bit.
DATA pad<>+0(SB)/8, $0
DATA pad<>+8(SB)/8, $0x0000000080000000
GLOBL pad<>(SB), RODATA|NOPTR, $16

// Words 12 to 15 of the outer block: its length of 64+20 bytes, in bits.
DATA outerLength<>+0(SB)/8, $672
DATA outerLength<>+8(SB)/8, $0
GLOBL outerLength<>(SB), RODATA|NOPTR, $16

// The parts of four rounds. w is the group's words; e has the e of the group before, f gets that of the next.
#define ROUNDS(k, w, e, f) \
	SHA1NEXTE w, e        \
	MOVO      X0, f       \
	SHA1RNDS4 $k, e, X0

// The schedule, one step each: w[t] = rol1(w[t-3] ^ w[t-8] ^ w[t-14] ^ w[t-16]).
#define FIRST(w, before) SHA1MSG1 w, before
#define XOR(w, before2) PXOR w, before2
#define LAST(w, next) SHA1MSG2 w, next

#define GROUP(k, w, next, before2, before, e, f) \
	SHA1NEXTE w, e          \
	MOVO      X0, f         \
	LAST(w, next)           \
	SHA1RNDS4 $k, e, X0     \
	FIRST(w, before)        \
	XOR(w, before2)

// LOAD reads a block from SI.
#define LOAD \
	MOVOU  (SI), X3   \
	MOVOU  16(SI), X4 \
	MOVOU  32(SI), X5 \
	MOVOU  48(SI), X6 \
	PSHUFB X7, X3     \
	PSHUFB X7, X4     \
	PSHUFB X7, X5     \
	PSHUFB X7, X6

// COMPRESS works the block in X3 to X6 into the state.
#define COMPRESS \
	MOVO      X0, X8      \
	MOVO      X1, X9      \
	PADDL     X3, X1      \
	MOVO      X0, X2      \
	SHA1RNDS4 $0, X1, X0  \
	ROUNDS(0, X4, X2, X1) \
	FIRST(X4, X3)         \
	ROUNDS(0, X5, X1, X2) \
	FIRST(X5, X4)         \
	XOR(X5, X3)           \
	GROUP(0, X6, X3, X4, X5, X2, X1) \
	GROUP(0, X3, X4, X5, X6, X1, X2) \
	GROUP(1, X4, X5, X6, X3, X2, X1) \
	GROUP(1, X5, X6, X3, X4, X1, X2) \
	GROUP(1, X6, X3, X4, X5, X2, X1) \
	GROUP(1, X3, X4, X5, X6, X1, X2) \
	GROUP(1, X4, X5, X6, X3, X2, X1) \
	GROUP(2, X5, X6, X3, X4, X1, X2) \
	GROUP(2, X6, X3, X4, X5, X2, X1) \
	GROUP(2, X3, X4, X5, X6, X1, X2) \
	GROUP(2, X4, X5, X6, X3, X2, X1) \
	GROUP(2, X5, X6, X3, X4, X1, X2) \
	GROUP(3, X6, X3, X4, X5, X2, X1) \
	GROUP(3, X3, X4, X5, X6, X1, X2) \
	ROUNDS(3, X4, X2, X1) \
	LAST(X4, X5)          \
	XOR(X4, X6)           \
	ROUNDS(3, X5, X1, X2) \
	LAST(X5, X6)          \
	ROUNDS(3, X6, X2, X1) \
	SHA1NEXTE X9, X1      \
	PADDL     X8, X0

// STATE reads the five words at off(r).
#define STATE(r, off) \
	MOVOU  off(r), X0     \
	PSHUFD $0x1b, X0, X0  \
	MOVL   off+16(r), DX  \
	MOVQ   DX, X1         \
	PSLLO  $12, X1

// func sha1Block(state *[5]uint32, block *[64]byte)
TEXT ·sha1Block(SB), NOSPLIT, $0-16
	MOVQ state+0(FP), AX
	MOVQ block+8(FP), SI
	MOVOU turn<>(SB), X7
	STATE(AX, 0)
	LOAD
	COMPRESS
	PSHUFD $0x1b, X0, X0
	MOVOU X0, (AX)
	PSRLO $12, X1
	MOVQ X1, DX
	MOVL DX, 16(AX)
	RET

// func hmacSHA1Sum(keyed *[2][5]uint32, msg, last []byte, digest *[20]byte)
TEXT ·hmacSHA1Sum(SB), NOSPLIT, $0-64
	MOVQ keyed+0(FP), AX
	MOVQ msg_base+8(FP), SI
	MOVQ msg_len+16(FP), CX
	SHRQ $6, CX
	MOVQ last_base+32(FP), R8
	MOVQ last_len+40(FP), R9
	SHRQ $6, R9
	MOVQ digest+56(FP), DI
	MOVOU turn<>(SB), X7
	STATE(AX, 0)
	TESTQ CX, CX
	JZ next

block:
	LOAD
	ADDQ $64, SI

compress:
	COMPRESS
	DECQ CX
	JNZ block

next: // msg, then last, then the outer block, then the end
	TESTQ R9, R9
	JZ outer
	JS end
	MOVQ R8, SI
	MOVQ R9, CX
	XORL R9, R9
	JMP block

outer: // The digest is in the registers in the shape of message words.
	MOVO X0, X3
	MOVO X1, X4
	MOVOU pad<>(SB), X5
	POR X5, X4
	PXOR X5, X5
	MOVOU outerLength<>(SB), X6
	STATE(AX, 20)
	MOVL $1, CX
	MOVQ $-1, R9
	JMP compress

end:
	PSHUFB X7, X0
	MOVOU X0, (DI)
	PSRLO $12, X1
	MOVQ X1, DX
	BSWAPL DX
	MOVL DX, 16(DI)
	RET
