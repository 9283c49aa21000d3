package admin

import "github.com/talkpath/talkpath/media"

// mediaFamilies are those of the media engine.
func mediaFamilies() []family {
	return []family{
		counters("talkpath_media_datagrams_total", "Datagrams, and frames of ICE-TCP, of all kinds.", func(r *Reading, p put) {
			p(float64(r.Media.PacketsIn), "in")
			p(float64(r.Media.PacketsOut), "out")
		}, "direction"),
		counters("talkpath_media_datagram_bytes_total", "Their bytes.", func(r *Reading, p put) {
			p(float64(r.Media.BytesIn), "in")
			p(float64(r.Media.BytesOut), "out")
		}, "direction"),
		counters("talkpath_media_dropped_total", "Packets dropped, by reason: see below.", mediaDrops, "reason"),
		gauge("talkpath_media_ports", "UDP ports in use by legs with ports of their own.", func(r *Reading) float64 { return float64(r.Media.PortsInUse) }),
		gauge("talkpath_media_tcp_connections", "ICE-TCP connections.", func(r *Reading) float64 { return float64(r.Media.TCPConnections) }),
		counter("talkpath_media_tcp_accepted_total", "ICE-TCP connections accepted.", func(r *Reading) uint64 { return r.Media.TCPConnectionsTo }),
		counter("talkpath_media_tcp_refused_total", "ICE-TCP connections closed at the bound of them or of file descriptors.",
			func(r *Reading) uint64 { return r.Media.TCPRefused }),
		counters("talkpath_media_dtls_handshakes_total", "DTLS handshakes, by result: ok, failed.", func(r *Reading, p put) {
			p(float64(r.Media.DTLSHandshakes), "ok")
			p(float64(r.Media.DTLSFailures), "failed")
		}, "result"),
		counter("talkpath_media_stun_requests_total", "Authenticated STUN requests.", func(r *Reading) uint64 { return r.Media.STUNRequests }),
		counter("talkpath_media_feedback_passed_total", "Requests of RTCP (NACK, PLI, FIR) that went on to the party that sends.",
			func(r *Reading) uint64 { return r.Media.FeedbackPassed }),
		counter("talkpath_media_handed_over_total", "Packets that arrived at another packet loop than that of their leg.",
			func(r *Reading) uint64 { return r.Media.HandedOver }),
		counter("talkpath_media_events_lost_total", "Events of media (connected, digit, timeout) for which the queue to the channels was full.",
			func(r *Reading) uint64 { return r.Media.EventsLost }),
		counter("talkpath_media_pacer_skips_total", "Packet times of playbacks and mixers left out: the machine is too slow.",
			func(r *Reading) uint64 { return r.Media.PacerSkips }),
		counter("talkpath_media_unheard_total", "Packets that recordings, mixers and detectors were too slow for.",
			func(r *Reading) uint64 { return r.Media.HearingLost }),
		counter("talkpath_media_panics_total", "Panics of the media engine that were survived: defects of the program.", func(r *Reading) uint64 { return r.Media.Panics }),
		gauge("talkpath_media_playbacks", "Sounds that are being played.", func(r *Reading) float64 { return float64(r.Media.Playbacks) }),
		gauge("talkpath_media_recordings", "Recordings that run.", func(r *Reading) float64 { return float64(r.Media.Recordings) }),
		gauge("talkpath_media_mixed_legs", "Legs in mixers.", func(r *Reading) float64 { return float64(r.Media.Mixed) }),
	}
}

// dropReasons are what talkpath_media_dropped_total counts, with what they mean.
func dropReasons() []reason[media.EngineStats] {
	return []reason[media.EngineStats]{
		{"garbage", "no known first byte, or shorter than it claims", func(s *media.EngineStats) uint64 { return s.DropGarbage }},
		{"unknown_source", "media on the shared port from an address that belongs to no leg", func(s *media.EngineStats) uint64 { return s.DropUnknown }},
		{"stun", "STUN without or with wrong USERNAME, MESSAGE-INTEGRITY or FINGERPRINT", func(s *media.EngineStats) uint64 { return s.DropSTUN }},
		{"dtls", "DTLS from an address that ICE has not validated, or more than a handshake takes", func(s *media.EngineStats) uint64 { return s.DropDTLS }},
		{"srtp_auth", "SRTP or SRTCP that does not authenticate, or before the keys are agreed", func(s *media.EngineStats) uint64 { return s.DropSRTP }},
		{"replay", "a packet that came before", func(s *media.EngineStats) uint64 { return s.DropReplay }},
		{"rtcp", "RTCP that is malformed", func(s *media.EngineStats) uint64 { return s.DropRTCP }},
		{"foreign_source", "plain RTP from another source than the peer: latching refused it", func(s *media.EngineStats) uint64 { return s.DropForeign }},
		{"no_route", "nobody to send it to: no bridge, held, muted, a payload type the other side does not know, or a sound plays instead", func(s *media.EngineStats) uint64 { return s.DropUnroutable }},
		{"socket_queue", "the system's queue of a socket was full (Linux)", func(s *media.EngineStats) uint64 { return s.DropQueue }},
		{"send", "the system did not take it, or an ICE-TCP peer reads too slowly", func(s *media.EngineStats) uint64 { return s.DropSend }},
		{"handover", "the queue between two packet loops was full", func(s *media.EngineStats) uint64 { return s.DropHandover }},
	}
}

// reason is a value of the label reason.
type reason[T any] struct {
	name, meaning string
	count         func(*T) uint64
}

func mediaDrops(r *Reading, p put) {
	for _, d := range dropReasons() {
		p(float64(d.count(&r.Media)), d.name)
	}
}

// legFamilies are those of the media of legs, by transport (rtp, sdes, webrtc) and codec.
func legFamilies() []family {
	labels := []string{"transport", "codec"}
	perClass := func(value func(c *media.ClassStats) float64) func(*Reading, put) {
		return func(r *Reading, p put) {
			for k, c := range r.Classes {
				p(value(c), k.Kind.String(), k.Codec)
			}
		}
	}
	both := func(in, out func(c *media.ClassStats) uint64) func(*Reading, put) {
		return func(r *Reading, p put) {
			for k, c := range r.Classes {
				p(float64(in(c)), "in", k.Kind.String(), k.Codec)
				p(float64(out(c)), "out", k.Kind.String(), k.Codec)
			}
		}
	}
	all := []family{
		gauges("talkpath_media_legs", "Legs that have media, by transport (rtp, sdes, webrtc) and codec.",
			perClass(func(c *media.ClassStats) float64 { return float64(c.Legs) }), labels...),
		counters("talkpath_media_legs_ended_total", "And those that had.", perClass(func(c *media.ClassStats) float64 { return float64(c.Ended) }), labels...),
		counters("talkpath_media_rtp_packets_total", "RTP packets of all legs: in is from the peers.",
			both(func(c *media.ClassStats) uint64 { return c.PacketsIn }, func(c *media.ClassStats) uint64 { return c.PacketsOut }), append([]string{"direction"}, labels...)...),
		counters("talkpath_media_rtp_bytes_total", "Their bytes, with RTP headers, without what SRTP adds.",
			both(func(c *media.ClassStats) uint64 { return c.BytesIn }, func(c *media.ClassStats) uint64 { return c.BytesOut }), append([]string{"direction"}, labels...)...),
		counters("talkpath_media_rtp_lost_total", "RTP packets from the peers that were missing at a scrape or at the end (RFC 3550).",
			perClass(func(c *media.ClassStats) float64 { return float64(c.Lost) }), labels...),
	}
	for _, d := range distributions() {
		all = append(all,
			family{name: "talkpath_media_leg_" + d.name, help: d.help + " Of each leg that has ended.", labels: labels,
				distribution: func(r *Reading, p putDistribution) {
					for k, c := range r.Classes {
						p(d.of(&c.Past), d.scale, k.Kind.String(), k.Codec)
					}
				}},
			family{name: "talkpath_media_live_leg_" + d.name, help: d.help + " Of each leg that there is, since it began: it goes up and down, so no rate().", labels: labels,
				distribution: func(r *Reading, p putDistribution) {
					for k, c := range r.Classes {
						p(d.of(&c.Now), d.scale, k.Kind.String(), k.Codec)
					}
				}})
	}
	return all
}

// distributions are the figures of a leg's quality.
func distributions() []distribution {
	return []distribution{
		{"jitter_seconds", "Jitter of what the peer sends (RFC 3550).", 1e-3, func(q *media.Quality) *media.Histogram { return &q.Jitter }},
		{"loss_ratio", "Share of the peer's packets that did not come.", 1e-2, func(q *media.Quality) *media.Histogram { return &q.Loss }},
		{"mos", "Listening quality of what the peer sends, 1 to 4.5, estimated by the E-model (G.107).", 1, func(q *media.Quality) *media.Histogram { return &q.MOS }},
		{"round_trip_seconds", "Round trip to peers that send RTCP reports.", 1e-3, func(q *media.Quality) *media.Histogram { return &q.RTT }},
	}
}

type distribution struct {
	name, help string
	scale      float64
	of         func(*media.Quality) *media.Histogram
}
