package media

import "slices"

// Intersect is what of an offer we can take. It keeps the offer's order and payload types, because the offerer's preference wins
// (FreeSWITCH's inbound-codec-negotiation "generous"), and takes the format parameters from prefs where they have any: those say
// what we, or the leg behind us, can receive. Each format occurs once. A telephone-event is kept when prefs have it and it runs
// at the clock rate of a kept audio codec; when there is none of that rate (opus with telephone-event/8000 only), those that prefs
// have are kept as they are. Comfort noise is kept when prefs have it at the clock rate of a kept audio codec. Without a common audio codec the
// result is nil.
func Intersect(offer []Codec, prefs []Codec) []Codec {
	var out []Codec
	for _, o := range offer {
		p, ok := findCodec(prefs, o)
		if !ok || !o.IsAudio() || containsCodec(out, o) {
			continue
		}
		if p.Fmtp != "" {
			o.Fmtp = p.Fmtp
		}
		if o.Ptime == 0 {
			o.Ptime = p.Ptime
		}
		out = append(out, o)
	}
	if out == nil {
		return nil
	}
	rates := audioRates(out)
	return append(append(out, matchingEvents(offer, prefs, rates)...), matchingNoise(offer, prefs, rates)...)
}

// matchingNoise is the offered comfort noise that prefs have and that goes with audio of the given clock rates, RFC 3389 §4.
func matchingNoise(offer, prefs []Codec, rates []int) []Codec {
	var out []Codec
	for _, o := range offer {
		if o.IsComfortNoise() && slices.Contains(rates, o.ClockRate) && containsCodec(prefs, o) && !containsCodec(out, o) {
			out = append(out, o)
		}
	}
	return out
}

// matchingEvents are the offered telephone-events that prefs have and that go with audio of the given clock rates, RFC 4733 §2.1.
func matchingEvents(offer, prefs []Codec, rates []int) []Codec {
	var exact, other []Codec
	for _, o := range offer {
		if !o.IsTelephoneEvent() || !containsCodec(prefs, o) {
			continue
		}
		switch {
		case containsCodec(exact, o) || containsCodec(other, o):
		case slices.Contains(rates, o.ClockRate):
			exact = append(exact, o)
		default:
			other = append(other, o)
		}
	}
	if exact == nil {
		return other
	}
	return exact
}

// Narrow reduces a negotiated list to its first audio codec, and the telephone-event and comfort noise that go with it, as FreeSWITCH answers: a
// peer given several codecs may change between them at any packet, which a relay without transcoding cannot follow.
func Narrow(codecs []Codec) []Codec {
	i := slices.IndexFunc(codecs, Codec.IsAudio)
	if i < 0 {
		return nil
	}
	c := codecs[i]
	out := []Codec{c}
	if ev := matchingEvents(codecs, codecs, []int{c.ClockRate}); len(ev) > 0 {
		out = append(out, ev[0])
	}
	return append(out, matchingNoise(codecs, codecs, []int{c.ClockRate})...)
}

// Offerable is what can be offered to a second leg when the first one offered a and the second may use prefs. Nothing is
// transcoded, so these are the formats of a that prefs have, in a's order and with a's parameters and payload types: then packets
// pass without renumbering. Static payload types are used where a codec has one. When a has no telephone-event, prefs' are added so
// that DTMF from elsewhere (SIP INFO) can be sent. Without a common audio codec the result is nil.
func Offerable(a []Codec, prefs []Codec) []Codec {
	var out []Codec
	for _, c := range a {
		if !c.IsAudio() || !containsCodec(prefs, c) || containsCodec(out, c) {
			continue
		}
		if pt, ok := staticPayload(c); ok {
			c.PayloadType = pt
		}
		out = append(out, c)
	}
	if out == nil {
		return nil
	}
	rates := audioRates(out)
	events := matchingEvents(a, prefs, rates)
	if events == nil {
		for _, p := range prefs {
			if p.IsTelephoneEvent() && slices.Contains(rates, p.ClockRate) && !containsCodec(events, p) {
				events = append(events, p)
			}
		}
	}
	return NumberPayloads(append(append(out, events...), matchingNoise(a, prefs, rates)...))
}

// NumberPayloads gives each codec whose payload type is taken by an earlier one, or is not valid, a free dynamic one (RFC 3551 §6).
// The slice is changed in place and returned.
func NumberPayloads(codecs []Codec) []Codec {
	var used [128]bool
	var again []int
	for i, c := range codecs {
		if c.PayloadType > 127 || used[c.PayloadType] {
			again = append(again, i)
			continue
		}
		used[c.PayloadType] = true
	}
	next := 96
	for _, i := range again {
		for next < 127 && used[next] {
			next++
		}
		codecs[i].PayloadType = uint8(next)
		used[next] = true
	}
	return codecs
}

func findCodec(codecs []Codec, c Codec) (Codec, bool) {
	if i := slices.IndexFunc(codecs, c.Same); i >= 0 {
		return codecs[i], true
	}
	return Codec{}, false
}
