package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/talkpath/talkpath/sip"
)

// TestGatewayTLS: a gateway is talked to over TLS when its certificate is for the name it is configured by and from an authority that counts, else
// not at all.
func TestGatewayTLS(t *testing.T) {
	for _, tc := range []struct {
		name, certified string
		trusted, good   bool
	}{
		{"its name", "carrier.example", true, true},
		{"another name", "else.example", true, false},
		{"unknown authority", "carrier.example", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			certs := t.TempDir()
			pair := selfSigned(t, tc.certified, filepath.Join(certs, map[bool]string{true: "cafile.pem", false: "else.pem"}[tc.trusted]))
			var requests atomic.Int64
			stack, err := sip.NewStack(sip.Config{
				Listeners: []sip.Listener{{Transport: "tls", Addr: "127.0.0.1:0"}}, TLS: &tls.Config{Certificates: []tls.Certificate{pair}},
				Handler: sip.HandlerFunc(func(tx *sip.ServerTx) {
					requests.Add(1)
					status := 200
					if tx.Request().Method == sip.INVITE {
						status = 486
					}
					_ = tx.Respond(tx.NewResponse(status, ""))
				}),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer stack.Close()
			port := strconv.Itoa(stack.Addr("tls").(*net.TCPAddr).Port)
			gateway := `<gateways><gateway name="carrier"><param name="username" value="line7"/><param name="password" value="secret"/>
				<param name="proxy" value="carrier.example:` + port + `"/><param name="register-transport" value="tls"/></gateway>`
			out := `<context name="default"><extension name="out"><condition field="destination_number" expression="^0(\d+)$">
				<action application="bridge" data="sofia/gateway/carrier/$1"/></condition></extension>`
			cfg := testConfig(t, embeddedWith(t, func(text string) string {
				return strings.Replace(strings.Replace(text, "<gateways>", gateway, 1), `<context name="default">`, out, 1)
			}), "certs_dir="+certs)
			cfg.Resolver = domainServers{domain: "carrier.example"}
			ex := boot(t, cfg)
			status := 486
			if tc.good {
				ex.gateway(t, "REGED")
			} else {
				ex.gateway(t, "FAIL_WAIT")
				status = 503
			}
			if res := ex.phone(t, rtpPhone, "1000").invite(t, "04930").failure(t); res.StatusCode != status {
				t.Errorf("the caller gets %s", res.StartLine())
			}
			if got := requests.Load() > 0; got != tc.good {
				t.Errorf("the server saw %d requests", requests.Load())
			}
		})
	}
}

// selfSigned is a certificate for a name, which is its own authority: written to a file.
func selfSigned(t *testing.T, name, file string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
