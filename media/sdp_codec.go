package media

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Codec is one payload format of an m-line.
type Codec struct {
	Name        string // as in rtpmap: opus, G722, PCMU, PCMA, telephone-event …; compared without case
	ClockRate   int
	Channels    int // 1 or more
	PayloadType uint8
	Fmtp        string // format parameters, "" for none
	Ptime       int    // packet time in milliseconds, 0 = 20
}

// telephoneEvent is the format of DTMF in RTP, RFC 4733 §2.4.
const telephoneEvent = "telephone-event"

// Same tells whether two codecs are the same format: name, clock rate and channels.
func (c Codec) Same(d Codec) bool {
	return strings.EqualFold(c.Name, d.Name) && c.ClockRate == d.ClockRate && max(c.Channels, 1) == max(d.Channels, 1)
}

// IsTelephoneEvent tells whether this is DTMF (RFC 4733) and no audio.
func (c Codec) IsTelephoneEvent() bool { return strings.EqualFold(c.Name, telephoneEvent) }

// IsComfortNoise tells whether this is what silence sounds like (RFC 3389) and no audio.
func (c Codec) IsComfortNoise() bool { return strings.EqualFold(c.Name, comfortNoiseCodec.Name) }

// IsAudio tells whether a call can be carried by it: everything but DTMF, comfort noise and redundancy wrappers.
func (c Codec) IsAudio() bool {
	for _, name := range [...]string{telephoneEvent, "CN", "red", "ulpfec", "flexfec-03", "rtx"} {
		if strings.EqualFold(c.Name, name) { // the packet loop asks: nothing may be allocated
			return false
		}
	}
	return true
}

// SampleRate is the rate of the audio itself. It differs from the RTP clock rate for G722, RFC 3551 §4.5.2.
func (c Codec) SampleRate() int {
	if strings.EqualFold(c.Name, "G722") {
		return 16000
	}
	return c.ClockRate
}

// FreeSWITCHName is the codec as FreeSWITCH writes it in codec strings: "PCMU@8000h@20i@64000b", "opus@48000h@20i@2c".
func (c Codec) FreeSWITCHName() string {
	ptime := c.Ptime
	if ptime == 0 {
		ptime = 20
	}
	s := fmt.Sprintf("%s@%dh@%di", c.Name, c.ClockRate, ptime)
	if c.Channels > 1 {
		s += "@" + strconv.Itoa(c.Channels) + "c"
	}
	if f, ok := knownFormatByName(c.Name); ok && f.bitrate > 0 {
		s += "@" + strconv.Itoa(f.bitrate) + "b"
	}
	return s
}

// detached is the codec without a hold on the description that it was read from.
func (c Codec) detached() *Codec {
	f, known := knownFormatByName(c.Name)
	switch {
	case known && f.codec.Name == c.Name:
		c.Name = f.codec.Name
	case c.Name == telephoneEvent:
		c.Name = telephoneEvent
	default:
		c.Name = strings.Clone(c.Name)
	}
	c.Fmtp = strings.Clone(c.Fmtp)
	return &c
}

// knownFormat is what we know about a codec that configuration or a bare static payload type may name.
type knownFormat struct {
	codec   Codec
	bitrate int
}

// knownFormats are the codecs that can be configured. They are relayed, never transcoded. The list never changes.
var knownFormats = [...]knownFormat{
	{Codec{Name: "opus", ClockRate: 48000, Channels: 2, PayloadType: 111, Fmtp: "minptime=10;useinbandfec=1"}, 0},
	{Codec{Name: "G722", ClockRate: 8000, Channels: 1, PayloadType: 9}, 64000},
	{Codec{Name: "PCMU", ClockRate: 8000, Channels: 1, PayloadType: 0}, 64000},
	{Codec{Name: "PCMA", ClockRate: 8000, Channels: 1, PayloadType: 8}, 64000},
	{Codec{Name: "G729", ClockRate: 8000, Channels: 1, PayloadType: 18, Fmtp: "annexb=no"}, 8000},
	{Codec{Name: "GSM", ClockRate: 8000, Channels: 1, PayloadType: 3}, 13200},
	{Codec{Name: "iLBC", ClockRate: 8000, Channels: 1, PayloadType: 97, Fmtp: "mode=20"}, 15200},
}

func knownFormatByName(name string) (knownFormat, bool) {
	for _, f := range knownFormats {
		if strings.EqualFold(f.codec.Name, name) {
			return f, true
		}
	}
	return knownFormat{}, false
}

// staticCodec is the meaning of a static payload type without rtpmap, RFC 3551 §6.
func staticCodec(pt uint8) (Codec, bool) {
	c := Codec{ClockRate: 8000, Channels: 1, PayloadType: pt}
	switch pt {
	case 0:
		c.Name = "PCMU"
	case 3:
		c.Name = "GSM"
	case 4:
		c.Name = "G723"
	case 8:
		c.Name = "PCMA"
	case 9:
		c.Name = "G722"
	case 13:
		c.Name = "CN"
	case 15:
		c.Name = "G728"
	case 18:
		c.Name = "G729"
	default:
		return Codec{}, false
	}
	return c, true
}

// staticPayload is the static payload type of a codec, RFC 3551 §6.
func staticPayload(c Codec) (uint8, bool) {
	for _, pt := range []uint8{0, 3, 4, 8, 9, 13, 15, 18} {
		if s, _ := staticCodec(pt); s.Same(c) {
			return pt, true
		}
	}
	return 0, false
}

// telephoneEventAt is a telephone-event of a clock rate with the payload type usually seen for it.
func telephoneEventAt(rate int) Codec {
	c := Codec{Name: telephoneEvent, ClockRate: rate, Channels: 1, PayloadType: 101, Fmtp: "0-15"}
	if rate != 8000 {
		c.PayloadType = 110
	}
	return c
}

// DefaultCodecs is what we offer when nothing is configured: opus, G722, PCMU, PCMA and the telephone-event of both clock rates.
func DefaultCodecs() []Codec { return CodecsByName("OPUS,G722,PCMU,PCMA") }

// CodecsByName reads a FreeSWITCH codec list such as "OPUS,G722,PCMU@30i,PCMA". Unknown codecs and qualifiers that do not fit
// are ignored. The telephone-event of each clock rate is appended.
func CodecsByName(prefs string) []Codec {
	var out []Codec
	for entry := range strings.SplitSeq(prefs, ",") {
		parts := strings.Split(strings.TrimSpace(entry), "@")
		name := parts[0]
		if i := strings.LastIndexByte(name, '.'); i >= 0 {
			name = name[i+1:] // "mod_opus.opus"
		}
		f, ok := knownFormatByName(name)
		if !ok {
			continue
		}
		c := f.codec
		for _, q := range parts[1:] {
			if v, ok := strings.CutSuffix(strings.ToLower(q), "i"); ok {
				if n, err := strconv.Atoi(v); err == nil && n > 0 && n <= maxPtime {
					c.Ptime = n
				}
			}
		}
		if !containsCodec(out, c) {
			out = append(out, c)
		}
	}
	for _, rate := range audioRates(out) {
		out = append(out, telephoneEventAt(rate))
	}
	return out
}

// audioRates are the distinct clock rates of the audio codecs, in order.
func audioRates(codecs []Codec) []int {
	var rates []int
	for _, c := range codecs {
		if c.IsAudio() && !slices.Contains(rates, c.ClockRate) {
			rates = append(rates, c.ClockRate)
		}
	}
	return rates
}

func containsCodec(codecs []Codec, c Codec) bool { return slices.ContainsFunc(codecs, c.Same) }
