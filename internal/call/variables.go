package call

import (
	"slices"
	"strings"
)

// arrayPrefix and arraySeparator make up a variable with several values, as FreeSWITCH writes it: ARRAY::one|:two.
const (
	arrayPrefix    = "ARRAY::"
	arraySeparator = "|:"
)

// variables are a channel's variables in the order they were set. Setting one that exists moves it to the end, as FreeSWITCH does.
type variables struct {
	list []Variable
	// seen is how many of list readers elsewhere may have. Those never change: what would change one works on a copy, what adds one does not.
	seen int
	// bytes counts names and values.
	bytes int
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

// index finds a variable, in any case of ASCII letters. Every call asks some hundred times for one of some hundred: lengths are compared
// first, and most names are written as they were set.
func (v *variables) index(name string) int {
	for i := range v.list {
		if x := v.list[i].Name; len(x) == len(name) && (x == name || strings.EqualFold(x, name)) {
			return i
		}
	}
	return -1
}

func (v *variables) lookup(name string) (Variable, bool) {
	if i := v.index(name); i >= 0 {
		return v.list[i], true
	}
	return Variable{}, false
}

func (v *variables) value(name string) string {
	x, _ := v.lookup(name)
	return x.Value
}

// own makes the list ours alone from that place on before a change.
func (v *variables) own(from int) {
	if from < v.seen {
		v.list = append(make([]Variable, 0, cap(v.list)), v.list...)
		v.seen = 0
	}
}

// share returns the list for readers elsewhere.
func (v *variables) share() []Variable {
	v.seen = len(v.list)
	return slices.Clip(v.list)
}

// set replaces or adds a variable; an empty value removes it. What a peer gives beyond the limits is dropped.
func (v *variables) set(x Variable) {
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
	v.list = append(v.list, x)
	v.bytes += x.size()
}

func (v *variables) del(name string) {
	i := v.index(name)
	if i < 0 {
		return
	}
	v.own(i)
	x := v.list[i]
	v.bytes -= x.size()
	if x.Wire {
		v.wire, v.wireBytes = v.wire-1, v.wireBytes-x.size()
	}
	v.list = slices.Delete(v.list, i, i+1)
}

// push adds a value to a variable that may have several. It stays where it is.
func (v *variables) push(name, value string) {
	i := v.index(name)
	if i < 0 || v.list[i].Wire {
		v.set(Variable{Name: name, Value: value})
		return
	}
	v.own(i)
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
