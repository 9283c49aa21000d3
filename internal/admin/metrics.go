package admin

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/talkpath/talkpath/media"
)

// scrapeTimeout bounds how long a scrape waits for its figures; Prometheus gives up after 10 s.
const scrapeTimeout = 9 * time.Second

// family is one metric: its name, what it means, and where it is read. One of value and distribution is set.
type family struct {
	name, help   string
	kind         prometheus.ValueType
	labels       []string
	value        func(*Reading, put)
	distribution func(*Reading, putDistribution)
	desc         *prometheus.Desc
}

// put gives a value with those of the labels.
type put func(value float64, labels ...string)

// putDistribution gives a histogram, whose figures are multiplied by scale to come in the metric's unit.
type putDistribution func(h *media.Histogram, scale float64, labels ...string)

func gauge(name, help string, value func(*Reading) float64) family {
	return family{name: name, help: help, kind: prometheus.GaugeValue, value: func(r *Reading, p put) { p(value(r)) }}
}

func counter(name, help string, value func(*Reading) uint64) family {
	return family{name: name, help: help, kind: prometheus.CounterValue, value: func(r *Reading, p put) { p(float64(value(r))) }}
}

func gauges(name, help string, value func(*Reading, put), labels ...string) family {
	return family{name: name, help: help, kind: prometheus.GaugeValue, value: value, labels: labels}
}

func counters(name, help string, value func(*Reading, put), labels ...string) family {
	return family{name: name, help: help, kind: prometheus.CounterValue, value: value, labels: labels}
}

// families are all metrics of the exchange, in the order of docs/metrics.md.
func families() []family {
	return slices.Concat(freeswitchFamilies(), freeswitchGateways(), exchangeFamilies(), mediaFamilies(), legFamilies(), sipFamilies(),
		registrarFamilies(), eventFamilies(), recordFamilies())
}

// collector takes one reading a scrape and gives all families from it.
type collector struct {
	read     func() (*Reading, bool)
	families []family
}

func newCollector(read func() (*Reading, bool)) *collector {
	c := &collector{read: read, families: families()}
	for i := range c.families {
		f := &c.families[i]
		f.desc = prometheus.NewDesc(f.name, f.help, f.labels, nil)
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range c.families {
		ch <- f.desc
	}
}

// Collect implements prometheus.Collector. While the exchange does not run there are no figures, and the exporter's freeswitch_up is what says so.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	r, ok := c.read()
	if !ok {
		r = nil
	}
	for _, f := range c.families {
		switch {
		case f.name == "freeswitch_up":
			f.emit(ch, &Reading{running: ok})
		case r != nil:
			f.emit(ch, r)
		}
	}
}

// emit sends a family's metrics. An error, which would be a defect of its definition, fails this scrape and not the process.
func (f *family) emit(ch chan<- prometheus.Metric, r *Reading) {
	send := func(m prometheus.Metric, err error) {
		if err != nil {
			m = prometheus.NewInvalidMetric(f.desc, err)
		}
		ch <- m
	}
	if f.value != nil {
		f.value(r, func(v float64, labels ...string) {
			send(prometheus.NewConstMetric(f.desc, f.kind, v, valid(labels)...))
		})
		return
	}
	f.distribution(r, func(h *media.Histogram, scale float64, labels ...string) {
		buckets, n := make(map[float64]uint64, len(h.Bounds)), uint64(0)
		for i, bound := range h.Bounds {
			n += h.Counts[i]
			buckets[bound*scale] = n
		}
		send(prometheus.NewConstHistogram(f.desc, h.Count, h.Sum*scale, buckets, valid(labels)...))
	})
}

// valid makes label values what Prometheus takes: a name in the configuration may be in any encoding.
func valid(labels []string) []string {
	for i, l := range labels {
		labels[i] = strings.ToValidUTF8(l, "\uFFFD")
	}
	return labels
}

// metricsHandler serves the exchange's metrics with those of the Go runtime and of the process.
func metricsHandler(read func() (*Reading, bool), log *slog.Logger) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(read), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes, Timeout: scrapeTimeout, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ErrorHandling: promhttp.ContinueOnError, EnableOpenMetrics: true,
	})
}
