package bench

import (
	"runtime"
	"time"
)

// Result is what a run found: the content of the JSON file. Parts that a scenario does not measure are left out.
type Result struct {
	Scenario      string       `json:"scenario"`
	Server        string       `json:"server"`
	Version       string       `json:"version"` // of the generator
	Started       time.Time    `json:"started"`
	Machine       Machine      `json:"machine"`
	Legs          string       `json:"legs,omitempty"`
	Registrations *Attempts    `json:"registrations,omitempty"`
	Calls         *Attempts    `json:"calls,omitempty"`
	Dropped       int          `json:"dropped_calls,omitempty"` // ended by the server while they talked
	Media         *Media       `json:"media,omitempty"`
	Process       *Process     `json:"process,omitempty"`
	Load          *MachineLoad `json:"machine_load,omitempty"`
	Profiles      []*Profile   `json:"profiles,omitempty"`
	Steps         []Step       `json:"steps,omitempty"`
	Knee          float64      `json:"knee,omitempty"` // the highest rate within the bounds, calls a second
	Samples       []Sample     `json:"samples,omitempty"`
	Delays        Curve        `json:"one_way_delay_curve_ms,omitempty"` // percentiles 1, 5, 10, 20 … 90, 95, 98, 99, 99.5, 99.9, 100
}

// Machine is where the generator ran.
type Machine struct {
	OS   string `json:"os"`
	Arch string `json:"arch"`
	CPU  string `json:"cpu,omitempty"`
	CPUs int    `json:"cpus"`
	Go   string `json:"go"`
}

func thisMachine() Machine {
	name, release := processorName(), kernelRelease()
	return Machine{OS: runtime.GOOS + " " + release, Arch: runtime.GOARCH, CPU: name, CPUs: runtime.NumCPU(), Go: runtime.Version()}
}

// Quantiles of durations, in milliseconds.
type Quantiles struct {
	P50  float64 `json:"p50_ms"`
	P95  float64 `json:"p95_ms"`
	P99  float64 `json:"p99_ms"`
	Max  float64 `json:"max_ms"`
	Mean float64 `json:"mean_ms"`
}

func quantilesOf(h *Histogram) Quantiles {
	return Quantiles{
		P50: milliseconds(h.Percentile(50)), P95: milliseconds(h.Percentile(95)), P99: milliseconds(h.Percentile(99)),
		Max: milliseconds(h.Max()), Mean: milliseconds(h.Mean()),
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Attempts at something that succeeds or fails: registrations, calls.
type Attempts struct {
	Attempted int            `json:"attempted"`
	Succeeded int            `json:"succeeded"`
	Failed    int            `json:"failed"`
	Failures  map[string]int `json:"failures,omitempty"` // by reason
	Seconds   float64        `json:"seconds"`            // from the first to the last
	PerSecond float64        `json:"per_second"`         // that succeeded
	Took      Quantiles      `json:"took"`               // of those: a call from INVITE to its answer, a registration with its challenge
}

// Media is what became of the packets of the measured window.
type Media struct {
	Streams   int       `json:"streams"`                    // directions: two a call
	Silent    int       `json:"silent"`                     // streams of which nothing came
	Checking  int       `json:"browsers_in_ice,omitempty"`  // that had no answer to their checks when the window ended
	Agreeing  int       `json:"browsers_in_dtls,omitempty"` // that had no keys
	Seconds   float64   `json:"seconds"`
	PerSecond float64   `json:"packets_per_second"` // that came
	Counts    Counts    `json:"packets"`
	Delay     Quantiles `json:"one_way_delay"`
	JitterMS  float64   `json:"jitter_ms"` // RFC 3550, mean of the streams
	MOS       float64   `json:"mos"`       // ITU-T G.107 for G.711 with 60 ms of playout delay, mean of the streams
	WorstMOS  float64   `json:"worst_mos"`
	Generator Generator `json:"generator"`
}

// Generator is what the generator did wrong itself; with other figures than 0 the run says less about the server.
type Generator struct {
	Late    uint64 `json:"late_ticks"` // packets sent more than 10 ms late
	Dropped uint64 `json:"dropped"`    // came, but its own buffer was full
	Unsent  uint64 `json:"unsent"`     // refused by its own kernel
	Strays  uint64 `json:"strays"`     // from an address that no call uses
}

// Process is what the server's processes used.
type Process struct {
	CPUSeconds   float64 `json:"cpu_seconds"`             // in the measured window
	Load         float64 `json:"cores"`                   // CPU seconds a second
	PerPacketUS  float64 `json:"us_per_packet,omitempty"` // CPU time for a packet that came
	PerEachMS    float64 `json:"ms_per_attempt,omitempty"`
	IdleRSS      float64 `json:"idle_rss_kb"`
	RSS          float64 `json:"rss_kb"` // at the end of the window
	PerCallKB    float64 `json:"kb_per_call,omitempty"`
	GeneratorCPU float64 `json:"generator_cpu_seconds"` // of the generator, in the same time
}

// Sample is one second of the run.
type Sample struct {
	Second  float64 `json:"second"`
	Done    int     `json:"done"` // calls that are up, registrations made
	Failed  int     `json:"failed"`
	Packets uint64  `json:"packets"` // that came since the window began
	Lost    uint64  `json:"lost"`
	Cores   float64 `json:"cores"` // of the server's processes, since the sample before
	RSS     float64 `json:"rss_kb"`
}

// Step is one rate of a ramp.
type Step struct {
	Rate   float64   `json:"rate"` // calls a second, asked for
	Calls  *Attempts `json:"calls"`
	Cores  float64   `json:"cores"`            // of the server's processes
	Within bool      `json:"within"`           // failures and set-up time were within the bounds
	Beyond string    `json:"beyond,omitempty"` // which bound they were not within
}
