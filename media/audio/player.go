package audio

import (
	"fmt"
	"time"
)

// Player turns a source into the payloads of RTP packets in one codec. It does not know the time: whoever sends calls Next once per
// packet time.
type Player struct {
	source  Source
	encoder Encoder
	frame   []int16
	step    uint32
}

// NewPlayer returns a player for a codec by its name in SDP and its RTP clock rate (0 for the usual one), with packets of that time; 0
// is 20 ms. The source is brought to the codec's rate. It is the player's from now on, except when NewPlayer returns an error.
func NewPlayer(s Source, codec string, clockRate int, packet time.Duration) (*Player, error) {
	e, err := NewEncoder(codec, clockRate)
	if err != nil {
		return nil, err
	}
	if packet == 0 {
		packet = 20 * time.Millisecond
	}
	if packet < 5*time.Millisecond || packet > 200*time.Millisecond {
		return nil, fmt.Errorf("audio: packets of %v", packet)
	}
	r, err := Resample(s, e.Rate())
	if err != nil {
		return nil, err
	}
	p := &Player{source: r, encoder: e, frame: make([]int16, samplesOf(packet.Milliseconds(), e.Rate()))}
	p.step = uint32(len(p.frame))
	if _, wide := e.(*G722Encoder); wide && clockRate != e.Rate() {
		p.step /= 2 // RFC 3551 §4.5.2
	}
	return p, nil
}

// Next appends the next packet's payload to dst and returns it. The last packet is filled up with silence; after it comes io.EOF.
func (p *Player) Next(dst []byte) ([]byte, error) {
	if _, err := ReadFull(p.source, p.frame); err != nil {
		return dst, err
	}
	return p.encoder.Encode(dst, p.frame), nil
}

// Step is how much the RTP timestamp grows with each packet.
func (p *Player) Step() uint32 { return p.step }

// Close closes the source.
func (p *Player) Close() error { return Close(p.source) }
