package audio

// The tables of ITU-T G.722. The numbers are those of the recommendation.
var (
	// g722QMF is every other coefficient of the quadrature mirror filter of table 4; it is symmetric, so the others are the same backwards.
	g722QMF = [12]int32{3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11}

	// g722Q6 holds the decision levels of the lower band, table 14 (block QUANTL).
	g722Q6 = [30]int32{0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219,
		1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919}

	// g722Q4 and g722Q2 are the quantized differences that adaptation uses, tables 15 and 16 (INVQAL, INVQAH).
	g722Q4 = [16]int32{0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0}
	g722Q2 = [4]int32{-7408, -1616, 7408, 1616}

	// g722Dequant6 are the differences that a 64 kbit/s decoder puts out, table 17 (INVQBL).
	g722Dequant6 = [64]int32{-136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360,
		-8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
		24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008,
		3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136}

	// g722LogLow and g722LogHigh are the steps of the scale's logarithm for a 4-bit and a 2-bit code (WL by RL42, WH by RH2).
	g722LogLow  = [16]int32{-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60}
	g722LogHigh = [4]int32{798, -214, 798, -214}

	// g722Exp2 is 2048·2^(i/32), table ILB (SCALEL, SCALEH).
	g722Exp2 = [32]int32{2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960,
		3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008}
)
