//go:build !purego

#include "textflag.h"

// SHA-1 (FIPS 180-4 §6.1) with the SHA-1 instructions. V0 has a, b, c, d from the lowest lane on; e is in V1 (even groups of four rounds) or V2
// (odd ones). V4 to V7 hold sixteen words of the message schedule, V20 to V23 the constants. V8 and V9 keep the state that the
// block began with.

// ROUNDS is four rounds: w are their words, f gets the e of the next four.
#define ROUNDS(function, k, w, e, f) \
	VADD k.S4, w.S4, V16.S4 \
	SHA1H V0, f             \
	function V16.S4, e, V0

// GROUP is four rounds, and the words of those sixteen rounds later in the place of w0.
#define GROUP(function, k, w0, w1, w2, w3, e, f) \
	ROUNDS(function, k, w0, e, f) \
	SHA1SU0 w2.S4, w1.S4, w0.S4   \
	SHA1SU1 w3.S4, w0.S4

#define CONSTANTS \
	MOVD $0x5a827999, R8 \
	VDUP R8, V20.S4      \
	MOVD $0x6ed9eba1, R8 \
	VDUP R8, V21.S4      \
	MOVD $0x8f1bbcdc, R8 \
	VDUP R8, V22.S4      \
	MOVD $0xca62c1d6, R8 \
	VDUP R8, V23.S4

// STATE reads five words.
#define STATE(r) \
	VLD1 (r), [V0.S4]               \
	VEOR V1.B16, V1.B16, V1.B16     \
	MOVWU 16(r), R8                 \
	VMOV R8, V1.S[0]

// LOAD reads a block and goes on behind it.
#define LOAD(r) \
	VLD1.P 64(r), [V4.B16, V5.B16, V6.B16, V7.B16] \
	VREV32 V4.B16, V4.B16 \
	VREV32 V5.B16, V5.B16 \
	VREV32 V6.B16, V6.B16 \
	VREV32 V7.B16, V7.B16

// COMPRESS works the block in V4 to V7 into the state.
#define COMPRESS \
	VMOV V0.B16, V8.B16 \
	VMOV V1.B16, V9.B16 \
	GROUP(SHA1C, V20, V4, V5, V6, V7, V1, V2) \
	GROUP(SHA1C, V20, V5, V6, V7, V4, V2, V1) \
	GROUP(SHA1C, V20, V6, V7, V4, V5, V1, V2) \
	GROUP(SHA1C, V20, V7, V4, V5, V6, V2, V1) \
	GROUP(SHA1C, V20, V4, V5, V6, V7, V1, V2) \
	GROUP(SHA1P, V21, V5, V6, V7, V4, V2, V1) \
	GROUP(SHA1P, V21, V6, V7, V4, V5, V1, V2) \
	GROUP(SHA1P, V21, V7, V4, V5, V6, V2, V1) \
	GROUP(SHA1P, V21, V4, V5, V6, V7, V1, V2) \
	GROUP(SHA1P, V21, V5, V6, V7, V4, V2, V1) \
	GROUP(SHA1M, V22, V6, V7, V4, V5, V1, V2) \
	GROUP(SHA1M, V22, V7, V4, V5, V6, V2, V1) \
	GROUP(SHA1M, V22, V4, V5, V6, V7, V1, V2) \
	GROUP(SHA1M, V22, V5, V6, V7, V4, V2, V1) \
	GROUP(SHA1M, V22, V6, V7, V4, V5, V1, V2) \
	GROUP(SHA1P, V23, V7, V4, V5, V6, V2, V1) \
	ROUNDS(SHA1P, V23, V4, V1, V2) \
	ROUNDS(SHA1P, V23, V5, V2, V1) \
	ROUNDS(SHA1P, V23, V6, V1, V2) \
	ROUNDS(SHA1P, V23, V7, V2, V1) \
	VADD V8.S4, V0.S4, V0.S4 \
	VADD V9.S4, V1.S4, V1.S4

// func sha1Block(state *[5]uint32, block *[64]byte)
TEXT ·sha1Block(SB), NOSPLIT, $0-16
	MOVD state+0(FP), R0
	MOVD block+8(FP), R1
	CONSTANTS
	STATE(R0)
	LOAD(R1)
	COMPRESS
	VST1 [V0.S4], (R0)
	VMOV V1.S[0], R8
	MOVW R8, 16(R0)
	RET

// func hmacSHA1Sum(keyed *[2][5]uint32, msg, last []byte, digest *[20]byte)
TEXT ·hmacSHA1Sum(SB), NOSPLIT, $0-64
	MOVD keyed+0(FP), R0
	MOVD msg_base+8(FP), R1
	MOVD msg_len+16(FP), R2
	LSR $6, R2, R2
	MOVD last_base+32(FP), R3
	MOVD last_len+40(FP), R4
	LSR $6, R4, R4
	MOVD digest+56(FP), R5
	CONSTANTS
	STATE(R0)
	CBZ R2, next

block:
	LOAD(R1)

compress:
	COMPRESS
	SUBS $1, R2, R2
	BNE block

next: // msg, then last, then the outer block, then the end
	CMP $0, R4
	BEQ outer
	BLT end
	MOVD R3, R1
	MOVD R4, R2
	MOVD ZR, R4
	B block

outer: // The digest is in the registers in the shape of message words; the padding bit and the length of 64+20 bytes in bits follow.
	VMOV V0.B16, V4.B16
	VEOR V5.B16, V5.B16, V5.B16
	VMOV V1.S[0], V5.S[0]
	MOVD $0x80000000, R8
	VMOV R8, V5.S[1]
	VEOR V6.B16, V6.B16, V6.B16
	VEOR V7.B16, V7.B16, V7.B16
	MOVD $672, R8
	VMOV R8, V7.S[3]
	ADD $20, R0, R0
	STATE(R0)
	MOVD $1, R2
	MOVD $-1, R4
	B compress

end:
	VREV32 V0.B16, V0.B16
	VST1 [V0.B16], (R5)
	VMOV V1.S[0], R8
	REVW R8, R8
	MOVW R8, 16(R5)
	RET
