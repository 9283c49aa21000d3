package bench

import "time"

// playoutDelay is what a phone adds to the way of a packet: the packet itself and a jitter buffer of two.
const playoutDelay = 60 * time.Millisecond

// mos is the E-model (ITU-T G.107) with its default values, G.711 with packet loss concealment (G.113: Ie 0, Bpl 25.1) and random loss.
// delay is one way in the network; loss is 0 … 1.
func mos(delay time.Duration, loss float64) float64 {
	const (
		basic = 93.2 // Ro - Is with default values
		bpl   = 25.1
	)
	ms := float64(delay+playoutDelay) / float64(time.Millisecond)
	r := basic - 0.024*ms
	if ms > 177.3 {
		r -= 0.11 * (ms - 177.3)
	}
	percent := 100 * min(max(loss, 0), 1)
	r -= 95 * percent / (percent + bpl)
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return max(1, 1+0.035*r+r*(r-60)*(100-r)*7e-6)
}
