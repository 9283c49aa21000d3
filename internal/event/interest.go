package event

import "github.com/talkpath/talkpath/esl"

// interest counts subscribers by what they want. It is owned by the bus's mutex.
type interest struct {
	all        int
	names      map[string]int
	subclasses map[string]int
}

// add counts a selection in (n = 1) or out (n = -1) and reports whether the union changed.
func (in *interest) add(sel esl.Selection, n int) bool {
	if in.names == nil {
		in.names, in.subclasses = map[string]int{}, map[string]int{}
	}
	changed := false
	if sel.All {
		in.all += n
		changed = in.all == 0 || in.all == n
	}
	changed = count(in.names, sel.Names, n) || changed
	return count(in.subclasses, sel.Subclasses, n) || changed
}

func count(counts map[string]int, wanted map[string]bool, n int) bool {
	changed := false
	for key, on := range wanted {
		if !on {
			continue
		}
		counts[key] += n
		switch counts[key] {
		case 0:
			delete(counts, key)
			changed = true
		case n:
			changed = true
		}
	}
	return changed
}

// selection returns the union.
func (in *interest) selection() *esl.Selection {
	sel := &esl.Selection{All: in.all > 0, Names: map[string]bool{}, Subclasses: map[string]bool{}}
	for n := range in.names {
		sel.Names[n] = true
	}
	for n := range in.subclasses {
		sel.Subclasses[n] = true
	}
	return sel
}
