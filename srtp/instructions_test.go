package srtp

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"math/rand/v2"
	"runtime"
	"testing"
)

// path is a way through the transforms: with some of the instructions that this processor has.
type path struct {
	name string
	instructions
}

// paths are all ways that can run here. The first is the standard library's.
func paths() []path {
	all := []path{{name: "standard library"}}
	has := processor()
	for _, p := range []path{
		{"AES", instructions{aes: has.aes}},
		{"SHA-1", instructions{sha1: has.sha1}},
		{"multiplication without AES", instructions{mul: has.mul}},
		{"AES and multiplication", instructions{aes: has.aes, mul: has.aes && has.mul}},
		{"all", has},
	} {
		if p.instructions != (instructions{}) {
			all = append(all, p)
		}
	}
	return all
}

// TestProcessor says which instructions the other tests ran with.
func TestProcessor(t *testing.T) {
	t.Logf("%s: %+v, %d paths", runtime.GOARCH, processor(), len(paths()))
}

// guarded is n random bytes in the middle of others, and a check that those stayed as they were.
func guarded(r *rand.Rand, n int) (data []byte, check func(testing.TB)) {
	before, after := 16+r.IntN(16), 32
	whole := make([]byte, before+n+after)
	for i := range whole {
		whole[i] = byte(r.Uint32())
	}
	was := bytes.Clone(whole)
	return whole[before : before+n : before+n], func(t testing.TB) {
		t.Helper()
		if !bytes.Equal(whole[:before], was[:before]) || !bytes.Equal(whole[before+n:], was[before+n:]) {
			t.Fatal("bytes outside of the data were written")
		}
	}
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestCounterModeAgainstStandardLibrary(t *testing.T) {
	for _, p := range paths() {
		t.Run(p.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			for size := range 400 {
				checkCounterMode(t, p.instructions, r, 16+size%2*16, size)
			}
			checkCounterMode(t, p.instructions, r, 16, maxPacket-1)
			if _, err := newCounterMode(make([]byte, 17), p.instructions); err == nil {
				t.Error("a key of 17 bytes")
			}
		})
	}
}

func checkCounterMode(t testing.TB, in instructions, r *rand.Rand, keyLen, size int) {
	t.Helper()
	key := randomBytes(r, keyLen)
	c, err := newCounterMode(key, in)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	counter := [16]byte(randomBytes(r, 16))
	counter[12] = 0 // crypto/cipher would carry into the salt
	data, check := guarded(r, size)
	want := bytes.Clone(data)
	cipher.NewCTR(block, bytes.Clone(counter[:])).XORKeyStream(want, want)
	c.xor(data, counterOf(counter[:]))
	if !bytes.Equal(data, want) {
		t.Fatalf("key of %d, %d bytes:\n got %x\nwant %x", keyLen, size, data, want)
	}
	check(t)
}

func TestHMACAgainstStandardLibrary(t *testing.T) {
	for _, p := range paths() {
		t.Run(p.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 6))
			for size := range 400 {
				checkHMAC(t, p.instructions, r, size%(sha1.BlockSize+1), size)
			}
			checkHMAC(t, p.instructions, r, 20, maxPacket)
		})
	}
}

func checkHMAC(t testing.TB, in instructions, r *rand.Rand, keyLen, size int) {
	t.Helper()
	key, msg := randomBytes(r, keyLen), randomBytes(r, size)
	m, err := newHMACSHA1(key, in)
	if err != nil {
		t.Fatal(err)
	}
	std := hmac.New(sha1.New, key)
	std.Write(msg)
	want := std.Sum(nil)
	for range 2 { // the second use begins from the saved state
		if got := m.sum(msg); !bytes.Equal(got, want) {
			t.Fatalf("key of %d, %d bytes: got %x, want %x", keyLen, size, got, want)
		}
	}
}

func TestGCMAgainstStandardLibrary(t *testing.T) {
	for _, p := range paths() {
		t.Run(p.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, 8))
			for size := range 400 {
				checkGCM(t, p.instructions, r, 16+size%2*16, size, size%83)
				checkGCM(t, p.instructions, r, 16, size%50, size)
			}
			checkGCM(t, p.instructions, r, 32, maxPacket, 12)
			checkGCM(t, p.instructions, r, 16, 20, maxPacket)
		})
	}
}

func checkGCM(t testing.TB, in instructions, r *rand.Rand, keyLen, size, aadLen int) {
	t.Helper()
	key := randomBytes(r, keyLen)
	k := &gcmKeys{nonce: [16]byte(randomBytes(r, 16))}
	clear(k.nonce[12:])
	if err := k.setKey(key, in); err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	std, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	data, check := guarded(r, size+gcmTagLen)
	plain, aad := bytes.Clone(data[:size]), randomBytes(r, aadLen)
	want := std.Seal(nil, k.nonce[:gcmNonceLen], plain, aad)
	k.seal(data[:size], aad)
	if !bytes.Equal(data, want) {
		t.Fatalf("key of %d, %d bytes, %d of aad:\n got %x\nwant %x", keyLen, size, aadLen, data, want)
	}
	bad := bytes.Clone(data)
	bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
	if k.open(bad, aad) {
		t.Fatalf("key of %d, %d bytes, %d of aad: a forged text was opened", keyLen, size, aadLen)
	}
	if !k.open(data, aad) || !bytes.Equal(data[:size], plain) {
		t.Fatalf("key of %d, %d bytes, %d of aad: not opened", keyLen, size, aadLen)
	}
	check(t)
}

// FuzzInstructions compares each path with the standard library for any sizes and contents.
func FuzzInstructions(f *testing.F) {
	f.Add(uint64(1), uint16(160), uint16(12))
	f.Add(uint64(2), uint16(1200), uint16(24))
	f.Add(uint64(3), uint16(0), uint16(0))
	f.Fuzz(func(t *testing.T, seed uint64, size, aadLen uint16) {
		for _, p := range paths() {
			r := rand.New(rand.NewPCG(seed, 0))
			keyLen := 16 + int(seed%2)*16
			checkCounterMode(t, p.instructions, r, keyLen, int(size))
			checkHMAC(t, p.instructions, r, 20, int(size))
			checkGCM(t, p.instructions, r, keyLen, int(size), int(aadLen))
		}
	})
}

// TestPathsAgree: contexts of different paths make the same packets and read each other's.
func TestPathsAgree(t *testing.T) {
	for _, profile := range allProfiles {
		for _, p := range paths()[1:] {
			t.Run(profile.ours.String()+"/"+p.name, func(t *testing.T) {
				std, own := contextOf(t, profile.ours, instructions{}), contextOf(t, profile.ours, p.instructions)
				stdIn, ownIn := contextOf(t, profile.ours, instructions{}), contextOf(t, profile.ours, p.instructions)
				for size := range 300 {
					a := withRoom(rtpPacket(t, 1, uint16(size), size))
					agree(t, a, std.ProtectRTP, own.ProtectRTP, stdIn.UnprotectRTP, ownIn.UnprotectRTP)
					a = withRoom(rtcpPacket(1, size))
					agree(t, a, std.ProtectRTCP, own.ProtectRTCP, stdIn.UnprotectRTCP, ownIn.UnprotectRTCP)
				}
			})
		}
	}
}

// agree protects a packet twice and unprotects each with the other path.
func agree(t *testing.T, plain []byte, protectA, protectB func([]byte, int) (int, error), unprotectA, unprotectB func([]byte) (int, error)) {
	t.Helper()
	a, b := withRoom(plain), withRoom(plain)
	n, errA := protectA(a, len(a))
	m, errB := protectB(b, len(b))
	if errA != nil || errB != nil || !bytes.Equal(a[:n], b[:m]) {
		t.Fatalf("%d bytes: %v, %v\n%x\n%x", len(plain), errA, errB, a[:n], b[:m])
	}
	a, b = a[:n], b[:m]
	n, errA = unprotectB(a)
	m, errB = unprotectA(b)
	if errA != nil || errB != nil || !bytes.Equal(a[:n], plain) || !bytes.Equal(b[:m], plain) {
		t.Fatalf("%d bytes: unprotect: %v, %v", len(plain), errA, errB)
	}
}

func contextOf(t testing.TB, p Profile, in instructions) *Context {
	t.Helper()
	key, salt := keyOf(p, 1)
	c, err := newContextWith(p, key, salt, in)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
