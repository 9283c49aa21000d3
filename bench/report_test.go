package bench

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
)

// sampleResult has everything a page can show, and names that would break it.
func sampleResult() *Result {
	var h Histogram
	for i := range 1000 {
		h.Add(time.Duration(i) * time.Microsecond)
	}
	r := &Result{
		Scenario: "calls", Server: `udp:<script>alert("1")</script>`, Version: "test", Legs: "plain", Machine: thisMachine(),
		Calls:    &Attempts{Attempted: 3, Succeeded: 2, Failed: 1, Failures: map[string]int{`486 "Busy" <Here>`: 1}},
		Media:    &Media{Streams: 4, Delay: quantilesOf(&h), MOS: 4.4},
		Process:  &Process{CPUSeconds: 1, PerPacketUS: 10, PerCallKB: 3},
		Steps:    []Step{{Rate: 10, Calls: &Attempts{}, Within: true}, {Rate: 20, Calls: &Attempts{}, Beyond: "slow", Cores: 0.5}},
		Delays:   curveOf(&h),
		Load:     &MachineLoad{Busy: 1.5, Server: 0.3, Other: 0.9, Warning: "other work <much>"},
		Profiles: []*Profile{{Window: "calls plain", By: "perf", File: "x.perf.data", Samples: 10, Groups: []ProfileGroup{{Name: groupSend, Share: 0.4, Functions: []ProfileFunction{{"f<g>", 0.4}}}}}},
	}
	for i := range 5 {
		r.Samples = append(r.Samples, Sample{Second: float64(i), Done: i, Packets: uint64(i) * 1000, Cores: 0.5, RSS: 2048})
	}
	return r
}

func TestHTML(t *testing.T) {
	var page bytes.Buffer
	if err := sampleResult().WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(page.Bytes()))
	d.Entity = xml.HTMLEntity
	plots := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well formed: %v\n%s", err, page.String())
		}
		if e, ok := token.(xml.StartElement); ok {
			switch e.Name.Local {
			case "svg":
				plots++
			case "script", "link", "img", "iframe", "image":
				t.Errorf("the page has a <%s>", e.Name.Local)
			}
		}
	}
	if plots != 8 {
		t.Errorf("%d plots, want 8", plots)
	}
	if m := regexp.MustCompile(`https?://|url\(|@import`).Find(page.Bytes()); m != nil {
		t.Errorf("the page refers to something outside: %s", m)
	}
}

func TestTable(t *testing.T) {
	var table bytes.Buffer
	if err := sampleResult().WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 succeeded, 1 failed", `1 × 486 "Busy" <Here>`, "10.00 µs", "20 a second", "out of bounds: slow", "MOS", "other 0.90", "WARNING", "profile of calls plain: 10 samples", "40.0 %"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s", want, table.String())
		}
	}
}

func TestAxis(t *testing.T) {
	for _, c := range []struct {
		largest float64
		want    axis
	}{
		{0, axis{most: 1, step: 0.2}},
		{1, axis{most: 1, step: 0.2}},
		{7, axis{most: 8, step: 2}},
		{99, axis{most: 100, step: 20}},
		{101, axis{most: 150, step: 50}},
		{0.031, axis{most: 0.04, step: 0.01}},
	} {
		got := newAxis(func(p point) float64 { return p.y }, []point{{0, c.largest}}, 0, 0)
		if diff := got.most - c.want.most; diff > 1e-9 || diff < -1e-9 || got.step-c.want.step > 1e-9 || c.want.step-got.step > 1e-9 {
			t.Errorf("%g: %+v, want %+v", c.largest, got, c.want)
		}
	}
}
