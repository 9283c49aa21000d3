package admin

import (
	"time"

	"github.com/talkpath/talkpath/internal/profile"
)

// freeswitchFamilies are those of github.com/signalwire/freeswitch_exporter, by the same names, types and labels, so that dashboards made for it go on.
func freeswitchFamilies() []family {
	return []family{
		gauge("freeswitch_up", "Was the last scrape successful.", func(r *Reading) float64 { return truth(r.running) }),
		gauge("freeswitch_uptime_seconds", "Uptime in seconds", func(r *Reading) float64 { return float64(time.Since(r.Started) / time.Second) }),
		gauge("freeswitch_time_synced", "Is FreeSWITCH time in sync with exporter host time. Always: there is one clock", func(*Reading) float64 { return 1 }),
		gauge("freeswitch_current_calls", "Number of calls active", func(r *Reading) float64 { return float64(r.Calls.Calls) }),
		gauge("freeswitch_bridged_calls", "Number of bridged_calls active", func(r *Reading) float64 { return float64(r.Calls.Bridged) }),
		gauge("freeswitch_detailed_calls", "Number of detailed_calls active", func(r *Reading) float64 { return float64(r.Calls.Calls) }),
		gauge("freeswitch_detailed_bridged_calls", "Number of detailed_bridged_calls active", func(r *Reading) float64 { return float64(r.Calls.Bridged) }),
		gauge("freeswitch_current_channels", "Number of channels active", func(r *Reading) float64 { return float64(r.Calls.Channels) }),
		gauge("freeswitch_registrations", "Number of registrations active", func(r *Reading) float64 { return float64(r.Registrations.Bindings) }),
		counter("freeswitch_sessions_total", "Number of sessions since startup", func(r *Reading) uint64 { return r.Sessions.SinceStart }),
		gauge("freeswitch_current_sessions", "Number of sessions active", func(r *Reading) float64 { return float64(r.Sessions.Current) }),
		gauge("freeswitch_current_sessions_peak", "Peak sessions since startup", func(r *Reading) float64 { return float64(r.Sessions.Peak) }),
		gauge("freeswitch_current_sessions_peak_last_5min", "Peak sessions for the last 5 minutes", func(r *Reading) float64 { return float64(r.Sessions.PeakFiveMin) }),
		gauge("freeswitch_current_sps", "Number of sessions per second", func(r *Reading) float64 { return float64(r.Sessions.PerSecond) }),
		gauge("freeswitch_current_sps_peak", "Peak sessions per second since startup", func(r *Reading) float64 { return float64(r.Sessions.PerSecondPeak) }),
		gauge("freeswitch_current_sps_peak_last_5min", "Peak sessions per second for the last 5 minutes",
			func(r *Reading) float64 { return float64(r.Sessions.PerSecondFiveMin) }),
		gauge("freeswitch_max_sessions", "Max sessions allowed", func(r *Reading) float64 { return float64(r.Sessions.MaxSessions) }),
		gauge("freeswitch_max_sps", "Max sessions per second allowed", func(r *Reading) float64 { return float64(r.Sessions.SessionsPerSecond) }),
		gauge("freeswitch_current_idle_cpu", "CPU idle", func(r *Reading) float64 { return r.IdleCPU }),
		gauge("freeswitch_min_idle_cpu", "Minimum CPU idle. None is demanded", func(*Reading) float64 { return 0 }),
		gauges("freeswitch_load_module", "freeswitch load module status", func(r *Reading, p put) {
			for name, served := range r.Modules {
				p(truth(served), name)
			}
		}, "module"),
		gauges("freeswitch_codec_status", "freeswitch endpoint status", interfaces("codec"), "type", "name", "ikey"),
		gauges("freeswitch_endpoint_status", "freeswitch endpoint status", interfaces("endpoint"), "type", "name", "ikey"),
	}
}

// interfaces gives 1 for each thing of a kind that is there.
func interfaces(kind string) func(*Reading, put) {
	return func(r *Reading, p put) {
		for _, i := range r.Interfaces {
			if i.Kind == kind {
				p(1, i.Kind, i.Name, i.Module)
			}
		}
	}
}

// freeswitchGateways are the exporter's figures of gateways.
func freeswitchGateways() []family {
	of := func(name, help string, value func(*profile.GatewayStatus) float64) family {
		return gauges("freeswitch_sofia_gateway_"+name, help, func(r *Reading, p put) {
			for i := range r.Gateways {
				g := &r.Gateways[i]
				p(value(g), g.Name, g.Config.Proxy, g.Profile)
			}
		}, "name", "proxy", "profile")
	}
	return []family{
		gauges("freeswitch_sofia_gateway_status", "freeswitch gateways status", func(r *Reading, p put) {
			for i := range r.Gateways {
				g := &r.Gateways[i]
				p(truth(g.Up), g.Name, g.Config.Proxy, g.Profile, g.Config.Context, "Digest")
			}
		}, "name", "proxy", "profile", "context", "scheme"),
		of("call_in", "freeswitch gateway call-in", func(g *profile.GatewayStatus) float64 { return float64(g.CallsIn) }),
		of("call_out", "freeswitch gateway call-out", func(g *profile.GatewayStatus) float64 { return float64(g.CallsOut) }),
		of("failed_call_in", "freeswitch gateway failed-call-in", func(g *profile.GatewayStatus) float64 { return float64(g.FailedCallsIn) }),
		of("failed_call_out", "freeswitch gateway failed-call-out", func(g *profile.GatewayStatus) float64 { return float64(g.FailedCallsOut) }),
		of("ping", "freeswitch gateway ping", func(g *profile.GatewayStatus) float64 { return g.Config.Ping.Seconds() }),
		of("pingfreq", "freeswitch gateway pingfreq", func(g *profile.GatewayStatus) float64 { return g.Config.Ping.Seconds() }),
		of("pingmin", "freeswitch gateway pingmin", func(g *profile.GatewayStatus) float64 { return float64(g.Config.PingMin) }),
		of("pingmax", "freeswitch gateway pingmax", func(g *profile.GatewayStatus) float64 { return float64(g.Config.PingMax) }),
		of("pingcount", "freeswitch gateway pingcount", func(g *profile.GatewayStatus) float64 { return float64(g.PingCount) }),
		of("pingtime", "freeswitch gateway pingtime", func(g *profile.GatewayStatus) float64 { return float64(g.PingTime.Microseconds()) / 1000 }),
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
