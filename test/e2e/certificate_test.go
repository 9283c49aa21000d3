package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newCertificate makes a file with key and certificate, and gives the certificate.
func newCertificate(t *testing.T, file, name string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...)
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	return der
}

// served is the certificate that a new connection sees.
func (ex *exchange) served(t *testing.T, transport string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(ctx, "tcp", ex.addr(transport))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw
}

// TestRenewedCertificate: a certificate is renewed and SIGHUP arrives while a browser and a phone talk: new connections get the new one at once, the
// call and the connections it was made on live on. A broken file changes nothing.
func TestRenewedCertificate(t *testing.T) {
	ex := startWith(t, profileWith(t, "tls", "true"))
	one, two := ex.phone(t, browser, "1000"), ex.phone(t, kind{"TLS phone", "tls", rtpPhone.media}, "1001")
	a, b := connect(t, one, two)
	hearEachOther(t, a, b)
	file := filepath.Join(ex.cfg.StateDir, "certs", "wss.pem")
	before := ex.served(t, "wss")
	hup := func() {
		t.Helper()
		if out := ex.command(t, "fsctl send_sighup"); !strings.HasPrefix(out, "+OK") {
			t.Fatal(out)
		}
	}
	renewed := newCertificate(t, file, "renewed.example.org")
	hup()
	for _, transport := range []string{"wss", "tls"} {
		if got := ex.served(t, transport); !bytes.Equal(got, renewed) || bytes.Equal(got, before) {
			t.Errorf("%s does not serve the new certificate", transport)
		}
	}
	if err := os.WriteFile(file, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	hup()
	if got := ex.served(t, "wss"); !bytes.Equal(got, renewed) {
		t.Error("a broken file took the place of a certificate")
	}
	hearEachOther(t, a, b)
	for _, leg := range []talk{a, b} {
		if res := leg.ask(t, "OPTIONS", "", nil); res.StatusCode != 200 {
			t.Errorf("OPTIONS on the old connection: %s", res.StartLine())
		}
	}
	if out := ex.command(t, "show registrations count"); !strings.Contains(out, "2 total") {
		t.Errorf("registrations: %s", out)
	}
	a.hangup(t)
	b.ended(t)
}
