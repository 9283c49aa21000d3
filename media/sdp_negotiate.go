package media

// Intersect is what of an offer we can take. It keeps the offer's order and payload types, because the offerer's preference wins
// (FreeSWITCH's inbound-codec-negotiation "generous"), and takes the format parameters from prefs where they have any: those say
// what we, or the leg behind us, can receive. Each format occurs once. A telephone-event is kept when prefs have it and it runs
// at the clock rate of a kept audio codec; when there is none of that rate (opus with telephone-event/8000 only), those that prefs
// have are kept as they are. Without a common audio codec the result is nil.
func Intersect(offer []Codec, prefs []Codec) []Codec { return nil }

// Narrow reduces a negotiated list to its first audio codec and the telephone-event that goes with it, as FreeSWITCH answers: a
// peer given several codecs may change between them at any packet, which a relay without transcoding cannot follow.
func Narrow(codecs []Codec) []Codec { return nil }

// Offerable is what can be offered to a second leg when the first one offered a and the second may use prefs. Nothing is
// transcoded, so these are the formats of a that prefs have, in a's order and with a's parameters and payload types: then packets
// pass without renumbering. Static payload types are used where a codec has one. When a has no telephone-event, prefs' are added so
// that DTMF from elsewhere (SIP INFO) can be sent. Without a common audio codec the result is nil.
func Offerable(a []Codec, prefs []Codec) []Codec { return nil }
