package srtp

import (
	"bytes"
	"errors"
	"testing"
)

// TestManySources: each SSRC has its own roll-over counter and window, in whatever order their packets come.
func TestManySources(t *testing.T) {
	for _, p := range allProfiles {
		t.Run(p.ours.String(), func(t *testing.T) {
			out, in := newContext(t, p.ours), newContext(t, p.ours)
			first := func(ssrc int) uint16 { return uint16(65500 + ssrc) } // they roll over at different times
			for i := range 200 {
				for ssrc := range maxSources {
					pkt := protected(t, out, uint32(ssrc), first(ssrc)+uint16(i))
					if _, err := in.UnprotectRTP(bytes.Clone(pkt)); err != nil {
						t.Fatalf("packet %d of SSRC %d: %v", i, ssrc, err)
					}
					if i%50 == 0 {
						if _, err := in.UnprotectRTP(pkt); !errors.Is(err, ErrReplay) {
							t.Fatalf("packet %d of SSRC %d again: %v", i, ssrc, err)
						}
					}
				}
			}
			for _, s := range in.sources {
				if want := uint64(first(int(s.ssrc))) + 199; s.rtp.highest != want {
					t.Errorf("SSRC %d: highest index %#x, want %#x", s.ssrc, s.rtp.highest, want)
				}
			}
			if len(in.sources) != maxSources {
				t.Errorf("%d sources", len(in.sources))
			}
		})
	}
}

// TestOtherKeys: a packet under another master key, or under another salt alone, is refused.
func TestOtherKeys(t *testing.T) {
	for _, p := range allProfiles {
		key, salt := keyOf(p.ours, 1)
		otherKey, otherSalt := bytes.Clone(key), bytes.Clone(salt)
		otherKey[0] ^= 1
		otherSalt[len(salt)-1] ^= 1
		for name, in := range map[string]*Context{
			"key": contextFrom(t, p.ours, otherKey, salt), "salt": contextFrom(t, p.ours, key, otherSalt),
		} {
			if _, err := in.UnprotectRTP(protected(t, newContext(t, p.ours), 1, 1)); !errors.Is(err, ErrAuth) {
				t.Errorf("%v, other %s: %v", p.ours, name, err)
			}
		}
	}
}

func contextFrom(t *testing.T, p Profile, key, salt []byte) *Context {
	t.Helper()
	c, err := NewContext(p, key, salt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
