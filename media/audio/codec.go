package audio

import (
	"errors"
	"fmt"
	"strings"
)

// Encoder turns samples into the payload of RTP packets. Encode appends the payload to dst and returns it, as append does: with room
// in dst nothing is allocated. An encoder belongs to one stream; it may keep state between packets (G.722).
type Encoder interface {
	Encode(dst []byte, pcm []int16) []byte
	Rate() int // samples a second that Encode expects; for G722 that is 16000 though its RTP clock is 8000 (RFC 3551 §4.5.2)
}

// Decoder turns the payload of RTP packets into samples. Decode appends to dst and returns it. Any payload is decoded to something:
// there is no wrong byte in these codecs.
type Decoder interface {
	Decode(dst []int16, payload []byte) []int16
	Rate() int // samples a second that Decode produces
}

// ErrCodec is a codec this package does not speak. Those are relayed between legs but neither played nor recorded.
var ErrCodec = errors.New("audio: codec not supported")

// codecName is a codec's name without regard to case, and its audio rate. clockRate is that of the RTP format; 0 is the usual one.
func codecName(name string, clockRate int) (string, int, error) {
	name = strings.ToUpper(name)
	rate := 8000
	switch name {
	case "PCMU", "PCMA":
	case "G722":
		rate = 16000
	case "L16":
		if clockRate == 0 {
			return name, 8000, nil
		}
		if !rateOK(clockRate) {
			return "", 0, fmt.Errorf("%w: L16 at %d", ErrRate, clockRate)
		}
		return name, clockRate, nil
	default:
		return "", 0, fmt.Errorf("%w: %s", ErrCodec, name)
	}
	// G.722 is announced with 8000 by RFC 3551 §4.5.2; a peer that writes the true 16000 means the same thing.
	if clockRate != 0 && clockRate != 8000 && clockRate != rate {
		return "", 0, fmt.Errorf("%w: %s at %d", ErrRate, name, clockRate)
	}
	return name, rate, nil
}

// Supported tells whether sound in that codec can be made and heard: PCMU, PCMA, G722 (clock rate 8000) and L16 with one channel.
func Supported(name string, clockRate, channels int) bool {
	_, _, err := codecName(name, clockRate)
	return err == nil && channels <= 1
}

// NewEncoder returns an encoder for a codec by its name in SDP, whatever the case. clockRate is the RTP clock rate, 0 for the usual one.
func NewEncoder(name string, clockRate int) (Encoder, error) {
	name, rate, err := codecName(name, clockRate)
	if err != nil {
		return nil, err
	}
	switch name {
	case "PCMU":
		return pcmu{}, nil
	case "PCMA":
		return pcma{}, nil
	case "G722":
		return NewG722Encoder(), nil
	}
	return l16(rate), nil
}

// NewDecoder returns a decoder for a codec by its name in SDP, whatever the case. clockRate is the RTP clock rate, 0 for the usual one.
func NewDecoder(name string, clockRate int) (Decoder, error) {
	name, rate, err := codecName(name, clockRate)
	if err != nil {
		return nil, err
	}
	switch name {
	case "PCMU":
		return pcmu{}, nil
	case "PCMA":
		return pcma{}, nil
	case "G722":
		return NewG722Decoder(), nil
	}
	return l16(rate), nil
}

// l16 is linear 16-bit audio in network byte order, RFC 3551 §4.5.11. Its value is the sampling rate.
type l16 int

func (c l16) Rate() int { return int(c) }

func (l16) Encode(dst []byte, pcm []int16) []byte {
	for _, v := range pcm {
		dst = append(dst, byte(uint16(v)>>8), byte(v))
	}
	return dst
}

// Decode drops half a sample at the end, if there is one.
func (l16) Decode(dst []int16, payload []byte) []int16 {
	for i := 0; i+1 < len(payload); i += 2 {
		dst = append(dst, int16(uint16(payload[i])<<8|uint16(payload[i+1])))
	}
	return dst
}
