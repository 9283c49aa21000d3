package media

import (
	"encoding/binary"
	"errors"

	"github.com/talkpath/talkpath/media/audio"
)

// ErrCannotLevel is a leg whose codec does not let its loudness be changed packet by packet (opus, G722).
var ErrCannotLevel = errors.New("media: the loudness of the leg's codec cannot be changed")

// loudness changes the loudness of packets in place. It never changes itself.
type loudness struct {
	factor int32 // in 1/4096
	ulaw   [256]byte
	alaw   [256]byte
}

// newLoudness is that of a level, nil for 0.
func newLoudness(level int) *loudness {
	if level == 0 {
		return nil
	}
	g := &loudness{factor: int32(audio.LevelFactor(level) * 4096)}
	for i := range 256 {
		g.ulaw[i] = audio.MuLawEncode(g.sample(audio.MuLawDecode(byte(i))))
		g.alaw[i] = audio.ALawEncode(g.sample(audio.ALawDecode(byte(i))))
	}
	return g
}

func (g *loudness) sample(v int16) int16 {
	return int16(min(max(int32(int64(v)*int64(g.factor)>>12), -32768), 32767))
}

// levels tells whether packets of a codec can be changed.
func levels(c *Codec) bool { return c.Name == "PCMU" || c.Name == "PCMA" || c.Name == "L16" }

// apply changes the payload of an RTP packet.
func (g *loudness) apply(c *Codec, buf []byte) {
	p := payload(buf)
	switch c.Name {
	case "PCMU":
		for i, b := range p {
			p[i] = g.ulaw[b]
		}
	case "PCMA":
		for i, b := range p {
			p[i] = g.alaw[b]
		}
	case "L16":
		for ; len(p) >= 2; p = p[2:] {
			binary.BigEndian.PutUint16(p, uint16(g.sample(int16(binary.BigEndian.Uint16(p)))))
		}
	}
}

// Level changes the loudness of what the leg's peer says, or of what it hears, by an audio level; 0 leaves it as it is. It lasts
// until it is set again, across bridges. A codec that does not allow it is ErrCannotLevel.
func (s *Session) Level(said bool, level int) error {
	c, ok := s.Codec()
	if !ok {
		return s.missing()
	}
	if !levels(&c) {
		return ErrCannotLevel
	}
	g := newLoudness(level)
	s.inLoop(func(l *leg) {
		if said {
			l.saidLevel = g
		} else {
			l.heardLevel = g
		}
	})
	return nil
}

// hearLevel changes the loudness of an audio packet to the peer, whose payload type it has.
func (l *leg) hearLevel(buf []byte, pt uint8) {
	for i := range l.formats {
		if f := &l.formats[i]; f.tx == pt && f.codec.IsAudio() {
			l.heardLevel.apply(f.codec, buf)
			return
		}
	}
}
