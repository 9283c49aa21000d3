package audio

// G722Encoder is ITU-T G.722 at 64 kbit/s: 16 kHz audio, split by a quadrature mirror filter into two bands which are coded by
// adaptive differential PCM, six bits for the lower one and two for the higher. Two samples make one byte.
type G722Encoder struct {
	low, high g722Band
	history   [24]int32
	odd       bool // a first sample of a pair waits for its second one
	first     int16
}

// G722Decoder undoes G722Encoder.
type G722Decoder struct {
	low, high g722Band
	history   [24]int32
}

// NewG722Encoder returns an encoder in its reset state, ITU-T G.722 §6.2.
func NewG722Encoder() *G722Encoder {
	return &G722Encoder{low: newG722Band(32), high: newG722Band(8)}
}

// NewG722Decoder returns a decoder in its reset state.
func NewG722Decoder() *G722Decoder {
	return &G722Decoder{low: newG722Band(32), high: newG722Band(8)}
}

// Rate is 16000: the RTP clock of 8000 is a historical error that RFC 3551 §4.5.2 keeps.
func (*G722Encoder) Rate() int { return 16000 }

// Rate is 16000.
func (*G722Decoder) Rate() int { return 16000 }

// Encode appends one byte for each two samples. A single sample at the end waits for the next call.
func (e *G722Encoder) Encode(dst []byte, pcm []int16) []byte {
	for _, v := range pcm {
		if !e.odd {
			e.first, e.odd = v, true
			continue
		}
		e.odd = false
		dst = append(dst, e.pair(int32(e.first), int32(v)))
	}
	return dst
}

// pair codes two samples, ITU-T G.722 §3.
func (e *G722Encoder) pair(first, second int32) byte {
	copy(e.history[:], e.history[2:])
	e.history[22], e.history[23] = first, second
	var even, odd int32
	for i, c := range g722QMF {
		odd += e.history[2*i] * c
		even += e.history[2*i+1] * g722QMF[11-i]
	}
	low, high := (even+odd)>>14, (even-odd)>>14

	l := quantizeLow(int32(saturate(low-e.low.signal)), e.low.scale)
	e.low.adapt(e.low.scale*g722Q4[l>>2]>>15, g722LogLow[l>>2], 18432, 8)

	h := quantizeHigh(int32(saturate(high-e.high.signal)), e.high.scale)
	e.high.adapt(e.high.scale*g722Q2[h]>>15, g722LogHigh[h], 22528, 10)
	return h<<6 | l
}

// quantizeLow finds the 6-bit code of the lower band's difference, block QUANTL.
func quantizeLow(diff, scale int32) byte {
	magnitude := diff
	if diff < 0 {
		magnitude = -(diff + 1)
	}
	level := 1
	for level < 30 && magnitude >= g722Q6[level]*scale>>12 {
		level++
	}
	// Codes run downwards from 63 for the smallest negative and from 61 for the smallest positive difference; the two smallest
	// negative ones lie above the positive ones.
	switch {
	case diff >= 0:
		return byte(62 - level)
	case level <= 2:
		return byte(64 - level)
	default:
		return byte(34 - level)
	}
}

// quantizeHigh finds the 2-bit code of the higher band's difference, block QUANTH.
func quantizeHigh(diff, scale int32) byte {
	magnitude, small, large := diff, byte(3), byte(2)
	if diff < 0 {
		magnitude, small, large = -(diff + 1), 1, 0
	}
	if magnitude >= 564*scale>>12 {
		return large
	}
	return small
}

// Decode appends two samples for each byte, ITU-T G.722 §4 in mode 1.
func (d *G722Decoder) Decode(dst []int16, payload []byte) []int16 {
	for _, code := range payload {
		l, h := code&0x3f, code>>6
		low := d.low.signal + d.low.scale*g722Dequant6[l]>>15
		d.low.adapt(d.low.scale*g722Q4[l>>2]>>15, g722LogLow[l>>2], 18432, 8)

		diff := d.high.scale * g722Q2[h] >> 15
		high := d.high.signal + diff
		d.high.adapt(diff, g722LogHigh[h], 22528, 10)

		// Block LIMIT: 15 bits a band.
		low, high = min(max(low, -16384), 16383), min(max(high, -16384), 16383)
		copy(d.history[:], d.history[2:])
		d.history[22], d.history[23] = low+high, low-high
		var first, second int32
		for i, c := range g722QMF {
			second += d.history[2*i] * c
			first += d.history[2*i+1] * g722QMF[11-i]
		}
		dst = append(dst, saturate(first>>11), saturate(second>>11))
	}
	return dst
}

// g722Band is the adaptive predictor and scale of one band, the same in encoder and decoder, ITU-T G.722 §6.2.
type g722Band struct {
	signal int32    // predicted value of the next sample (SL, SH)
	zero   int32    // the part of it that the zeros predict (SZ)
	scale  int32    // quantizer scale (DET)
	log    int32    // its logarithm (NB)
	poles  [2]int32 // a1, a2
	recon  [2]int32 // reconstructed signal, newest first (RLT1, RLT2)
	part   [2]int32 // partially reconstructed signal, newest first (PLT1, PLT2)
	zeros  [6]int32 // b1 … b6
	diffs  [6]int32 // quantized differences, newest first
}

func newG722Band(scale int32) g722Band { return g722Band{scale: scale} }

// adapt takes the quantized difference of a sample: it updates scale and predictor and predicts the next sample.
func (b *g722Band) adapt(diff, step, limit, shift int32) {
	b.rescale(step, limit, shift)
	recon, part := int32(saturate(b.signal+diff)), int32(saturate(b.zero+diff))
	b.adaptPoles(part)
	b.adaptZeros(diff)

	b.recon[1], b.recon[0] = b.recon[0], recon
	b.part[1], b.part[0] = b.part[0], part
	copy(b.diffs[1:], b.diffs[:5])
	b.diffs[0] = diff

	// FILTEP, FILTEZ, PREDIC.
	pole := int32(saturate(b.poles[0]*int32(saturate(2*b.recon[0]))>>15 + b.poles[1]*int32(saturate(2*b.recon[1]))>>15))
	var zero int32
	for i, d := range b.diffs {
		zero += b.zeros[i] * int32(saturate(2*d)) >> 15
	}
	b.zero = int32(saturate(zero))
	b.signal = int32(saturate(pole + b.zero))
}

// rescale is LOGSCL and SCALEL, or LOGSCH and SCALEH: the scale follows its logarithm, which leaks.
func (b *g722Band) rescale(step, limit, shift int32) {
	b.log = min(max(b.log*127>>7+step, 0), limit)
	mantissa, exponent := g722Exp2[b.log>>6&31], shift-b.log>>11
	if exponent < 0 {
		b.scale = mantissa << -exponent << 2
	} else {
		b.scale = mantissa >> exponent << 2
	}
}

// adaptPoles is UPPOL2 and UPPOL1: a sign-sign gradient, held where the filter is stable.
func (b *g722Band) adaptPoles(part int32) {
	same1, same2 := (part < 0) == (b.part[0] < 0), (part < 0) == (b.part[1] < 0)
	a2 := int32(saturate(4 * b.poles[0]))
	if same1 {
		a2 = min(-a2, 32767)
	}
	a2 >>= 7
	if same2 {
		a2 += 128
	} else {
		a2 -= 128
	}
	a2 = min(max(a2+b.poles[1]*32512>>15, -12288), 12288)

	a1 := int32(-192)
	if same1 {
		a1 = 192
	}
	bound := int32(saturate(15360 - a2))
	a1 = min(max(int32(saturate(a1+b.poles[0]*32640>>15)), -bound), bound)
	b.poles = [2]int32{a1, a2}
}

// adaptZeros is UPZERO.
func (b *g722Band) adaptZeros(diff int32) {
	step := int32(128)
	if diff == 0 {
		step = 0
	}
	for i, d := range b.diffs {
		s := -step
		if (d < 0) == (diff < 0) {
			s = step
		}
		b.zeros[i] = int32(saturate(s + b.zeros[i]*32640>>15))
	}
}
