package call

import (
	"encoding/binary"
	"slices"
	"strings"
)

// packedVariables are variables written one behind the other, in the memory of one string: a tenth of a list has text, the rest is pointers and
// names that thousands of channels have. Each is the number of its name (its place in commonNames plus 1; 0 and then the name itself for
// another), the length of its value with the lowest bit for Wire, and its value. Numbers are unsigned varints.
type packedVariables string

// pack writes the variables close together until one is set or deleted. Pictures have the list that was.
func (v *variables) pack() {
	if v.rest != "" || v.count() == 0 {
		return
	}
	b := make([]byte, 0, v.bytes+4*v.count())
	for x := range v.all() {
		b = appendPacked(b, x)
	}
	v.rest, v.kept = packedVariables(b), v.count()
	v.list, v.tags, v.gone, v.dead = nil, nil, marks{}, 0
}

// unpack is the way back, with room for more.
func (v *variables) unpack() {
	if v.rest != "" {
		v.moveTo(max(minVariables, v.kept+v.kept/4))
	}
}

func appendPacked(b []byte, x Variable) []byte {
	if i, ok := slices.BinarySearch(commonNames[:], x.Name); ok {
		b = binary.AppendUvarint(b, uint64(i+1))
	} else {
		b = append(binary.AppendUvarint(append(b, 0), uint64(len(x.Name))), x.Name...)
	}
	length := uint64(len(x.Value)) << 1
	if x.Wire {
		length |= 1
	}
	return append(binary.AppendUvarint(b, length), x.Value...)
}

// all goes through the variables in their order. Names and values are parts of p.
func (p packedVariables) all(yield func(Variable) bool) {
	for rest := string(p); rest != ""; {
		var x Variable
		var n uint64
		if n, rest = cutUvarint(rest); n > 0 {
			x.Name = commonNames[n-1]
		} else {
			n, rest = cutUvarint(rest)
			x.Name, rest = rest[:n], rest[n:]
		}
		n, rest = cutUvarint(rest)
		x.Wire = n&1 != 0
		x.Value, rest = rest[:n>>1], rest[n>>1:]
		if !yield(x) {
			return
		}
	}
}

func (p packedVariables) lookup(name string) (Variable, bool) {
	for x := range p.all {
		if len(x.Name) == len(name) && strings.EqualFold(x.Name, name) {
			return x, true
		}
	}
	return Variable{}, false
}

// cutUvarint reads a number at the beginning of s.
func cutUvarint(s string) (n uint64, rest string) {
	for i := range len(s) {
		n |= uint64(s[i]&0x7f) << (7 * i)
		if s[i] < 0x80 {
			return n, s[i+1:]
		}
	}
	return n, ""
}
