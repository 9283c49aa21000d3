//go:build linux && !talkpath_portable

package media

import (
	"testing"
	"unsafe"
)

// TestSizesOfACall holds the size class that each object of a call falls into, on 64-bit machines. A field more may cost a whole class: 128 bytes of
// a leg. Objects of more than 512 bytes carry a header of 8 in front of them.
func TestSizesOfACall(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("not a 64-bit machine")
	}
	const header = 8
	for _, c := range []struct {
		name string
		size uintptr
		most uintptr
	}{
		{"leg", unsafe.Sizeof(leg{}), 896 - header},
		{"session", unsafe.Sizeof(Session{}), 288},
		{"socket", unsafe.Sizeof(udpSocket{}), 64},
		{"format", unsafe.Sizeof(format8{}), 16},
		{"place of a socket in the loop", unsafe.Sizeof(slot{}), 24},
	} {
		if c.size > c.most {
			t.Errorf("%s: %d bytes, more than %d", c.name, c.size, c.most)
		}
		t.Logf("%s: %d bytes of %d", c.name, c.size, c.most)
	}
}
