package admin

import (
	"flag"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/talkpath/talkpath/internal/control"
	"github.com/talkpath/talkpath/internal/profile"
	"github.com/talkpath/talkpath/media"
)

// sample is a reading in which every figure is another number.
func sample() *Reading {
	n := 1000
	p := Profile{Name: "internal"}
	q := func() media.Quality {
		h := media.Histogram{Bounds: []float64{1, 2}, Counts: []uint64{1, 1}, Count: 2, Sum: 3}
		return media.Quality{Jitter: h, Loss: h, MOS: h, RTT: h}
	}
	c := &media.ClassStats{Now: q(), Past: q()}
	g := profile.GatewayStatus{Name: "trunk", Profile: "external"}
	r := &Reading{Version: "1", Started: time.Unix(0, 0), Ready: true, IdleCPU: 50, Modules: map[string]bool{"mod_sofia": true},
		Interfaces: []control.Interface{{Kind: "codec", Name: "PCMU", Module: "mod_g711"}, {Kind: "endpoint", Name: "sofia", Module: "mod_sofia"}}}
	for _, v := range []any{&r.Sessions, &r.Calls, &r.Media, &r.Registrations, &r.Events, &r.EventSocket, &r.Records, &p.SIP, &p.Calls, &p.Refusals, c, &g} {
		fill(reflect.ValueOf(v).Elem(), &n)
	}
	p.SIP.ConnectionsByTransport, p.SIP.ReceivedByMethod = map[string]int{"wss": 7}, map[string]uint64{"INVITE": 8}
	r.Profiles, r.Gateways = []Profile{p}, []profile.GatewayStatus{g}
	r.Classes = map[media.LegClass]*media.ClassStats{{Kind: media.KindWebRTC, Codec: "opus"}: c}
	return r
}

// fill sets every number of a struct to one that nothing else has.
func fill(v reflect.Value, n *int) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Int, reflect.Int64:
			if f.CanSet() && f.Type() != reflect.TypeFor[time.Duration]() {
				*n++
				f.SetInt(int64(*n))
			}
		case reflect.Uint64:
			*n++
			f.SetUint(uint64(*n))
		}
	}
}

func scrape(t *testing.T, r *Reading) string {
	t.Helper()
	w := httptest.NewRecorder()
	metricsHandler(func() (*Reading, bool) { return r, r != nil }, slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d\n%s", w.Code, w.Body)
	}
	return w.Body.String()
}

// TestEveryFigureIsExported sees that whoever adds a counter to one of the statistics adds it to the metrics too.
func TestEveryFigureIsExported(t *testing.T) {
	// What is there under another figure, or by label.
	elsewhere := map[string]bool{"call.Stats.LastPerSecond": true, "sip.Stats.Connections": true, "media.EngineStats.Legs": true}
	r := sample()
	exported := map[string]bool{}
	for line := range strings.Lines(scrape(t, r)) {
		if i := strings.LastIndexByte(line, ' '); !strings.HasPrefix(line, "#") && i > 0 {
			exported[strings.TrimSpace(line[i:])] = true
		}
	}
	for _, v := range []any{r.Sessions, r.Calls, r.Media, r.Registrations, r.Events, r.EventSocket, r.Records, r.Profiles[0].SIP, r.Profiles[0].Calls,
		r.Profiles[0].Refusals, *r.Classes[media.LegClass{Kind: media.KindWebRTC, Codec: "opus"}]} {
		s := reflect.ValueOf(v)
		for i := range s.NumField() {
			name := fmt.Sprintf("%s.%s", s.Type(), s.Type().Field(i).Name)
			if k := s.Field(i).Kind(); k != reflect.Int && k != reflect.Int64 && k != reflect.Uint64 || elsewhere[name] {
				continue
			}
			if !exported[fmt.Sprint(s.Field(i).Interface())] {
				t.Errorf("%s is not exported", name)
			}
		}
	}
}

// exporterNames are the metrics of signalwire/freeswitch_exporter that are true here.
const exporterNames = `bridged_calls codec_status current_calls current_channels current_idle_cpu current_sessions current_sessions_peak
current_sessions_peak_last_5min current_sps current_sps_peak current_sps_peak_last_5min detailed_bridged_calls detailed_calls endpoint_status
load_module max_sessions max_sps min_idle_cpu registrations sessions_total sofia_gateway_call_in sofia_gateway_call_out
sofia_gateway_failed_call_in sofia_gateway_failed_call_out sofia_gateway_ping sofia_gateway_pingcount sofia_gateway_pingfreq sofia_gateway_pingmax
sofia_gateway_pingmin sofia_gateway_pingtime sofia_gateway_status time_synced up uptime_seconds`

func TestFreeSWITCHExporterNames(t *testing.T) {
	var got []string
	for _, f := range families() {
		if name, ok := strings.CutPrefix(f.name, "freeswitch_"); ok {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	if want := strings.Fields(exporterNames); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	text := scrape(t, sample())
	for _, want := range []string{
		"\nfreeswitch_up 1\n", "\n# TYPE freeswitch_sessions_total counter\n", `freeswitch_load_module{module="mod_sofia"} 1`,
		`freeswitch_codec_status{ikey="mod_g711",name="PCMU",type="codec"} 1`,
		`freeswitch_sofia_gateway_status{context="",name="trunk",profile="external",proxy="",scheme="Digest"} 0`,
		`freeswitch_sofia_gateway_call_in{name="trunk",profile="external",proxy=""} `,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestOwnNamesAreClean(t *testing.T) {
	problems, err := testutil.CollectAndLint(newCollector(func() (*Reading, bool) { return sample(), true }))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if !strings.HasPrefix(p.Metric, "freeswitch_") { // the exporter's names are what they are
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestNotRunning(t *testing.T) {
	text := scrape(t, nil)
	if !strings.Contains(text, "\nfreeswitch_up 0\n") || strings.Contains(text, "talkpath_") {
		t.Error(text)
	}
}

func TestNamesThatAreNoText(t *testing.T) {
	r := sample()
	r.Gateways[0].Name = "a\xffb"
	if text := scrape(t, r); !strings.Contains(text, "name=\"a\uFFFDb\"") || !strings.Contains(text, "talkpath_ready 1") {
		t.Error(text)
	}
}

var update = flag.Bool("update", false, "write docs/metrics.md")

// TestDocument sees that docs/metrics.md has exactly the metrics there are. "go test ./internal/admin -run Document -update" writes it.
func TestDocument(t *testing.T) {
	const path, begin, end = "../../docs/metrics.md", "<!-- metrics: begin -->\n", "<!-- metrics: end -->\n"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), begin)
	written, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the marks are not there")
	}
	table := document()
	if *update {
		if err := os.WriteFile(path, []byte(head+begin+table+end+tail), 0o644); err != nil { //nolint:gosec // a document
			t.Fatal(err)
		}
		return
	}
	if written != table {
		t.Errorf("docs/metrics.md is out of date: go test ./internal/admin -run Document -update\n%s", table)
	}
}

// document is the tables of docs/metrics.md.
func document() string {
	var b strings.Builder
	row := func(cells ...string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	row("metric", "type", "labels", "what")
	row("---", "---", "---", "---")
	for _, f := range families() {
		kind := map[prometheus.ValueType]string{prometheus.GaugeValue: "gauge", prometheus.CounterValue: "counter"}[f.kind]
		if f.distribution != nil {
			kind = "histogram"
		}
		row("`"+f.name+"`", kind, strings.Join(f.labels, ", "), f.help)
	}
	reasons := func(metric string, rows [][2]string) {
		b.WriteString("\nReasons of `" + metric + "`:\n\n")
		row("reason", "what")
		row("---", "---")
		for _, r := range rows {
			row("`"+r[0]+"`", r[1])
		}
	}
	reasons("talkpath_media_dropped_total", meanings(dropReasons()))
	reasons("talkpath_sip_dropped_total", meanings(sipDropReasons()))
	reasons("talkpath_event_socket_dropped_total", meanings(eventSocketReasons()))
	return b.String()
}

func meanings[T any](reasons []reason[T]) (rows [][2]string) {
	for _, r := range reasons {
		rows = append(rows, [2]string{r.name, r.meaning})
	}
	return rows
}
