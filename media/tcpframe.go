package media

import (
	"encoding/binary"
	"errors"
	"time"
)

// Bounds of ICE-TCP.
const (
	maxTCPConns   = 4096
	maxTCPBacklog = 64 << 10         // bytes that wait for a slow receiver; then whole frames are dropped
	tcpIdentify   = 10 * time.Second // a connection must pass an ICE check by then
)

var errFrame = errors.New("media: RFC 4571 frame too long")

// frameReader cuts a byte stream into RFC 4571 frames: two bytes of length, then the packet.
type frameReader struct {
	buf        []byte
	start, end int
}

// space is where the next bytes of the stream go.
func (r *frameReader) space() []byte {
	if r.buf == nil {
		r.buf = make([]byte, 2*(2+maxDatagram))
	}
	if r.start > 0 {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	return r.buf[r.end:]
}

// filled tells how many bytes came.
func (r *frameReader) filled(n int) { r.end += n }

// next is the next whole frame, valid until space is called; nil when there is none yet.
func (r *frameReader) next() ([]byte, error) {
	for r.end-r.start >= 2 {
		n := int(binary.BigEndian.Uint16(r.buf[r.start:]))
		if n > maxDatagram {
			return nil, errFrame
		}
		if r.end-r.start < 2+n {
			return nil, nil
		}
		frame := r.buf[r.start+2 : r.start+2+n]
		r.start += 2 + n
		if n > 0 { // empty frames are keep-alives
			return frame, nil
		}
	}
	return nil, nil
}
