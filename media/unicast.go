package media

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/talkpath/talkpath/media/audio"
)

// UnicastOptions say where the sound of a leg goes to and comes from, as datagrams without headers.
type UnicastOptions struct {
	// Local is the address that is bound; Remote is who gets what the peer says, and may send what the peer hears.
	Local, Remote netip.AddrPort
	// Native: datagrams are what the leg's codec makes of the sound. Otherwise they are samples of 16 bits, little-endian, at the codec's rate.
	Native bool
}

// Bounds of a unicast.
const (
	unicastDatagram = 8192             // longest datagram that is taken
	unicastErrors   = 100              // in a row that end the reading
	unicastQueue    = 10 * time.Second // of sound that waits to be heard; more is lost
	unicastStart    = 2 * packetTime   // that waits before it is heard, so that jitter makes no gaps
)

// Unicast is the sound of a leg on a UDP socket: what its peer says is sent there in datagrams of 20 ms, and what comes from there is an
// audio.Source that can be played to the peer. It ends with Close or the session, and when a datagram cannot be sent.
type Unicast struct {
	conn    *net.UDPConn
	remote  netip.AddrPort
	encoder audio.Encoder
	decoder audio.Decoder
	rec     *Recording
	lost    atomic.Uint64

	// The recording writer's.
	frame []int16
	out   []byte

	mu     sync.Mutex // guards what follows
	queue  []int16
	primed bool // enough waited; false again when there is nothing left
	idle   int  // reads since something waits that is not primed
}

// Unicast opens the socket. done (may be nil) is called once, when it is closed, on a goroutine of the engine; it must not block. It is not
// called when Unicast itself returns an error.
func (s *Session) Unicast(opt UnicastOptions, done func(err error)) (*Unicast, error) {
	c, ok := s.Codec()
	if !ok {
		return nil, s.missing()
	}
	if !Generable(c) {
		return nil, ErrCannotEncode
	}
	encoder, err := audio.NewEncoder(c.Name, c.ClockRate)
	if err != nil {
		return nil, err
	}
	decoder, err := audio.NewDecoder(c.Name, c.ClockRate)
	if err != nil {
		return nil, err
	}
	u := &Unicast{remote: opt.Remote, encoder: encoder, decoder: decoder}
	if !opt.Native {
		u.encoder, u.decoder = hostL16(encoder.Rate()), hostL16(encoder.Rate())
	}
	if u.conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(opt.Local)); err != nil {
		return nil, err
	}
	if !s.e.group.start(u.receive) {
		return nil, errors.Join(ErrClosed, u.conn.Close())
	}
	u.rec, err = s.Record(RecordOptions{Sink: (*unicastSink)(u)}, func(r RecordResult) {
		if done != nil {
			done(r.Err)
		}
	})
	if err != nil {
		return nil, errors.Join(err, u.conn.Close())
	}
	return u, nil
}

// LocalAddr is the address that is bound.
func (u *Unicast) LocalAddr() netip.AddrPort {
	a, _ := u.conn.LocalAddr().(*net.UDPAddr)
	return a.AddrPort()
}

// Close ends it; idempotent.
func (u *Unicast) Close() { u.rec.Stop() }

// Lost is how much sound from the socket was thrown away because too much of it waited.
func (u *Unicast) Lost() time.Duration {
	return time.Duration(u.lost.Load()) * time.Second / time.Duration(u.decoder.Rate())
}

// Source is the sound that comes from the socket: silence where nothing comes. It never ends by itself. There may be one after the other, not
// several at a time.
func (u *Unicast) Source() audio.Source { return (*unicastSource)(u) }

// receive is the goroutine that reads the socket. Closing the socket ends it.
func (u *Unicast) receive() {
	buf := make([]byte, unicastDatagram)
	var pcm []int16
	for failed := 0; failed < unicastErrors; {
		n, from, err := u.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // Windows reports ICMP messages and long datagrams so
			failed++
			continue
		}
		failed = 0
		if from.Addr().Unmap() != u.remote.Addr().Unmap() {
			continue
		}
		pcm = u.decoder.Decode(pcm[:0], buf[:n])
		u.take(pcm)
	}
}

// take queues samples from the socket.
func (u *Unicast) take(pcm []int16) {
	u.mu.Lock()
	defer u.mu.Unlock()
	room := int(unicastQueue/time.Second)*u.decoder.Rate() - len(u.queue)
	if len(pcm) > room {
		u.lost.Add(uint64(len(pcm) - room))
		pcm = pcm[:room]
	}
	u.queue = append(u.queue, pcm...)
}

// unicastSource is the audio.Source of a Unicast.
type unicastSource Unicast

func (u *unicastSource) Rate() int { return u.decoder.Rate() }

func (u *unicastSource) Read(samples []int16) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.primed && len(u.queue) > 0 {
		u.idle++
		enough := int(unicastStart * time.Duration(u.decoder.Rate()) / time.Second)
		u.primed = len(u.queue) >= enough || u.idle > int(unicastStart/packetTime)
	}
	n := 0
	if u.primed {
		n = copy(samples, u.queue)
		u.queue = append(u.queue[:0], u.queue[n:]...)
	}
	if len(u.queue) == 0 {
		u.primed, u.idle = false, 0
	}
	clear(samples[n:])
	return len(samples), nil
}

// unicastSink is the Sink of a Unicast.
type unicastSink Unicast

func (u *unicastSink) Rate() int { return u.encoder.Rate() }

func (u *unicastSink) Write(samples []int16) error {
	u.frame = append(u.frame, samples...)
	size := u.encoder.Rate() / ticksPerSecond
	var err error
	for len(u.frame) >= size && err == nil {
		u.out = u.encoder.Encode(u.out[:0], u.frame[:size])
		u.frame = append(u.frame[:0], u.frame[size:]...)
		_, err = u.conn.WriteToUDPAddrPort(u.out, u.remote)
	}
	return err
}

func (u *unicastSink) Close() error { return u.conn.Close() }

// hostL16 is samples as x86 and ARM have them in memory, which FreeSWITCH writes as they are. Its value is the rate.
type hostL16 int

func (l hostL16) Rate() int { return int(l) }

func (hostL16) Encode(dst []byte, pcm []int16) []byte {
	for _, v := range pcm {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(v))
	}
	return dst
}

func (hostL16) Decode(dst []int16, payload []byte) []int16 {
	for ; len(payload) >= 2; payload = payload[2:] {
		dst = append(dst, int16(binary.LittleEndian.Uint16(payload)))
	}
	return dst
}
