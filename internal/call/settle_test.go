package call

import (
	"fmt"
	"testing"
)

// TestFit makes a list to measure while another has a picture of it.
func TestFit(t *testing.T) {
	var v variables
	for i := range 100 {
		v.set(Variable{Name: fmt.Sprint("name", i), Value: fmt.Sprint(i)})
	}
	for i := range 50 {
		v.set(Variable{Name: fmt.Sprint("name", i)}) // removes it
	}
	v.set(Variable{Name: "name60", Value: "moved"})
	seen := v
	v.fit()
	if got := cap(v.list); got != 50+spareRoom {
		t.Errorf("room for %d", got)
	}
	v.set(Variable{Name: "name70", Value: "changed"})
	if seen.value("name70") != "70" || v.value("name70") != "changed" {
		t.Error("the picture has changed, or the list has not")
	}
	for name, want := range map[string]string{"name0": "", "name60": "moved", "name99": "99"} {
		if got := v.value(name); got != want || seen.value(name) != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	if v.count() != 50 || seen.count() != 50 {
		t.Errorf("%d variables, %d in the picture", v.count(), seen.count())
	}
}
