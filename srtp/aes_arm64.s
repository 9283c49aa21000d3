//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// AES (FIPS 197) with the AES instructions, in counter mode.

// SUBWORD puts SubWord(from) into to. The word is in all columns, so that ShiftRows of AESE leaves it as it is. V31 is zero.
#define SUBWORD(from, to) \
	VDUP from, V30.S4       \
	AESE V31.B16, V30.B16   \
	VMOV V30.S[0], to

// NEXTKEY makes the round key behind the last one of the key before that, and stores it; t is the word that enters.
#define NEXTKEY(t, a, b, c, d) \
	EORW t, a, a        \
	EORW a, b, b        \
	EORW b, c, c        \
	EORW c, d, d        \
	STPW.P (a, b), 8(R0) \
	STPW.P (c, d), 8(R0) \
	SUBS $1, R2, R2

// func aesExpandKey(key *aesKey, from *byte)
TEXT ·aesExpandKey(SB), NOSPLIT, $0-16
	MOVD key+0(FP), R0
	MOVD from+8(FP), R1
	MOVD aesKey_rounds(R0), R2
	VEOR V31.B16, V31.B16, V31.B16
	MOVW $1, R3 // Rcon
	LDPW (R1), (R4, R5)
	LDPW 8(R1), (R6, R7)
	STPW.P (R4, R5), 8(R0)
	STPW.P (R6, R7), 8(R0)
	CMP $14, R2
	BEQ key256

key128:
	RORW $8, R7, R12
	SUBWORD(R12, R12)
	EORW R3, R12, R12
	NEXTKEY(R12, R4, R5, R6, R7)
	BEQ end
	LSLW $1, R3, R3
	CMPW $0x100, R3
	BNE key128
	MOVW $0x1b, R3
	B key128

key256:
	LDPW 16(R1), (R8, R9)
	LDPW 24(R1), (R10, R11)
	STPW.P (R8, R9), 8(R0)
	STPW.P (R10, R11), 8(R0)
	SUB $1, R2, R2

pair:
	RORW $8, R11, R12
	SUBWORD(R12, R12)
	EORW R3, R12, R12
	NEXTKEY(R12, R4, R5, R6, R7)
	BEQ end
	LSLW $1, R3, R3 // seven of them: never past 0x40
	SUBWORD(R7, R12)
	NEXTKEY(R12, R8, R9, R10, R11)
	B pair

end:
	RET

// COUNTER puts the next counter block into v.
#define COUNTER(v) \
	VMOV V10.B16, v.B16 \
	REVW R7, R8         \
	VMOV R8, v.S[3]     \
	ADDW $1, R7, R7

// func aesCTR(key *aesKey, from counter, data []byte, last *[16]byte)
TEXT ·aesCTR(SB), NOSPLIT, $0-56
	MOVD key+0(FP), R0
	MOVD from_high+8(FP), R1
	MOVD from_low+16(FP), R7
	MOVD data_base+24(FP), R2
	MOVD data_len+32(FP), R3
	MOVD last+48(FP), R4
	MOVD aesKey_rounds(R0), R5
	SUB $1, R5, R5
	REV R1, R8
	VMOV R8, V10.D[0]
	REV R7, R8
	VMOV R8, V10.D[1]

four:
	COUNTER(V0)
	COUNTER(V1)
	COUNTER(V2)
	COUNTER(V3)
	MOVD R0, R9
	MOVD R5, R10

round:
	VLD1.P 16(R9), [V4.B16]
	AESE V4.B16, V0.B16
	AESMC V0.B16, V0.B16
	AESE V4.B16, V1.B16
	AESMC V1.B16, V1.B16
	AESE V4.B16, V2.B16
	AESMC V2.B16, V2.B16
	AESE V4.B16, V3.B16
	AESMC V3.B16, V3.B16
	SUBS $1, R10, R10
	BNE round
	VLD1 (R9), [V4.B16, V5.B16]
	AESE V4.B16, V0.B16
	AESE V4.B16, V1.B16
	AESE V4.B16, V2.B16
	AESE V4.B16, V3.B16
	VEOR V5.B16, V0.B16, V0.B16
	VEOR V5.B16, V1.B16, V1.B16
	VEOR V5.B16, V2.B16, V2.B16
	VEOR V5.B16, V3.B16, V3.B16

	CMP $64, R3
	BLT rest
	VLD1 (R2), [V4.B16, V5.B16, V6.B16, V7.B16]
	VEOR V4.B16, V0.B16, V0.B16
	VEOR V5.B16, V1.B16, V1.B16
	VEOR V6.B16, V2.B16, V2.B16
	VEOR V7.B16, V3.B16, V3.B16
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R2)
	SUB $64, R3, R3
	B four

rest: // none to three whole blocks of data, and the keystream behind them
	CMP $16, R3
	BLT end
	VLD1 (R2), [V4.B16]
	VEOR V4.B16, V0.B16, V0.B16
	VST1.P [V0.B16], 16(R2)
	VMOV V1.B16, V0.B16
	VMOV V2.B16, V1.B16
	VMOV V3.B16, V2.B16
	SUB $16, R3, R3
	B rest

end:
	VST1 [V0.B16], (R4)
	RET
