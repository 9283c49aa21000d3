package call

import (
	"bytes"
	"iter"
	"math/bits"
	"slices"
	"strings"
)

// arrayPrefix and arraySeparator make up a variable with several values, as FreeSWITCH writes it: ARRAY::one|:two.
const (
	arrayPrefix    = "ARRAY::"
	arraySeparator = "|:"
)

// variables are a channel's variables in the order they were set. Setting one that exists moves it to the end, as FreeSWITCH does.
//
// A copy of it is a picture for readers elsewhere: the list is only ever appended to, behind what they see of it, and which of it is gone each
// copy knows for itself.
type variables struct {
	list []Variable
	// rest are the variables of a channel that has come to rest, written close together, in the place of list; kept is their number.
	rest packedVariables
	kept int

	tags []byte // of the names in list
	gone marks  // of list: deleted, or set again further behind
	// bytes counts names and values, dead those of what is gone.
	bytes, dead int
	// wire and wireBytes count what peers gave; dropped what they gave beyond the limits.
	wire, wireBytes, dropped int
}

// What peers can put into one channel. A message of 64 KiB with 256 headers fits several times; a peer that sends new headers with each
// message of a long call reaches it and is told nothing.
const (
	maxWireVariables = 1000
	maxWireBytes     = 256 << 10
)

func (x Variable) size() int { return len(x.Name) + len(x.Value) }

// marks are set places of a list, of its first marked.
type marks [4]uint64

const marked = 4 * 64

func (m *marks) has(i int) bool { return i < marked && m[i/64]&(1<<(i%64)) != 0 }
func (m *marks) set(i int)      { m[i/64] |= 1 << (i % 64) }

func (m *marks) count() int {
	n := 0
	for _, word := range m {
		n += bits.OnesCount64(word)
	}
	return n
}

const (
	// minVariables is the room a call begins with; most need no more.
	minVariables = 128
	// maxDead bounds what is kept of what is gone.
	maxDead = 16 << 10
)

// tagOf is the same for names that are the same in any case of ASCII letters, and for few others.
func tagOf(name string) byte {
	n := len(name)
	if n == 0 {
		return 0
	}
	return byte(n)*37 + (name[n-1]|0x20)*11 + (name[n/2] | 0x20)
}

// index finds a variable, in any case of ASCII letters. A call asks some hundred times for one of some hundred.
func (v *variables) index(name string) int {
	tag := tagOf(name)
	for i := 0; ; i++ {
		next := bytes.IndexByte(v.tags[i:], tag)
		if next < 0 {
			return -1
		}
		i += next
		if x := v.list[i].Name; len(x) == len(name) && !v.gone.has(i) && (x == name || strings.EqualFold(x, name)) {
			return i
		}
	}
}

func (v *variables) lookup(name string) (Variable, bool) {
	if v.rest != "" {
		return v.rest.lookup(name)
	}
	if i := v.index(name); i >= 0 {
		return v.list[i], true
	}
	return Variable{}, false
}

func (v *variables) value(name string) string {
	x, _ := v.lookup(name)
	return x.Value
}

// all goes through the variables in their order.
func (v *variables) all() iter.Seq[Variable] {
	if v.rest != "" {
		return v.rest.all
	}
	return func(yield func(Variable) bool) {
		for i := range v.list {
			if !v.gone.has(i) && !yield(v.list[i]) {
				return
			}
		}
	}
}

func (v *variables) count() int { return v.kept + len(v.list) - v.gone.count() }

// slice is the variables as a list that does not change.
func (v *variables) slice() []Variable {
	if v.gone == (marks{}) && v.rest == "" {
		return slices.Clip(v.list)
	}
	return slices.AppendSeq(make([]Variable, 0, v.count()), v.all())
}

// same says whether two pictures are one.
func (v *variables) same(w *variables) bool {
	return v.rest == w.rest && len(v.list) == len(w.list) && (len(v.list) == 0 || &v.list[0] == &w.list[0]) && v.gone == w.gone
}

// renew makes a new list of what is there, with room for more.
func (v *variables) renew() {
	room, live := max(cap(v.list), minVariables), v.count()
	if live > room*3/4 {
		room += room / 2
	}
	v.moveTo(room)
}

// moveTo makes a new list of what is there, with room for so many.
func (v *variables) moveTo(room int) {
	list, tags := make([]Variable, 0, room), make([]byte, 0, room)
	for x := range v.rest.all {
		list, tags = append(list, x), append(tags, tagOf(x.Name))
	}
	for i := range v.list {
		if !v.gone.has(i) {
			list, tags = append(list, v.list[i]), append(tags, v.tags[i])
		}
	}
	v.list, v.tags, v.gone, v.dead = list, tags, marks{}, 0
	v.rest, v.kept = "", 0
}

// set replaces or adds a variable; an empty value removes it. What a peer gives beyond the limits is dropped.
func (v *variables) set(x Variable) {
	v.unpack()
	v.del(x.Name)
	if x.Value == "" {
		return
	}
	if x.Wire {
		if v.wire >= maxWireVariables || v.wireBytes+x.size() > maxWireBytes {
			v.dropped++
			return
		}
		v.wire, v.wireBytes = v.wire+1, v.wireBytes+x.size()
	}
	if len(v.list) == cap(v.list) {
		v.renew()
	}
	v.list, v.tags = append(v.list, x), append(v.tags, tagOf(x.Name))
	v.bytes += x.size()
}

func (v *variables) del(name string) {
	v.unpack()
	i := v.index(name)
	if i < 0 {
		return
	}
	x := v.list[i]
	v.bytes -= x.size()
	if x.Wire {
		v.wire, v.wireBytes = v.wire-1, v.wireBytes-x.size()
	}
	if i >= marked {
		v.list, v.tags = slices.Delete(slices.Clone(v.list), i, i+1), slices.Delete(slices.Clone(v.tags), i, i+1)
		return
	}
	v.gone.set(i)
	if v.dead += x.size(); v.dead > maxDead {
		v.renew()
	}
}

// push adds a value to a variable that may have several. It stays where it is.
func (v *variables) push(name, value string) {
	v.unpack()
	i := v.index(name)
	if i < 0 || v.list[i].Wire {
		v.set(Variable{Name: name, Value: value})
		return
	}
	v.renew()
	i = v.index(name)
	old := v.list[i].Value
	v.bytes += len(value) + len(arraySeparator)
	if !strings.HasPrefix(old, arrayPrefix) {
		old = arrayPrefix + old
		v.bytes += len(arrayPrefix)
	}
	v.list[i].Value = old + arraySeparator + value
}

// arrayValues splits a variable with several values; nil when it has one.
func arrayValues(value string) []string {
	rest, ok := strings.CutPrefix(value, arrayPrefix)
	if !ok {
		return nil
	}
	return strings.Split(rest, arraySeparator)
}
