package bench

import (
	"encoding/binary"
	"hash/crc32"
)

// stamp is what the payload of a packet says: whose it is, which one, and when it was sent. The rest of the payload is a pattern that
// depends on both numbers, and a checksum covers everything.
//
//	0  magic  4  stream  8  number  12  time sent, Unix ns  20  CRC-32C of the other bytes  24  pattern
type stamp struct {
	stream, number uint32
	sent           int64 // Unix ns
}

const (
	stampMagic  = 0x7450b3c4
	stampLength = 24
)

// verdict is what a payload turned out to be.
type verdict int

const (
	foreign verdict = iota // no stamp: the server's own audio, or a transcoded one
	damaged                // a stamp, but the checksum is wrong
	genuine
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// write fills a payload of at least stampLength bytes.
func (s stamp) write(payload []byte) {
	binary.BigEndian.PutUint32(payload, stampMagic)
	binary.BigEndian.PutUint32(payload[4:], s.stream)
	binary.BigEndian.PutUint32(payload[8:], s.number)
	binary.BigEndian.PutUint64(payload[12:], uint64(s.sent))
	for i, n := stampLength, byte(s.stream*31+s.number); i < len(payload); i++ {
		payload[i] = n
		n += 7
	}
	binary.BigEndian.PutUint32(payload[20:], checksum(payload))
}

// readStamp judges a payload.
func readStamp(payload []byte) (stamp, verdict) {
	if len(payload) < stampLength || binary.BigEndian.Uint32(payload) != stampMagic {
		return stamp{}, foreign
	}
	if binary.BigEndian.Uint32(payload[20:]) != checksum(payload) {
		return stamp{}, damaged
	}
	return stamp{
		stream: binary.BigEndian.Uint32(payload[4:]),
		number: binary.BigEndian.Uint32(payload[8:]),
		sent:   int64(binary.BigEndian.Uint64(payload[12:])),
	}, genuine
}

func checksum(payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(payload[:20], castagnoli), castagnoli, payload[stampLength:])
}
