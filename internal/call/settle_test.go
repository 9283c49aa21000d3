package call

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestTalkingChannelsRest: a second after a bridge stands its legs keep their variables packed, and nobody can tell; what happens then is followed by
// another rest.
func TestTalkingChannelsRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.dialer.add("1016")
		a := r.call("1016", Variable{Name: "sip_h_X-Seldom", Value: "an unusual name", Wire: true})
		b := r.dialer.next()
		b.h.LegAnswered([]byte(sdpB), nil)
		a.want("answer")
		synctest.Wait()
		legs := []*Channel{a.h.(*Channel), b.h.(*Channel)}
		before := []Snapshot{legs[0].Snapshot(), legs[1].Snapshot()}
		packed := func(i int, want bool) {
			t.Helper()
			synctest.Wait()
			if v := legs[i].seen.Load().vars; (v.rest != "") != want || v.count() < 10 {
				t.Errorf("%s: packed %v, %d variables", before[i].Name, v.rest != "", v.count())
			}
		}
		packed(0, false)
		packed(1, false)
		time.Sleep(restAfter)
		for i, ch := range legs {
			packed(i, true)
			if after := ch.Snapshot(); !slices.Equal(before[i].Variables, after.Variables) {
				t.Errorf("%v\nnot\n%v", after.Variables, before[i].Variables)
			}
			ch.box.put(func() { ch.set("woken", "yes") })
			packed(i, false)
			if v := ch.seen.Load().vars; v.value("WOKEN") != "yes" || v.value("direction") != before[i].Direction {
				t.Errorf("%s: %v", before[i].Name, v.slice())
			}
		}
		time.Sleep(restAfter)
		for i, ch := range legs {
			packed(i, true)
			if v := ch.seen.Load().vars; v.value("Woken") != "yes" || v.count() != len(before[i].Variables)+1 {
				t.Errorf("%s: %v", before[i].Name, v.slice())
			}
		}
		b.h.LegEnded(bye)
		a.want("hangup NORMAL_CLEARING")
		r.until(2)
	})
}

// TestCommonNames: they are found by their order.
func TestCommonNames(t *testing.T) {
	if !slices.IsSorted(commonNames[:]) || len(slices.Compact(slices.Clone(commonNames[:]))) != len(commonNames) {
		t.Error("not sorted, or one is there twice")
	}
}
