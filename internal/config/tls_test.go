package config

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/internal/fsxml"
)

func TestCipherSuites(t *testing.T) {
	for _, c := range []struct{ list, want, unknown string }{
		{"ECDHE-RSA-AES128-GCM-SHA256", "RSA_WITH_AES_128_GCM_SHA256", ""},
		{"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384", "ECDSA_WITH_AES_256_GCM_SHA384 RSA_WITH_AES_256_GCM_SHA384", ""},
		{"ALL:!ADH:!LOW:!SSLv2:!EXP:@STRENGTH", "all", ""}, // FreeSWITCH's default
		{"HIGH:!aNULL:!MD5:!AES128:!CHACHA20", "ECDSA_WITH_AES_256_GCM_SHA384 RSA_WITH_AES_256_GCM_SHA384", ""},
		{"EECDH+AESGCM:!AES256", "ECDSA_WITH_AES_128_GCM_SHA256 RSA_WITH_AES_128_GCM_SHA256", ""},
		{"aRSA+CHACHA20,TLS_AES_128_GCM_SHA256", "RSA_WITH_CHACHA20_POLY1305_SHA256", ""},
		{"AES128:+aECDSA", "RSA_WITH_AES_128_GCM_SHA256 ECDSA_WITH_AES_128_GCM_SHA256", ""},
		{"!AES:ALL", "ECDSA_WITH_CHACHA20_POLY1305_SHA256 RSA_WITH_CHACHA20_POLY1305_SHA256", ""},
		{"CHACHA20:-aRSA", "ECDSA_WITH_CHACHA20_POLY1305_SHA256", ""},
		{"AES256-SHA:RC4:DES-CBC3-SHA", "", ""},
		{"WHAT:CHACHA20+aRSA", "RSA_WITH_CHACHA20_POLY1305_SHA256", "WHAT"},
		{"", "", ""},
		{"!:+:-:::", "", "! + -"},
	} {
		ids, unknown := cipherSuites(c.list)
		var names []string
		for _, id := range ids {
			names = append(names, strings.TrimPrefix(tls.CipherSuiteName(id), "TLS_ECDHE_"))
		}
		if got := strings.Join(names, " "); got != c.want && !(c.want == "all" && len(ids) == len(ciphers())) || strings.Join(unknown, " ") != c.unknown {
			t.Errorf("%q: %s, unknown %v", c.list, got, unknown)
		}
	}
}

// TestCiphersAreSecure: nothing can be chosen that Go takes for insecure.
func TestCiphersAreSecure(t *testing.T) {
	for _, c := range ciphers() {
		if !slices.ContainsFunc(tls.CipherSuites(), func(s *tls.CipherSuite) bool { return s.ID == c.id }) {
			t.Errorf("%s is not among Go's secure suites", tls.CipherSuiteName(c.id))
		}
	}
}

func TestTLSSettings(t *testing.T) {
	for _, c := range []struct {
		name, params string
		min          uint16
		suites       int
		verify       bool
		problem      string
	}{
		{"nothing said", "", tls.VersionTLS12, 0, false, ""},
		{"the stock tree", param("tls-version", "tlsv1,tlsv1.1,tlsv1.2"), tls.VersionTLS12, 0, false, ""},
		{"1.3 only", param("tls-version", "tlsv1.3"), tls.VersionTLS13, 0, false, ""},
		{"old ones only", param("tls-version", "tlsv1,sslv23"), tls.VersionTLS12, 0, false, "nothing below TLS 1.2"},
		{"ciphers", param("tls-ciphers", "CHACHA20"), tls.VersionTLS12, 2, false, ""},
		{"no cipher left", param("tls-ciphers", "RC4"), tls.VersionTLS12, 0, false, "leaves nothing that is secure"},
		{"verify in", param("tls-verify-policy", "in"), tls.VersionTLS12, 0, true, ""},
		{"verify all", param("tls-verify-policy", "out|all"), tls.VersionTLS12, 0, true, ""},
		{"verify none", param("tls-verify-policy", "in|none"), tls.VersionTLS12, 0, false, ""},
		{"verify nonsense", param("tls-verify-policy", "sometimes"), tls.VersionTLS12, 0, false, "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Load(Options{Dir: tree(t, map[string]string{"profile": c.params})})
			if err != nil {
				t.Fatal(err)
			}
			p := s.Profiles[0]
			if p.TLSMinVersion != c.min || len(p.TLSCipherSuites) != c.suites || p.VerifyClients != c.verify {
				t.Errorf("%x, %d suites, verify %t", p.TLSMinVersion, len(p.TLSCipherSuites), p.VerifyClients)
			}
			if (c.problem == "") != (len(s.Problems) == 0) || c.problem != "" && !strings.Contains(s.Problems[0].Text, c.problem) {
				t.Errorf("problems: %v", s.Problems)
			}
		})
	}
}

// TestVerifyClientsWithoutCAs: where nobody's certificate could be verified TLS is off, with the place that asks for it.
func TestVerifyClientsWithoutCAs(t *testing.T) {
	s, err := Load(Options{Dir: tree(t, map[string]string{"profile": param("tls", "true") + param("tls-verify-policy", "in") + param("tls-cert-dir", t.TempDir())})})
	if err != nil {
		t.Fatal(err)
	}
	if s.Profiles[0].TLS || !slices.ContainsFunc(s.Problems, func(p fsxml.Problem) bool { return strings.Contains(p.Text, "cafile.pem") && p.Line == 5 }) {
		t.Errorf("TLS %t, problems %v", s.Profiles[0].TLS, s.Problems)
	}
}
