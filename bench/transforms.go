package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	pion "github.com/pion/srtp/v3"

	"github.com/talkpath/talkpath/srtp"
)

const (
	transformPayload = 160
	transformTime    = 300 * time.Millisecond // of one measurement
	transformBlock   = 1000                   // packets between two looks at the clock
)

// measureTransforms is figure 3: a packet of 160 bytes protected and unprotected again, by ours and by pion's transform, in turns.
func measureTransforms(ctx context.Context, c *comparison) error {
	for _, t := range []struct {
		name        string
		ours        srtp.Profile
		theirs      pion.ProtectionProfile
		floor, goal string
	}{
		{"AES_CM_128_HMAC_SHA1_80", srtp.AES128CMHMACSHA1_80, pion.ProtectionProfileAes128CmHmacSha1_80, "2× less", "3.3× less"},
		{"AEAD_AES_128_GCM", srtp.AEADAES128GCM, pion.ProtectionProfileAeadAes128Gcm, "1.5× less", "2× less"},
	} {
		f := Figure{Name: "3", Measure: "SRTP protect and unprotect, " + t.name, Unit: "ns", PeerName: "pion/srtp", Floor: t.floor, Goal: t.goal}
		for range max(c.o.pairs, 3) {
			if err := ctx.Err(); err != nil {
				return err
			}
			ours, err := ourTransform(t.ours)
			if err != nil {
				return err
			}
			theirs, err := pionTransform(t.theirs, t.ours.KeyLen(), t.ours.SaltLen())
			if err != nil {
				return err
			}
			a, err := timeTransform(ours)
			if err != nil {
				return err
			}
			b, err := timeTransform(theirs)
			if err != nil {
				return err
			}
			f.Talkpath, f.Peer = append(f.Talkpath, a), append(f.Peer, b)
		}
		c.say("%s: talkpath %.0f ns, pion %.0f ns", t.name, spreadOf(f.Talkpath).median, spreadOf(f.Peer).median)
		c.out.Figures = append(c.out.Figures, f)
	}
	return nil
}

// timeTransform is the time of one packet in ns, of this thread's CPU as far as can be told.
func timeTransform(transform func(sequence uint16) error) (float64, error) {
	before, err := processCPU(0)
	if err != nil {
		return 0, err
	}
	sequence, n := uint16(0), 0
	for began := time.Now(); time.Since(began) < transformTime; n += transformBlock {
		for range transformBlock {
			if err := transform(sequence); err != nil {
				return 0, err
			}
			sequence++
		}
	}
	after, err := processCPU(0)
	return float64(after-before) / float64(n), err
}

// transformPacket fills in a packet's header.
func transformPacket(pkt []byte, sequence uint16) {
	pkt[0] = 2 << 6
	binary.BigEndian.PutUint16(pkt[2:], sequence)
	binary.BigEndian.PutUint32(pkt[8:], 0x1234)
}

func ourTransform(p srtp.Profile) (func(uint16) error, error) {
	out, err := srtp.NewContext(p, make([]byte, p.KeyLen()), make([]byte, p.SaltLen()))
	if err != nil {
		return nil, err
	}
	in, err := srtp.NewContext(p, make([]byte, p.KeyLen()), make([]byte, p.SaltLen()))
	if err != nil {
		return nil, err
	}
	buf := make([]byte, rtpHeader+transformPayload+voiceRoom)
	return func(sequence uint16) error {
		transformPacket(buf, sequence)
		n, err := out.ProtectRTP(buf, rtpHeader+transformPayload)
		if err != nil {
			return fmt.Errorf("protect: %w", err)
		}
		_, err = in.UnprotectRTP(buf[:n])
		return err
	}, nil
}

func pionTransform(p pion.ProtectionProfile, key, salt int) (func(uint16) error, error) {
	out, err := pion.CreateContext(make([]byte, key), make([]byte, salt), p)
	if err != nil {
		return nil, err
	}
	in, err := pion.CreateContext(make([]byte, key), make([]byte, salt), p)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, rtpHeader+transformPayload)
	sealed, opened := make([]byte, 0, 512), make([]byte, 0, 512)
	return func(sequence uint16) error {
		transformPacket(plain, sequence)
		pkt, err := out.EncryptRTP(sealed, plain, nil)
		if err != nil {
			return fmt.Errorf("pion: %w", err)
		}
		_, err = in.DecryptRTP(opened, pkt, nil)
		return err
	}, nil
}
