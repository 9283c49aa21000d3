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
// Snapshots share the slice, so a change after share works on a copy.
type variables struct {
	list   []Variable
	shared bool
}

func (v *variables) index(name string) int {
	return slices.IndexFunc(v.list, func(x Variable) bool { return strings.EqualFold(x.Name, name) })
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

// own makes the list ours alone before a change.
func (v *variables) own() {
	if v.shared {
		v.list = slices.Clone(v.list)
		v.shared = false
	}
}

// share returns the list for readers elsewhere.
func (v *variables) share() []Variable {
	v.shared = true
	return slices.Clip(v.list)
}

// set replaces or adds a variable; an empty value removes it.
func (v *variables) set(x Variable) {
	v.del(x.Name)
	if x.Value == "" {
		return
	}
	v.own()
	v.list = append(v.list, x)
}

func (v *variables) del(name string) {
	i := v.index(name)
	if i < 0 {
		return
	}
	v.own()
	v.list = slices.Delete(v.list, i, i+1)
}

// push adds a value to a variable that may have several. It stays where it is.
func (v *variables) push(name, value string) {
	i := v.index(name)
	if i < 0 {
		v.set(Variable{Name: name, Value: value})
		return
	}
	v.own()
	old := v.list[i].Value
	if !strings.HasPrefix(old, arrayPrefix) {
		old = arrayPrefix + old
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
