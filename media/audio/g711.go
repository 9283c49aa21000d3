package audio

import "math/bits"

// The tables of ITU-T G.711. Decoding goes by the byte, encoding by the upper 14 (µ-law) or 13 (A-law) bits of the sample: the lower
// bits never decide.
var (
	muToLinear = muDecodeTable()
	aToLinear  = aDecodeTable()
	linearToMu = muEncodeTable()
	linearToA  = aEncodeTable()
)

// MuLawDecode is the sample of a µ-law byte, ITU-T G.711 table 2.
func MuLawDecode(b byte) int16 { return muToLinear[b] }

// MuLawEncode is the µ-law byte of a sample, ITU-T G.711 table 2.
func MuLawEncode(v int16) byte { return linearToMu[uint16(v)>>2] }

// ALawDecode is the sample of an A-law byte, ITU-T G.711 table 1.
func ALawDecode(b byte) int16 { return aToLinear[b] }

// ALawEncode is the A-law byte of a sample, ITU-T G.711 table 1.
func ALawEncode(v int16) byte { return linearToA[uint16(v)>>3] }

// pcmu is PCMU of RFC 3551 §4.5.14.
type pcmu struct{}

func (pcmu) Rate() int { return 8000 }

func (pcmu) Encode(dst []byte, pcm []int16) []byte {
	for _, v := range pcm {
		dst = append(dst, linearToMu[uint16(v)>>2])
	}
	return dst
}

func (pcmu) Decode(dst []int16, payload []byte) []int16 {
	for _, b := range payload {
		dst = append(dst, muToLinear[b])
	}
	return dst
}

// pcma is PCMA of RFC 3551 §4.5.14.
type pcma struct{}

func (pcma) Rate() int { return 8000 }

func (pcma) Encode(dst []byte, pcm []int16) []byte {
	for _, v := range pcm {
		dst = append(dst, linearToA[uint16(v)>>3])
	}
	return dst
}

func (pcma) Decode(dst []int16, payload []byte) []int16 {
	for _, b := range payload {
		dst = append(dst, aToLinear[b])
	}
	return dst
}

// muBias is what µ-law adds to a magnitude so that its segments start at powers of two: 33 in G.711's 14 bits, here in 16.
const muBias = 33 << 2

// muDecodeTable builds µ-law's samples: sign, three bits of segment, four of step, all inverted on the wire.
func muDecodeTable() (t [256]int16) {
	for i := range t {
		b := ^byte(i)
		segment := b >> 4 & 7
		v := (int16(b&0x0f)<<3+muBias)<<segment - muBias
		if b&0x80 != 0 {
			v = -v
		}
		t[i] = v
	}
	return t
}

// muEncodeTable builds the byte of each 14-bit value.
func muEncodeTable() (t [1 << 14]byte) {
	for i := range t {
		v := int32(int16(uint16(i) << 2))
		sign := byte(0)
		if v < 0 {
			// The magnitude of the step's middle: -1 and -4 are the same step, and it is the one of +0.
			v, sign = -(v + 3), 0x80
		}
		v = min(v+muBias, 0x7fff)
		segment := byte(bits.Len32(uint32(v)) - 8)
		t[i] = ^(sign | segment<<4 | byte(v>>(segment+3))&0x0f)
	}
	return t
}

// aDecodeTable builds A-law's samples: sign, three bits of segment, four of step, every other bit inverted on the wire.
func aDecodeTable() (t [256]int16) {
	for i := range t {
		b := byte(i) ^ 0x55
		segment := b >> 4 & 7
		v := int16(b&0x0f)<<4 + 8
		if segment > 0 {
			v = (v + 0x100) << (segment - 1)
		}
		if b&0x80 == 0 {
			v = -v
		}
		t[i] = v
	}
	return t
}

// aEncodeTable builds the byte of each 13-bit value.
func aEncodeTable() (t [1 << 13]byte) {
	for i := range t {
		v := int32(int16(uint16(i) << 3))
		sign := byte(0x80)
		if v < 0 {
			v, sign = -v-8, 0
		}
		segment := byte(0)
		if v >= 0x100 {
			segment = byte(bits.Len32(uint32(v)) - 8)
		}
		shift := max(segment, 1) + 3
		t[i] = (sign | segment<<4 | byte(v>>shift)&0x0f) ^ 0x55
	}
	return t
}
