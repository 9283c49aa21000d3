package media

import (
	"reflect"
	"testing"
)

// FuzzSDP: whatever can be read can be answered, the answer can be read, and it mirrors the offer.
func FuzzSDP(f *testing.F) {
	for _, s := range []string{sampleChromium, sampleFirefox, sampleSafari, samplePhone, samplePhoneSDES, "v=0\nm=audio 1 RTP/AVP 0\nc=IN IP4 0.0.0.0"} {
		f.Add(crlf(s))
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		offer, err := ParseDescription(b)
		if err != nil {
			return
		}
		a := answerTo(offer)
		text := a.Marshal()
		got, err := ParseDescription(text)
		if err != nil {
			if len(text) > maxSDP {
				return
			}
			t.Fatalf("answer: %v\n%s", err, text)
		}
		if len(got.Rejected)+1 != len(offer.Rejected)+1 || got.AudioIndex != offer.AudioIndex || got.Proto != offer.Proto || got.Kind != offer.Kind || got.Mid != offer.Mid {
			t.Fatalf("answer does not mirror the offer:\n%s\n%s", b, text)
		}
		for i, r := range got.Rejected {
			o := offer.Rejected[i]
			if r.Media != o.Media || r.Proto != o.Proto || r.Mid != o.Mid || r.Index != o.Index {
				t.Fatalf("rejected line %d: %+v, offered %+v", i, r, o)
			}
		}
		if !reflect.DeepEqual(got.Codecs, stripPtime(a)) {
			t.Fatalf("codecs %+v, written %+v", got.Codecs, a.Codecs)
		}
		Offerable(offer.Codecs, DefaultCodecs())
	})
}

// stripPtime gives the written codecs the packet time they are read with.
func stripPtime(d *Description) []Codec {
	out := append([]Codec(nil), d.Codecs...)
	for i := range out {
		out[i].Ptime = 0
		if out[i].IsAudio() {
			out[i].Ptime = d.Ptime
		}
	}
	return out
}
