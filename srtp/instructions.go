package srtp

// instructions are those of the processor that the transforms have code for. Without them the standard library does the work: the
// packets are the same, at two to three times the cost. The zero value is right for every processor.
type instructions struct {
	aes  bool // AES rounds
	sha1 bool // SHA-1 rounds
	mul  bool // carry-less multiplication, for GHASH; used together with aes only
}
