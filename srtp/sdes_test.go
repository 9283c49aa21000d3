package srtp

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestParseCrypto(t *testing.T) {
	const key = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR" // RFC 4568 §4
	tests := []struct {
		name, value string
		tag         int
		profile     Profile
		err         error
	}{
		{"plain", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key, 1, AES128CMHMACSHA1_80, nil},
		{"lifetime", "2 AES_CM_128_HMAC_SHA1_32 inline:" + key + "|2^20", 2, AES128CMHMACSHA1_32, nil},
		{"harmless session parameters", "3 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^20 KDR=0 WSH=64 -MORE=1", 3, AES128CMHMACSHA1_80, nil},
		{"MKI", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^20|1:4", 0, 0, ErrCryptoUnsupported},
		{"MKI without lifetime", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|1:4", 0, 0, ErrCryptoUnsupported},
		{"two keys", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key + ";inline:" + key, 0, 0, ErrCryptoUnsupported},
		{"unencrypted", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " UNENCRYPTED_SRTP", 0, 0, ErrCryptoUnsupported},
		{"unauthenticated", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " UNAUTHENTICATED_SRTP", 0, 0, ErrCryptoUnsupported},
		{"key derivation rate", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " KDR=24", 0, 0, ErrCryptoUnsupported},
		{"unknown suite", "1 F8_128_HMAC_SHA1_80 inline:" + key, 0, 0, ErrCryptoUnsupported},
		{"unknown method", "1 AES_CM_128_HMAC_SHA1_80 uri:" + key, 0, 0, ErrCryptoUnsupported},
		{"short key", "1 AES_CM_128_HMAC_SHA1_80 inline:AAAA", 0, 0, ErrCryptoSyntax},
		{"key of another suite", "1 AEAD_AES_128_GCM inline:" + key, 0, 0, ErrCryptoSyntax},
		{"not base64", "1 AES_CM_128_HMAC_SHA1_80 inline:" + strings.Repeat("?", 40), 0, 0, ErrCryptoSyntax},
		{"tag", "x AES_CM_128_HMAC_SHA1_80 inline:" + key, 0, 0, ErrCryptoSyntax},
		{"tag too large", "1000000000 AES_CM_128_HMAC_SHA1_80 inline:" + key, 0, 0, ErrCryptoSyntax},
		{"no key", "1 AES_CM_128_HMAC_SHA1_80", 0, 0, ErrCryptoSyntax},
		{"empty", "", 0, 0, ErrCryptoSyntax},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := ParseCrypto(tt.value)
			if !errors.Is(err, tt.err) || s.Tag != tt.tag || s.Profile != tt.profile {
				t.Fatalf("got %d %v %v", s.Tag, s.Profile, err)
			}
			if err == nil && (len(s.Key) != 16 || len(s.Salt) != 14 || string(s.Key[:4]) != "=-n@") {
				t.Errorf("key %x salt %x", s.Key, s.Salt)
			}
		})
	}
}

func TestGenerateSDES(t *testing.T) {
	for _, p := range allProfiles {
		a, b := GenerateSDES(7, p.ours), GenerateSDES(7, p.ours)
		if bytes.Equal(a.Key, b.Key) || bytes.Equal(a.Salt, b.Salt) {
			t.Errorf("%v: the same key twice", p.ours)
		}
		got, err := ParseCrypto(a.String())
		if err != nil || got.Tag != 7 || got.Profile != p.ours || !bytes.Equal(got.Key, a.Key) || !bytes.Equal(got.Salt, a.Salt) {
			t.Errorf("%v: %+v %v", p.ours, got, err)
		}
		// Key and salt share no room: appending to one leaves the other alone.
		salt := bytes.Clone(a.Salt)
		if _ = append(a.Key, ^salt[0]); !bytes.Equal(a.Salt, salt) {
			t.Errorf("%v: appending to the key changes the salt", p.ours)
		}
		// Some phones leave the padding out.
		if _, err := ParseCrypto(strings.TrimRight(a.String(), "=")); err != nil {
			t.Errorf("%v without padding: %v", p.ours, err)
		}
	}
}

func TestProfiles(t *testing.T) {
	for _, p := range allProfiles {
		got, ok := ProfileByName(p.ours.String())
		if !ok || got != p.ours {
			t.Errorf("%v: %v %v", p.ours, got, ok)
		}
		if p.ours != AES256CMHMACSHA1_80 && uint16(p.ours) != uint16(p.theirs) {
			t.Errorf("%v: %#x, IANA's number is %#x", p.ours, uint16(p.ours), uint16(p.theirs))
		}
	}
	if p := Profile(0); p.String() != "" || p.KeyLen() != 0 || p.Overhead() != 0 || p.AEAD() {
		t.Error("the unknown profile has properties")
	}
	if p, ok := ProfileByName("AES_CM_256_HMAC_SHA1_80"); !ok || p != AES256CMHMACSHA1_80 {
		t.Error("the other spelling of AES-256")
	}
}

func FuzzCrypto(f *testing.F) {
	f.Add("1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:4")
	f.Add(GenerateSDES(1, AEADAES256GCM).String())
	f.Fuzz(func(t *testing.T, value string) {
		s, err := ParseCrypto(value)
		if err != nil {
			return
		}
		if again, err := ParseCrypto(s.String()); err != nil || !bytes.Equal(again.Key, s.Key) || again.Tag != s.Tag {
			t.Fatalf("%v: %+v, %+v", err, s, again)
		}
		if _, err := NewContext(s.Profile, s.Key, s.Salt); err != nil {
			t.Fatal(err)
		}
	})
}
