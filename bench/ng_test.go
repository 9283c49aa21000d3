package bench

import (
	"reflect"
	"strings"
	"testing"
)

func TestBencode(t *testing.T) {
	command := map[string]any{"command": "offer", "sdp": "v=0\r\n", "flags": []string{"a", ""}, "delete-delay": 0, "nested": map[string]any{"n": -3}}
	const want = "d7:command5:offer12:delete-delayi0e5:flagsl1:a0:e6:nestedd1:ni-3ee3:sdp5:v=0\r\ne"
	if got := string(appendBencode(nil, command)); got != want {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
	got, err := parseBencode([]byte(want))
	command["flags"] = []any{"a", ""}
	if err != nil || !reflect.DeepEqual(got, command) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "x", "i3", "ie", "i--1e", "5:abc", "-1:a", "99999999999999999999:a", "l", "li1e", "d", "d1:a", "d1:ai1e", "di1ei2ee", "i1ei2e",
		strings.Repeat("l", 100) + strings.Repeat("e", 100)} {
		if v, err := parseBencode([]byte(bad)); err == nil {
			t.Errorf("%q is taken for %v", bad, v)
		}
	}
}

func FuzzBencode(f *testing.F) {
	f.Add([]byte("d6:result2:ok3:sdp5:v=0\r\ne"))
	f.Add([]byte("ld1:ai1ee0:e"))
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = parseBencode(b) })
}
