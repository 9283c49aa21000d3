package srtp

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pion/rtp"
	pion "github.com/pion/srtp/v3"
)

var allProfiles = []struct {
	ours   Profile
	theirs pion.ProtectionProfile
}{
	{AES128CMHMACSHA1_80, pion.ProtectionProfileAes128CmHmacSha1_80},
	{AES128CMHMACSHA1_32, pion.ProtectionProfileAes128CmHmacSha1_32},
	{AES256CMHMACSHA1_80, pion.ProtectionProfileAes256CmHmacSha1_80},
	{AEADAES128GCM, pion.ProtectionProfileAeadAes128Gcm},
	{AEADAES256GCM, pion.ProtectionProfileAeadAes256Gcm},
}

// keyOf makes a master key and salt out of a seed.
func keyOf(p Profile, seed byte) (key, salt []byte) {
	key, salt = make([]byte, p.KeyLen()), make([]byte, p.SaltLen())
	for i := range key {
		key[i] = seed + byte(i*7)
	}
	for i := range salt {
		salt[i] = seed ^ byte(i*13)
	}
	return key, salt
}

func newContext(t testing.TB, p Profile) *Context {
	t.Helper()
	return contextOf(t, p, processor())
}

func newPion(t testing.TB, p Profile, theirs pion.ProtectionProfile) *pion.Context {
	t.Helper()
	key, salt := keyOf(p, 1)
	c, err := pion.CreateContext(key, salt, theirs, pion.SRTPReplayProtection(128), pion.SRTCPReplayProtection(128))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rtpPacket has a CSRC list and an extension for some sequence numbers.
func rtpPacket(t testing.TB, ssrc uint32, seq uint16, size int) []byte {
	t.Helper()
	p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: seq, Timestamp: uint32(seq) * 960, SSRC: ssrc, Marker: seq%3 == 0}}
	if seq%2 == 1 {
		p.CSRC = []uint32{1, 2, 3}
	}
	if seq%5 == 1 {
		if err := p.SetExtension(1, []byte{0xaa, 0xbb}); err != nil {
			t.Fatal(err)
		}
	}
	p.Payload = make([]byte, size)
	for i := range p.Payload {
		p.Payload[i] = byte(i) ^ byte(seq)
	}
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// withRoom copies a packet into a buffer with room for the tag.
func withRoom(pkt []byte) []byte { return append(make([]byte, 0, len(pkt)+64), pkt...) }

func rtcpPacket(ssrc uint32, size int) []byte {
	b := make([]byte, 8+size&^3)
	b[0], b[1], b[3] = 0x80, 200, byte(len(b)/4-1)
	b[4], b[5], b[6], b[7] = byte(ssrc>>24), byte(ssrc>>16), byte(ssrc>>8), byte(ssrc)
	for i := 8; i < len(b); i++ {
		b[i] = byte(i)
	}
	return b
}

// TestRTPAgainstPion sends streams across two roll-overs, with two SSRCs and packets out of order, in both directions.
func TestRTPAgainstPion(t *testing.T) {
	for _, p := range allProfiles {
		t.Run(p.ours.String(), func(t *testing.T) {
			ours, theirs := newContext(t, p.ours), newPion(t, p.ours, p.theirs)
			oursIn, theirsIn := newContext(t, p.ours), newPion(t, p.ours, p.theirs)
			r := rand.New(rand.NewPCG(1, 2))
			seq := uint16(65000)
			for i := range 600 {
				seq += uint16(r.IntN(300)) // long jumps: two roll-overs
				order := []uint16{seq, seq + 1, seq + 2}
				if i > 0 {
					r.Shuffle(3, func(a, b int) { order[a], order[b] = order[b], order[a] })
				}
				for _, n := range order {
					plain := rtpPacket(t, uint32(0xcafe+i%2), n, r.IntN(400))
					want, err := theirs.EncryptRTP(nil, plain, nil)
					if err != nil {
						t.Fatal(err)
					}
					buf := withRoom(plain)
					l, err := ours.ProtectRTP(buf, len(buf))
					if err != nil || !bytes.Equal(buf[:l], want) {
						t.Fatalf("packet %d seq %d: %v\n got %x\nwant %x", i, n, err, buf[:l], want)
					}
					got, err := theirsIn.DecryptRTP(nil, buf[:l], nil)
					if err != nil || !bytes.Equal(got, plain) {
						t.Fatalf("packet %d seq %d: pion: %v", i, n, err)
					}
					l, err = oursIn.UnprotectRTP(want)
					if err != nil || !bytes.Equal(want[:l], plain) {
						t.Fatalf("packet %d seq %d: UnprotectRTP: %v", i, n, err)
					}
				}
				seq += 3
			}
			if roc := oursIn.sources[0].rtp.highest >> 16; roc < 1 {
				t.Errorf("roll-over counter %d: the test proves less than it says", roc)
			}
		})
	}
}

func TestRTCPAgainstPion(t *testing.T) {
	for _, p := range allProfiles {
		t.Run(p.ours.String(), func(t *testing.T) {
			ours, theirs := newContext(t, p.ours), newPion(t, p.ours, p.theirs)
			oursIn, theirsIn := newContext(t, p.ours), newPion(t, p.ours, p.theirs)
			for i := range 50 {
				plain := rtcpPacket(77, i*4)
				buf := withRoom(plain)
				n, err := ours.ProtectRTCP(buf, len(buf))
				if err != nil || n != len(plain)+p.ours.Overhead() {
					t.Fatalf("ProtectRTCP: %d %v", n, err)
				}
				got, err := theirsIn.DecryptRTCP(nil, buf[:n], nil)
				if err != nil || !bytes.Equal(got, plain) {
					t.Fatalf("packet %d: pion: %v", i, err)
				}
				enc, err := theirs.EncryptRTCP(nil, plain, nil)
				if err != nil {
					t.Fatal(err)
				}
				n, err = oursIn.UnprotectRTCP(enc)
				if err != nil || !bytes.Equal(enc[:n], plain) {
					t.Fatalf("packet %d: UnprotectRTCP: %v", i, err)
				}
			}
		})
	}
}

// FuzzAgainstPion protects any packet through any path as pion does, reads it back with both, and takes any bytes as a protected packet.
func FuzzAgainstPion(f *testing.F) {
	for i := range allProfiles {
		f.Add(uint8(i), uint8(5), rtpPacket(f, 1, uint16(i), 20), false)
		f.Add(uint8(i), uint8(5), rtcpPacket(1, 16), true)
		f.Add(uint8(i), uint8(5), []byte{0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0xff, 0xff}, false)
	}
	f.Fuzz(func(t *testing.T, which, through uint8, data []byte, rtcp bool) {
		p, in := allProfiles[int(which)%len(allProfiles)], paths()[int(through)%len(paths())]
		forged := contextOf(t, p.ours, in.instructions)
		if rtcp {
			_, _ = forged.UnprotectRTCP(bytes.Clone(data))
		} else {
			_, _ = forged.UnprotectRTP(bytes.Clone(data))
		}
		if len(forged.sources) != 0 {
			t.Fatal("state for a forged packet")
		}
		protect, unprotect := contextOf(t, p.ours, in.instructions).ProtectRTP, contextOf(t, p.ours, in.instructions).UnprotectRTP
		encrypt, decrypt := pionRTP(newPion(t, p.ours, p.theirs)), newPion(t, p.ours, p.theirs)
		open := func(b []byte) ([]byte, error) { return decrypt.DecryptRTP(nil, b, nil) }
		if rtcp {
			protect, unprotect = contextOf(t, p.ours, in.instructions).ProtectRTCP, contextOf(t, p.ours, in.instructions).UnprotectRTCP
			sender := newPion(t, p.ours, p.theirs)
			encrypt = func(b []byte) ([]byte, error) { return sender.EncryptRTCP(nil, b, nil) }
			open = func(b []byte) ([]byte, error) { return decrypt.DecryptRTCP(nil, b, nil) }
		}
		buf := withRoom(data)
		n, err := protect(buf, len(buf))
		if err != nil {
			return
		}
		protected := bytes.Clone(buf[:n])
		n, err = unprotect(buf[:n])
		if err != nil || !bytes.Equal(buf[:n], data) {
			t.Fatalf("own packet: %v", err)
		}
		if want, err := encrypt(data); err == nil && !rtcp && !bytes.Equal(protected, want) { // SRTCP indexes start differently
			t.Fatalf("\n got %x\nwant %x", protected, want)
		} else if err == nil {
			if got, err := open(protected); err != nil || !bytes.Equal(got, data) {
				t.Fatalf("pion: %v", err)
			}
			if rtcp {
				n, err := contextOf(t, p.ours, in.instructions).UnprotectRTCP(want)
				if err != nil || !bytes.Equal(want[:n], data) {
					t.Fatalf("UnprotectRTCP: %v", err)
				}
			}
		}
	})
}

func pionRTP(c *pion.Context) func([]byte) ([]byte, error) {
	return func(b []byte) ([]byte, error) {
		var h rtp.Header
		if n, err := h.Unmarshal(b); err != nil || n != rtpHeader(b) {
			return nil, errors.Join(err, fmt.Errorf("header of %d bytes", n)) // pion reads extensions, we do not
		}
		return c.EncryptRTP(nil, b, nil)
	}
}
