package srtp

import (
	"bytes"
	"crypto/aes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestKeystreamRFC3711B2 and RFC 6188 §7.1: the keystream of a session key and salt for SSRC 0 and index 0.
func TestKeystreamRFC3711B2(t *testing.T) {
	tests := []struct{ name, key, first, late string }{
		{"RFC 3711 B.2", "2B7E151628AED2A6ABF7158809CF4F3C",
			"E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0",
			"EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44"},
		{"RFC 6188 7.1", "57f82fe3613fd170a85ec93c40b1f092 2ec4cb0dc025b58272147cc438944a98",
			"92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac 63c4868b7096d88421b563b8c94c9a31",
			"cea518c90fd91ced9cbb18c078a54711 3dbc4814f4da5f00a08772b63c6a046d 6eb246913062a16891433e97dd01a57f"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, p := range paths() {
				k := &cmKeys{salt: counterOf(unhex(t, "F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000"))}
				var err error
				if k.cipher, err = newCounterMode(unhex(t, tt.key), p.instructions); err != nil {
					t.Fatal(err)
				}
				const late = 0xfeff // number of the block the second part begins with
				stream := make([]byte, (late+3)*aes.BlockSize)
				k.xor(stream, 0, 0)
				if got, want := stream[:48], unhex(t, tt.first); !bytes.Equal(got, want) {
					t.Errorf("%s: first blocks\n got %x\nwant %x", p.name, got, want)
				}
				if got, want := stream[late*aes.BlockSize:], unhex(t, tt.late); !bytes.Equal(got, want) {
					t.Errorf("%s: blocks from 0xfeff\n got %x\nwant %x", p.name, got, want)
				}
			}
		})
	}
}

// TestDeriveRFC3711B3 and RFC 6188 §7.2.
func TestDeriveRFC3711B3(t *testing.T) {
	tests := []struct{ name, key, salt, cipher, saltKey, auth string }{
		{"RFC 3711 B.3", "E1F97A0D3E018BE0D64FA32C06DE4139", "0EC675AD498AFEEBB6960B3AABE6",
			"C61E7A93744F39EE10734AFE3FF7A087", "30CBBC08863D8C85D49DB34A9AE1",
			`CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE E049646C43D9327AD175578EF7227098
			6371C10C9A369AC2F94A8C5FBCDDDC25 6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2`},
		{"RFC 6188 7.2", "f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6", "3b04803de51ee7c96423ab5b78d2",
			"5ba1064e30ec51613cad926c5a28ef73 1ec7fb397f70a960653caf06554cd8c4", "fa31791685ca444a9e07c6c64e93",
			"fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for label, want := range map[byte]string{labelRTPKey: tt.cipher, labelRTPSalt: tt.saltKey, labelRTPAuth: tt.auth} {
				for _, p := range paths() {
					w := unhex(t, want)
					m, err := newMaster(unhex(t, tt.key), unhex(t, tt.salt), p.instructions)
					if err != nil {
						t.Fatal(err)
					}
					if got := m.derive(label, len(w)); !bytes.Equal(got, w) {
						t.Errorf("%s: label %d:\n got %x\nwant %x", p.name, label, got, w)
					}
				}
			}
		})
	}
}

// rfc7714Context has the session keys of RFC 7714 §16 and §17, which are given without master keys.
func rfc7714Context(t *testing.T, p Profile, in instructions) *Context {
	t.Helper()
	salt := unhex(t, "517569642070726f2071756f")
	key := unhex(t, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")[:p.KeyLen()]
	c, err := NewContext(p, key, salt)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []*gcmKeys{c.gcmRTP, c.gcmRTCP} {
		*k = gcmKeys{}
		if err := k.setKey(key, in); err != nil {
			t.Fatal(err)
		}
		copy(k.salt[:], salt)
	}
	return c
}

func TestRFC7714(t *testing.T) {
	rtp := `8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573`
	rtcp := `81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef`
	tests := []struct {
		profile                  Profile
		srtp, srtcp, authentOnly string
	}{
		{AEADAES128GCM,
			`8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf
			8833899d 7f27beb1 6a9152cf 765ee439 0cce`,
			`81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded
			0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4`,
			rtcp + `841dd968 3dd78ec9 2ae58790 125f62b3 000005d4`},
		{AEADAES256GCM,
			`8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799
			b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13`,
			`81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658 c61de047
			6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4`,
			rtcp + `91db4afb feee5a97 8fab4393 ed2615fe 000005d4`},
	}
	for _, tt := range tests {
		for _, path := range paths() {
			t.Run(tt.profile.String()+"/"+path.name, func(t *testing.T) {
				plain, want := unhex(t, rtp), unhex(t, tt.srtp)
				buf := append(make([]byte, 0, 256), plain...)
				n, err := rfc7714Context(t, tt.profile, path.instructions).ProtectRTP(buf, len(buf))
				if err != nil || !bytes.Equal(buf[:n], want) {
					t.Errorf("ProtectRTP: %v\n got %x\nwant %x", err, buf[:n], want)
				}
				got := bytes.Clone(want)
				if n, err = rfc7714Context(t, tt.profile, path.instructions).UnprotectRTP(got); err != nil || !bytes.Equal(got[:n], plain) {
					t.Errorf("UnprotectRTP: %v %x", err, got[:n])
				}

				plain, want = unhex(t, rtcp), unhex(t, tt.srtcp)
				c := rfc7714Context(t, tt.profile, path.instructions)
				ssrc := binary.BigEndian.Uint32(plain[4:])
				c.sources = []*source{{ssrc: ssrc, rtcpNext: 0x5d4}}
				buf = append(make([]byte, 0, 256), plain...)
				if n, err = c.ProtectRTCP(buf, len(buf)); err != nil || !bytes.Equal(buf[:n], want) {
					t.Errorf("ProtectRTCP: %v\n got %x\nwant %x", err, buf[:n], want)
				}
				for name, packet := range map[string][]byte{"encrypted": want, "authenticated only": unhex(t, tt.authentOnly)} {
					got = bytes.Clone(packet)
					if n, err = rfc7714Context(t, tt.profile, path.instructions).UnprotectRTCP(got); err != nil || !bytes.Equal(got[:n], plain) {
						t.Errorf("UnprotectRTCP, %s: %v %x", name, err, got[:n])
					}
				}
			})
		}
	}
}

// TestHMACRFC2202 has test cases of HMAC-SHA1 with a key of 20 bytes, which is what session keys have.
func TestHMACRFC2202(t *testing.T) {
	tests := []struct{ name, key, data, want string }{
		{"1", strings.Repeat("0b", 20), hex.EncodeToString([]byte("Hi There")), "b617318655057264e28bc0b6fb378c8ef146be00"},
		{"3", strings.Repeat("aa", 20), strings.Repeat("dd", 50), "125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
	}
	for _, tt := range tests {
		for _, p := range paths() {
			m, err := newHMACSHA1(unhex(t, tt.key), p.instructions)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := m.sum(unhex(t, tt.data)), unhex(t, tt.want); !bytes.Equal(got, want) {
				t.Errorf("%s: case %s: got %x, want %x", p.name, tt.name, got, want)
			}
		}
	}
}
