package media

import "testing"

func sdpCodec(pt uint8, name string, rate, channels int) Codec {
	return Codec{Name: name, ClockRate: rate, Channels: channels, PayloadType: pt}
}

var (
	sampleOpus = sdpCodec(111, "opus", 48000, 2)
	sampleG722 = sdpCodec(9, "G722", 8000, 1)
	samplePCMU = sdpCodec(0, "PCMU", 8000, 1)
	samplePCMA = sdpCodec(8, "PCMA", 8000, 1)
	sampleTE48 = sdpCodec(110, "telephone-event", 48000, 1)
	sampleTE8  = sdpCodec(126, "telephone-event", 8000, 1)
	sampleRED  = sdpCodec(63, "red", 48000, 2)
	sampleCN   = sdpCodec(13, "CN", 8000, 1)
)

func TestIntersect(t *testing.T) {
	browser := []Codec{sampleOpus, sampleRED, sampleG722, samplePCMU, samplePCMA, sampleCN, sampleTE48, sampleTE8}
	tests := []struct {
		name         string
		offer, prefs []Codec
		want, narrow string
	}{
		{"browser", browser, DefaultCodecs(),
			"111:opus/48000 9:G722/8000 0:PCMU/8000 8:PCMA/8000 110:telephone-event/48000 126:telephone-event/8000",
			"111:opus/48000 110:telephone-event/48000"},
		{"G.711 only", browser, CodecsByName("PCMA,PCMU"), "0:PCMU/8000 8:PCMA/8000 126:telephone-event/8000", "0:PCMU/8000 126:telephone-event/8000"},
		{"opus with telephone-event/8000 only", []Codec{sampleOpus, sampleTE8}, DefaultCodecs(), "111:opus/48000 126:telephone-event/8000", "111:opus/48000 126:telephone-event/8000"},
		{"order of the offer", []Codec{samplePCMA, sampleOpus, sampleTE48}, DefaultCodecs(), "8:PCMA/8000 111:opus/48000 110:telephone-event/48000", "8:PCMA/8000 110:telephone-event/48000"},
		{"odd payload type and case", []Codec{sdpCodec(120, "OPUS", 48000, 2)}, DefaultCodecs(), "120:OPUS/48000", "120:OPUS/48000"},
		{"opus mono is another format", []Codec{sdpCodec(120, "opus", 48000, 1)}, DefaultCodecs(), "", ""},
		{"duplicate names", []Codec{sampleOpus, sdpCodec(112, "opus", 48000, 2), samplePCMU}, DefaultCodecs(), "111:opus/48000 0:PCMU/8000", "111:opus/48000"},
		{"only telephone-event in common", []Codec{sdpCodec(18, "G729", 8000, 1), sampleTE8}, DefaultCodecs(), "", ""},
		{"no telephone-event wanted", []Codec{samplePCMU, sampleTE8}, []Codec{samplePCMU}, "0:PCMU/8000", "0:PCMU/8000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Intersect(tt.offer, tt.prefs)
			if codecNames(got) != tt.want {
				t.Errorf("Intersect: %s, want %s", codecNames(got), tt.want)
			}
			if n := codecNames(Narrow(got)); n != tt.narrow {
				t.Errorf("Narrow: %s, want %s", n, tt.narrow)
			}
		})
	}
}

func TestIntersectFmtp(t *testing.T) {
	o, p := sampleOpus, sampleOpus
	o.Fmtp, p.Fmtp, p.PayloadType = "stereo=1", "useinbandfec=1", 96
	if got := Intersect([]Codec{o}, []Codec{p}); got[0].Fmtp != "useinbandfec=1" || got[0].PayloadType != 111 {
		t.Errorf("%+v", got)
	}
	p.Fmtp = ""
	if got := Intersect([]Codec{o}, []Codec{p}); got[0].Fmtp != "stereo=1" {
		t.Errorf("%+v", got)
	}
}

func TestOfferable(t *testing.T) {
	tests := []struct {
		name     string
		a, prefs []Codec
		want     string
	}{
		{"browser to anyone", []Codec{sampleOpus, sampleRED, sampleG722, samplePCMU, sampleCN, sampleTE48, sampleTE8}, DefaultCodecs(),
			"111:opus/48000 9:G722/8000 0:PCMU/8000 110:telephone-event/48000 126:telephone-event/8000"},
		{"plain phone without DTMF", []Codec{samplePCMA}, DefaultCodecs(), "8:PCMA/8000 101:telephone-event/8000"},
		{"PCMU on a dynamic type", []Codec{sdpCodec(100, "PCMU", 8000, 1)}, CodecsByName("PCMU"), "0:PCMU/8000 101:telephone-event/8000"},
		{"payload types collide", []Codec{sdpCodec(101, "opus", 48000, 2), samplePCMU}, DefaultCodecs(),
			"101:opus/48000 0:PCMU/8000 110:telephone-event/48000 96:telephone-event/8000"},
		{"static type taken by another", []Codec{sdpCodec(8, "opus", 48000, 2), sdpCodec(98, "PCMA", 8000, 1), sampleTE48}, DefaultCodecs(),
			"8:opus/48000 96:PCMA/8000 110:telephone-event/48000"},
		{"nothing in common", []Codec{sdpCodec(18, "G729", 8000, 1), sampleTE8}, DefaultCodecs(), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := codecNames(Offerable(tt.a, tt.prefs)); got != tt.want {
				t.Errorf("got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestCodecsByName(t *testing.T) {
	got := CodecsByName("OPUS, mod_spandsp.G722 ,VP8,PCMU@30i,pcmu,PCMA@8000h@20i@64000b")
	if n := codecNames(got); n != "111:opus/48000 9:G722/8000 0:PCMU/8000 8:PCMA/8000 110:telephone-event/48000 101:telephone-event/8000" {
		t.Errorf("%s", n)
	}
	if got[2].Ptime != 30 || got[3].Ptime != 20 {
		t.Errorf("packet times: %+v", got)
	}
	if CodecsByName("") != nil || CodecsByName("nothing,known") != nil {
		t.Error("codecs out of nothing")
	}
	seen := map[uint8]bool{}
	for _, c := range CodecsByName("opus,G722,PCMU,PCMA,G729,GSM,iLBC") {
		if seen[c.PayloadType] {
			t.Errorf("payload type %d twice", c.PayloadType)
		}
		seen[c.PayloadType] = true
	}
}

func TestFreeSWITCHName(t *testing.T) {
	for want, c := range map[string]Codec{
		"PCMU@8000h@20i@64000b": samplePCMU,
		"opus@48000h@20i@2c":    sampleOpus,
		"G722@8000h@20i@64000b": sampleG722,
		"foo@8000h@30i":         {Name: "foo", ClockRate: 8000, Ptime: 30},
	} {
		if got := c.FreeSWITCHName(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestNumberPayloadsFull(t *testing.T) {
	codecs := make([]Codec, 200) // more than there are payload types: must end, and keep the first
	for i := range codecs {
		codecs[i] = sdpCodec(96, "x", 8000, 1)
	}
	if got := NumberPayloads(codecs); got[0].PayloadType != 96 || got[1].PayloadType != 97 || got[199].PayloadType > 127 {
		t.Errorf("%v", got)
	}
}

func TestDirectionAnswer(t *testing.T) {
	tests := []struct{ offer, own, want Direction }{
		{SendRecv, SendRecv, SendRecv}, {SendRecv, SendOnly, SendOnly}, {SendRecv, RecvOnly, RecvOnly}, {SendRecv, Inactive, Inactive},
		{SendOnly, SendRecv, RecvOnly}, {SendOnly, SendOnly, Inactive}, {RecvOnly, SendRecv, SendOnly}, {RecvOnly, RecvOnly, Inactive},
		{Inactive, SendRecv, Inactive},
	}
	for _, tt := range tests {
		if got := tt.offer.Answer(tt.own); got != tt.want {
			t.Errorf("%v answered by %v: %v, want %v", tt.offer, tt.own, got, tt.want)
		}
	}
	for offer, want := range map[Setup]Setup{SetupActpass: SetupActive, SetupActive: SetupPassive, SetupPassive: SetupActive, SetupNone: SetupPassive} {
		if got := offer.Answer(); got != want {
			t.Errorf("setup %v: %v, want %v", offer, got, want)
		}
	}
}
