package call

import (
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A peer that sends new headers in each message does not fill the memory, and ours are set all the same.
func TestPeersVariablesAreBounded(t *testing.T) {
	tests := map[string]struct {
		size, count int
	}{"many": {10, 3000}, "large": {64 << 10, 256}}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var v variables
			for i := range test.count {
				v.set(Variable{Name: "sip_h_X-" + strconv.Itoa(i), Value: strings.Repeat("x", test.size), Wire: true})
			}
			bytes := 0
			for x := range v.all() {
				bytes += x.size()
			}
			if v.count() > maxWireVariables || bytes > maxWireBytes || bytes != v.bytes || v.dropped != test.count-v.count() || v.dropped == 0 {
				t.Errorf("%d variables, %d bytes, %d counted, %d dropped", v.count(), bytes, v.bytes, v.dropped)
			}
			if v.set(Variable{Name: "hangup_cause", Value: "NORMAL_CLEARING"}); v.value("hangup_cause") == "" {
				t.Error("our own variable has no room")
			}
			for i := range test.count {
				v.del("sip_h_X-" + strconv.Itoa(i))
			}
			if v.wire != 0 || v.wireBytes != 0 || v.count() != 1 {
				t.Errorf("%d variables of %d bytes are counted after all are gone", v.wire, v.wireBytes)
			}
		})
	}
}

// Pictures of the variables stay as they were, whatever is set, added to and deleted meanwhile, and what is gone is not kept for long.
func TestPicturesOfVariables(t *testing.T) {
	type picture struct {
		of   variables
		want []Variable
	}
	var v variables
	var plain []Variable // the same, done plainly
	var pictures []picture
	random := rand.New(rand.NewPCG(1, 2))
	for step := range 3000 {
		name, value := "name_"+strconv.Itoa(random.IntN(300)), strings.Repeat("x", random.IntN(200))
		if n := random.IntN(2 * len(commonNames)); n < len(commonNames) {
			name = commonNames[n]
		}
		if random.IntN(20) == 0 {
			v.pack()
		}
		i := slices.IndexFunc(plain, func(x Variable) bool { return x.Name == name })
		switch what := random.IntN(10); {
		case what == 0:
			v.del(strings.ToUpper(name))
		case what == 1 && i >= 0 && !plain[i].Wire:
			v.push(name, value)
			plain[i].Value = arrayPrefix + strings.TrimPrefix(plain[i].Value, arrayPrefix) + arraySeparator + value
			i = -1
		default:
			x := Variable{Name: name, Value: value, Wire: random.IntN(4) == 0 && v.wire < 100}
			v.set(x)
			if value != "" {
				plain = append(plain, x)
			}
		}
		if i >= 0 {
			plain = slices.Delete(plain, i, i+1)
		}
		if step%10 == 0 {
			pictures = append(pictures, picture{v, slices.Clone(plain)})
		}
		if dead := len(v.list) - v.count(); dead > marked || v.dead > maxDead {
			t.Fatalf("step %d: %d of %d bytes are gone and kept", step, dead, v.dead)
		}
	}
	for i, p := range pictures {
		got := slices.Collect(p.of.all())
		bytes := 0
		for _, x := range got {
			bytes += x.size()
		}
		if !slices.Equal(got, p.want) || !slices.Equal(p.of.slice(), p.want) || p.of.count() != len(p.want) || p.of.bytes != bytes {
			t.Fatalf("picture %d:\n%v\nwant\n%v", i, got, p.want)
		}
	}
}

// Text of a peer makes neither an array nor a line of its own.
func TestPeersTextIsOneValue(t *testing.T) {
	r := newRig(t)
	r.dialer.add("1016")
	a := r.call("1016", Variable{Name: "sip_h_X-List", Value: "ARRAY::a|:b", Wire: true},
		Variable{Name: "sip_h_X-Line", Value: "a\r\nVia: evil\x00", Wire: true})
	b := r.dialer.next()
	for _, h := range b.o.Headers {
		if strings.ContainsAny(h.Value, "\r\n\x00") {
			t.Errorf("header %s: %q", h.Name, h.Value)
		}
	}
	if len(b.o.Headers) != 2 {
		t.Errorf("headers %v", b.o.Headers)
	}
	a.h.LegEnded(bye)
	r.until(2)
	for _, e := range r.events {
		for _, h := range e.Headers {
			if h.Name == "variable_sip_h_X-List" && (h.Array != nil || h.Value != "ARRAY::a|:b") {
				t.Fatalf("%v", h)
			}
		}
	}
	if got := array([]string{"a|:b", "ARRAY::c||::d"}); len(arrayValues(got)) != 2 {
		t.Errorf("%q", got)
	}
}

// An application that does nothing is named in the log once, not on each call.
func TestIgnoredApplicationsAreWarnedOfOnce(t *testing.T) {
	var log strings.Builder
	l := slog.New(slog.NewTextHandler(&log, nil))
	ignored := newIgnoredApps()
	for range 3 {
		if !ignored.take("Presence", l) {
			t.Fatal("not known")
		}
	}
	if n := strings.Count(log.String(), "application=Presence"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, log.String())
	}
	if ignored.take("no_such_app", l) {
		t.Error("any name is taken")
	}
	c := newRig(t).core
	served, nothing := c.Applications()
	for _, name := range nothing {
		if c.apps[name] != nil {
			t.Errorf("%s is served and is not", name)
		}
	}
	if len(served) == 0 || len(nothing) == 0 {
		t.Error(served, nothing)
	}
}
