//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// AES-GCM (NIST SP 800-38D) with the AES instructions and carry-less multiplication. For GHASH a block is turned round, so that the coefficient
// of x^0 is its highest bit; the product of such numbers has a factor x too many, which the powers of H lack. The products of up to five
// blocks are summed before they are reduced. While one group of blocks is multiplied the processor encrypts the next: that is why both
// are in one loop.

DATA reverse<>+0(SB)/8, $0x08090a0b0c0d0e0f
DATA reverse<>+8(SB)/8, $0x0001020304050607
GLOBL reverse<>(SB), RODATA|NOPTR, $16

DATA increment<>+0(SB)/8, $1
DATA increment<>+8(SB)/8, $0
GLOBL increment<>(SB), RODATA|NOPTR, $16

// x^128 = x^7 + x^2 + x + 1, turned round; in both halves.
DATA poly<>+0(SB)/8, $0xc200000000000000
DATA poly<>+8(SB)/8, $0xc200000000000000
GLOBL poly<>(SB), RODATA|NOPTR, $16

// Read from 16-n on: a mask of n bytes.
DATA bytes<>+0(SB)/8, $0xffffffffffffffff
DATA bytes<>+8(SB)/8, $0xffffffffffffffff
DATA bytes<>+16(SB)/8, $0
DATA bytes<>+24(SB)/8, $0
GLOBL bytes<>(SB), RODATA|NOPTR, $32

// MULTIPLY adds the product of x and a power to X5 (low), X6 (middle) and X7 (high).
#define MULTIPLY(x, power) \
	MOVOU     power, X14    \
	MOVO      x, X4         \
	PCLMULQDQ $0x00, X14, X4 \
	PXOR      X4, X5        \
	MOVO      x, X4         \
	PCLMULQDQ $0x11, X14, X4 \
	PXOR      X4, X7        \
	MOVO      x, X4         \
	PCLMULQDQ $0x01, X14, X4 \
	PXOR      X4, X6        \
	PCLMULQDQ $0x10, X14, x \
	PXOR      x, X6

#define CLEAR \
	PXOR X5, X5 \
	PXOR X6, X6 \
	PXOR X7, X7

// FOLD reduces the low half of X5.
#define FOLD \
	MOVO      X13, X4        \
	PCLMULQDQ $0x00, X5, X4  \
	PSHUFD    $0x4e, X5, X5  \
	PXOR      X4, X5

// REDUCE makes the sum of the products, X12.
#define REDUCE \
	MOVO  X6, X4  \
	PSLLO $8, X4  \
	PXOR  X4, X5  \
	PSRLO $8, X6  \
	FOLD          \
	PXOR  X6, X7  \
	FOLD          \
	PXOR  X5, X7  \
	MOVO  X7, X12

// CRYPT applies the keystream x to 16 bytes and leaves the encrypted ones, turned round, in x.
#define CRYPT(x, data) \
	MOVOU  data, X4  \
	MOVO   x, X14    \
	PXOR   X4, X14   \
	MOVOU  X14, data \
	PAND   X9, x     \
	PXOR   X4, x     \
	PSHUFB X8, x

// func gcmProduct(product, a, b *[16]byte)
TEXT ·gcmProduct(SB), NOSPLIT, $0-24
	MOVQ product+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVOU poly<>(SB), X13
	MOVOU (SI), X0
	CLEAR
	MULTIPLY(X0, (DX))
	REDUCE
	MOVOU X12, (DI)
	RET

// func gcmCrypt(keys *gcm, nonce *[16]byte, aad, text []byte, rests *[2][16]byte, tag *[16]byte, seal int)
TEXT ·gcmCrypt(SB), NOSPLIT, $0-88
	MOVQ keys+0(FP), AX
	MOVQ nonce+8(FP), BX
	MOVOU reverse<>(SB), X8
	MOVOU increment<>(SB), X11
	MOVOU poly<>(SB), X13
	MOVQ seal+80(FP), X9
	PUNPCKLQDQ X9, X9
	MOVOU (BX), X10
	PSHUFB X8, X10
	MOVQ aesKey_rounds(AX), DX // the key is the first field of gcm
	DECQ DX

	// The first block of keystream hides the tag.
	PADDL X11, X10
	MOVO X10, X15
	PADDL X11, X10
	PSHUFB X8, X15
	MOVOU (AX), X4
	PXOR X4, X15
	LEAQ 16(AX), R8
	MOVQ DX, R9

maskRound:
	MOVOU (R8), X4
	AESENC X4, X15
	ADDQ $16, R8
	DECQ R9
	JNZ maskRound
	MOVOU (R8), X4
	AESENCLAST X4, X15

	// The associated data, block by block: it has one or two.
	MOVQ aad_base+16(FP), SI
	MOVQ aad_len+24(FP), R9
	MOVQ rests+64(FP), R11
	PXOR X12, X12

aad:
	SUBQ $16, R9
	JL aadRest

aadBlock:
	MOVOU (SI), X0
	PSHUFB X8, X0
	PXOR X12, X0
	CLEAR
	MULTIPLY(X0, gcm_powers(AX))
	REDUCE
	ADDQ $16, SI
	JMP aad

aadRest:
	CMPQ R9, $-16
	JLE aadEnd
	MOVQ R11, SI
	XORL R9, R9
	JMP aadBlock

aadEnd:
	MOVQ text_base+40(FP), SI
	MOVQ text_len+48(FP), CX

four:
	MOVOU (AX), X4
	MOVO X10, X0
	PADDL X11, X10
	MOVO X10, X1
	PADDL X11, X10
	MOVO X10, X2
	PADDL X11, X10
	MOVO X10, X3
	PADDL X11, X10
	PSHUFB X8, X0
	PSHUFB X8, X1
	PSHUFB X8, X2
	PSHUFB X8, X3
	PXOR X4, X0
	PXOR X4, X1
	PXOR X4, X2
	PXOR X4, X3
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

	CLEAR
	CMPQ CX, $64
	JLT rest
	CRYPT(X0, (SI))
	CRYPT(X1, 16(SI))
	CRYPT(X2, 32(SI))
	CRYPT(X3, 48(SI))
	PXOR X12, X0
	MULTIPLY(X3, gcm_powers(AX))
	MULTIPLY(X2, gcm_powers+16(AX))
	MULTIPLY(X1, gcm_powers+32(AX))
	MULTIPLY(X0, gcm_powers+48(AX))
	REDUCE
	ADDQ $64, SI
	SUBQ $64, CX
	JMP four

rest: // none to three blocks, perhaps a part of one, and the lengths
	LEAQ 15(CX), R10
	ANDQ $~15, R10
	LEAQ gcm_powers(AX)(R10*1), R10 // the power of the first of them

restBlock:
	CMPQ CX, $16
	JLT restPart
	CRYPT(X0, (SI))
	PXOR X12, X0
	PXOR X12, X12
	MULTIPLY(X0, (R10))
	MOVO X1, X0
	MOVO X2, X1
	MOVO X3, X2
	ADDQ $16, SI
	SUBQ $16, R10
	SUBQ $16, CX
	JMP restBlock

restPart:
	TESTQ CX, CX
	JZ lengths
	LEAQ bytes<>+16(SB), R8
	SUBQ CX, R8
	MOVOU (R8), X4
	PAND X4, X0
	CRYPT(X0, 16(R11))
	PXOR X12, X0
	PXOR X12, X12
	MULTIPLY(X0, (R10))

lengths:
	MOVQ aad_len+24(FP), R8
	MOVQ text_len+48(FP), R9
	SHLQ $3, R8
	SHLQ $3, R9
	MOVQ R9, X0
	MOVQ R8, X1
	PUNPCKLQDQ X1, X0
	PXOR X12, X0
	MULTIPLY(X0, gcm_powers(AX))
	REDUCE
	MOVQ tag+72(FP), DI
	PSHUFB X8, X12
	PXOR X15, X12
	MOVOU X12, (DI)
	RET
