package srtp

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"testing"
)

// TestRTCPWithoutEncryption: a packet whose E flag is clear is only authenticated (RFC 3711 §3.4). The tag is made with crypto/hmac. For
// AEAD profiles TestRFC7714 has the vector.
func TestRTCPWithoutEncryption(t *testing.T) {
	for _, p := range allProfiles {
		if p.ours.AEAD() {
			continue
		}
		t.Run(p.ours.String(), func(t *testing.T) {
			key, salt := keyOf(p.ours, 1)
			m, err := newMaster(key, salt, instructions{})
			if err != nil {
				t.Fatal(err)
			}
			authKey := m.derive(labelRTCPAuth, 20)
			plain := rtcpPacket(5, 20)
			seal := func(word uint32) []byte {
				pkt := binary.BigEndian.AppendUint32(bytes.Clone(plain), word)
				mac := hmac.New(sha1.New, authKey)
				mac.Write(pkt)
				return append(pkt, mac.Sum(nil)[:10]...)
			}
			c := newContext(t, p.ours)
			pkt := seal(7)
			n, err := c.UnprotectRTCP(pkt)
			if err != nil || !bytes.Equal(pkt[:n], plain) {
				t.Errorf("%v %x", err, pkt[:n])
			}
			if _, err := c.UnprotectRTCP(seal(7)); !errors.Is(err, ErrReplay) {
				t.Errorf("again: %v", err)
			}
			// The same index with the flag set is the same packet to the replay window.
			if _, err := c.UnprotectRTCP(seal(7 | rtcpEncrypted)); !errors.Is(err, ErrReplay) {
				t.Errorf("again with the flag: %v", err)
			}
			forged := seal(8)
			forged[len(plain)] ^= 0x80 // somebody sets the flag on the way
			if _, err := c.UnprotectRTCP(forged); !errors.Is(err, ErrAuth) {
				t.Errorf("flag set on the way: %v", err)
			}
		})
	}
}

// TestRTCPOrder: SRTCP packets may arrive in any order within the window, and the indexes of two SSRCs are independent.
func TestRTCPOrder(t *testing.T) {
	for _, p := range allProfiles {
		t.Run(p.ours.String(), func(t *testing.T) {
			out, in := newContext(t, p.ours), newContext(t, p.ours)
			var packets [2][][]byte
			for i := range windowSize + 2 {
				for ssrc := range packets {
					buf := withRoom(rtcpPacket(uint32(ssrc), 8))
					n, err := out.ProtectRTCP(buf, len(buf))
					if err != nil {
						t.Fatal(err)
					}
					packets[ssrc] = append(packets[ssrc], buf[:n])
					if word := binary.BigEndian.Uint32(indexWord(p.ours, buf[:n])); word != rtcpEncrypted|uint32(i) {
						t.Fatalf("packet %d of SSRC %d: index word %#x", i, ssrc, word)
					}
				}
			}
			take := func(ssrc, i int) error { _, err := in.UnprotectRTCP(bytes.Clone(packets[ssrc][i])); return err }
			for _, step := range []struct {
				ssrc, index int
				want        error
			}{
				{0, 3, nil}, {0, 1, nil}, {0, 3, ErrReplay}, {1, 3, nil}, {1, 0, nil}, {0, 0, nil}, {0, 1, ErrReplay},
				{0, windowSize + 1, nil}, {0, 2, nil}, // the last that the window knows
				{0, 1, ErrReplay}, {1, 2, nil},
				{1, windowSize + 1, nil}, {1, 1, ErrReplay}, // behind the window, though it never came
			} {
				if err := take(step.ssrc, step.index); !errors.Is(err, step.want) {
					t.Errorf("SSRC %d, packet %d: %v, want %v", step.ssrc, step.index, err, step.want)
				}
			}
		})
	}
}

// indexWord is the E flag and the SRTCP index, where the profile has them.
func indexWord(p Profile, pkt []byte) []byte {
	if p.AEAD() {
		return pkt[len(pkt)-4:]
	}
	return pkt[len(pkt)-14:]
}
