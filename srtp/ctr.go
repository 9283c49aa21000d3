package srtp

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"reflect"
	"unsafe"
)

// ctr is a CTR stream of crypto/cipher whose counter can be set again. The standard library has no such call: a new stream for each
// packet is an allocation of half a kilobyte, and encrypting block by block takes several times as long as its pipelined code. The
// counter is found by reflection when the stream is made, and the result is compared with single blocks; on any difference, as
// after a change inside the standard library, newCTR returns nil and the caller encrypts block by block (TestCTRIsThere tells).
type ctr struct {
	stream         cipher.Stream
	lo, hi, offset *uint64
}

// newCTR makes the stream, or nil when its counter cannot be set in this build.
func newCTR(block cipher.Block) *ctr {
	return ctrOf(cipher.NewCTR(block, make([]byte, aes.BlockSize)), block)
}

func ctrOf(stream cipher.Stream, block cipher.Block) *ctr {
	c := &ctr{stream: stream}
	v := reflect.ValueOf(c.stream)
	if v.Kind() != reflect.Struct || v.NumField() != 1 || v.Field(0).Kind() != reflect.Pointer {
		return nil
	}
	state := v.Field(0).Elem()
	if state.Kind() != reflect.Struct {
		return nil
	}
	for name, p := range map[string]**uint64{"ivlo": &c.lo, "ivhi": &c.hi, "offset": &c.offset} {
		f := state.FieldByName(name)
		if !f.IsValid() || f.Kind() != reflect.Uint64 || !f.CanAddr() {
			return nil
		}
		*p = (*uint64)(unsafe.Pointer(f.UnsafeAddr()))
	}
	if !c.works(block) {
		return nil
	}
	return c
}

// works compares more blocks than the pipelined code takes at once, and a part of one, with single blocks: for two counters in turn,
// so that keystream left over from the first would show.
func (c *ctr) works(block cipher.Block) bool {
	for _, first := range []byte{0x5a, 0xc3} {
		var iv [aes.BlockSize]byte
		for i := range iv[:14] {
			iv[i] = first ^ byte(i*29)
		}
		got, want := make([]byte, 11*aes.BlockSize), make([]byte, 11*aes.BlockSize)
		part := len(got) - 5
		c.xor(got[:part], binary.BigEndian.Uint64(iv[:8]), binary.BigEndian.Uint64(iv[8:]))
		for i := range 11 {
			iv[15] = byte(i)
			block.Encrypt(want[i*aes.BlockSize:], iv[:])
		}
		if !bytes.Equal(got[:part], want[:part]) {
			return false
		}
	}
	return true
}

// xor applies the keystream from the counter block hi, lo on.
func (c *ctr) xor(data []byte, hi, lo uint64) {
	*c.hi, *c.lo, *c.offset = hi, lo, 0
	c.stream.XORKeyStream(data, data)
}
