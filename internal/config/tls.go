package config

import (
	"crypto/tls"
	"slices"
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// TLSSettings are what a profile's tls-version, tls-ciphers and tls-verify-policy come to.
type TLSSettings struct {
	TLSMinVersion   uint16   // of crypto/tls; TLS 1.2 at least
	TLSCipherSuites []uint16 // of TLS 1.2; nil = Go's own choice. Those of TLS 1.3 are not for choosing
	VerifyClients   bool     // TLS peers (not browsers) must show a certificate of cafile.pem
}

func (r *reader) tlsSettings(s settings) TLSSettings {
	t := TLSSettings{TLSMinVersion: tls.VersionTLS12}
	if v := s.text("tls-version", ""); v != "" {
		names := strings.Split(strings.ToLower(strings.ReplaceAll(v, " ", "")), ",")
		switch has12, has13 := slices.Contains(names, "tlsv1.2"), slices.Contains(names, "tlsv1.3"); {
		case has13 && !has12:
			t.TLSMinVersion = tls.VersionTLS13
		case !has12:
			r.problem(s.nodes["tls-version"], fsxml.Warning, "tls-version %s: nothing below TLS 1.2 is served; 1.2 and 1.3 are", v)
		}
	}
	if v := s.text("tls-ciphers", ""); v != "" {
		suites, unknown := cipherSuites(v)
		if len(unknown) > 0 {
			r.problem(s.nodes["tls-ciphers"], fsxml.Warning, "tls-ciphers: %s is not known here and left out", strings.Join(unknown, ", "))
		}
		if t.TLSCipherSuites = suites; len(suites) == 0 {
			r.problem(s.nodes["tls-ciphers"], fsxml.Error, "tls-ciphers %q leaves nothing that is secure; it is ignored", v)
			t.TLSCipherSuites = nil
		}
	}
	for _, word := range strings.Split(strings.ToLower(s.text("tls-verify-policy", "none")), "|") {
		switch word = strings.TrimSpace(word); word {
		case "in", "all":
			t.VerifyClients = true
		case "subjects_in", "subjects_all":
			t.VerifyClients = true
			r.unsupported(s.nodes["tls-verify-policy"], "parameter", "profile/tls-verify-policy", word+": the certificate is verified, its subject is not compared")
		case "none":
			t.VerifyClients = false
			return t
		case "out", "subjects_out": // done anyway
		default:
			r.problem(s.nodes["tls-verify-policy"], fsxml.Warning, "tls-verify-policy: %q is unknown; it is ignored", word)
		}
	}
	return t
}

// cipher is a cipher suite of TLS 1.2 with the names OpenSSL has for it and for the classes it is in (openssl-ciphers(1)).
type cipher struct {
	id    uint16
	names []string
}

// ciphers are those that Go takes for secure.
func ciphers() []cipher {
	const ecdhe, gcm = "ECDHE EECDH kECDHE kEECDH ECDH", "AESGCM"
	class := func(id uint16, words ...string) cipher {
		return cipher{id, strings.Fields(strings.ToUpper(strings.Join(append(words, ecdhe, "ALL DEFAULT COMPLEMENTOFDEFAULT HIGH TLSv1.2 FIPS"), " ")))}
	}
	return []cipher{
		class(tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE-ECDSA-AES128-GCM-SHA256 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 aECDSA ECDSA AES AES128 SHA256", gcm),
		class(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 aRSA RSA AES AES128 SHA256", gcm),
		class(tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 aECDSA ECDSA AES AES256 SHA384", gcm),
		class(tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 aRSA RSA AES AES256 SHA384", gcm),
		class(tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-ECDSA-CHACHA20-POLY1305 TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 aECDSA ECDSA CHACHA20 SHA256"),
		class(tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305 TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 aRSA RSA CHACHA20 SHA256"),
	}
}

// weakCiphers are words of OpenSSL for what Go never does, so that leaving it out, as most lists do, is nothing to report.
var weakCiphers = words(`ADH AECDH ANULL ENULL NULL LOW MEDIUM EXP EXPORT EXPORT40 EXPORT56 SSLV2 SSLV3 TLSV1 TLSV1.0 MD5 RC4 RC2 DES 3DES IDEA SEED DSS ADSS DH DHE EDH
	KDHE KEDH KRSA AES128-SHA AES256-SHA PSK KPSK SRP CAMELLIA CAMELLIA128 CAMELLIA256 ARIA SHA SHA1 AESCCM AESCCM8 KRB5 DES-CBC3-SHA COMPLEMENTOFALL`)

// cipherSuites reads a list of OpenSSL: words joined by : , or blanks; WORD adds what it names, -WORD takes it away, !WORD for good, +WORD puts it at the
// end, A+B is what both name. Suites of TLS 1.3 and @STRENGTH change nothing here.
func cipherSuites(list string) (suites []uint16, unknown []string) {
	banned := map[uint16]bool{}
	for _, item := range strings.FieldsFunc(list, func(r rune) bool { return r == ':' || r == ',' || r == ' ' || r == ';' }) {
		op, word := item[0], strings.ToUpper(strings.TrimLeft(item, "!-+"))
		if op == '@' || strings.HasPrefix(word, "TLS_AES_") || strings.HasPrefix(word, "TLS_CHACHA20_") {
			continue
		}
		named, known := ciphersNamed(word)
		if !known {
			unknown = append(unknown, item)
		}
		for _, id := range named {
			at := slices.Index(suites, id)
			if at >= 0 && (op == '!' || op == '-' || op == '+') {
				suites = slices.Delete(suites, at, at+1)
			}
			switch {
			case op == '!':
				banned[id] = true
			case op != '-' && !banned[id] && (op == '+') == (at >= 0):
				suites = append(suites, id)
			}
		}
	}
	return suites, unknown
}

// ciphersNamed finds the suites that have all words of A+B+C.
func ciphersNamed(word string) (ids []uint16, known bool) {
	parts := strings.Split(word, "+")
	known = true
	for _, part := range parts {
		in := func(c cipher) bool { return slices.Contains(c.names, part) }
		// The long names of what Go does not do are known by their shape.
		known = known && (weakCiphers[part] || strings.Contains(part, "-") || slices.ContainsFunc(ciphers(), in))
	}
	for _, c := range ciphers() {
		if !slices.ContainsFunc(parts, func(part string) bool { return !slices.Contains(c.names, part) }) {
			ids = append(ids, c.id)
		}
	}
	return ids, known
}
