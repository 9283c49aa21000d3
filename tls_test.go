package talkpath

import (
	"context"
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
	"strings"
	"testing"
	"time"
)

// tlsTree is a tree with one profile and some params.
func tlsTree(t *testing.T, params string) string {
	t.Helper()
	dir := t.TempDir()
	text := `<document><section name="configuration">
<configuration name="event_socket.conf"><settings><param name="listen-port" value="0"/><param name="password" value="test-only"/></settings></configuration>
<configuration name="sofia.conf"><profiles><profile name="internal"><settings>
<param name="sip-ip" value="127.0.0.1"/><param name="sip-port" value="0"/><param name="tls" value="true"/><param name="tls-sip-port" value="0"/>
<param name="wss-binding" value="127.0.0.1:0"/>` + params + `
</settings></profile></profiles></configuration></section>
<section name="dialplan"><context name="default"/></section></document>`
	if err := os.WriteFile(filepath.Join(dir, "freeswitch.xml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestTLSParameters: tls-version, tls-ciphers and tls-verify-policy as a client meets them, once the profile was restarted with them on the sockets it had.
func TestTLSParameters(t *testing.T) {
	certs := t.TempDir()
	client := clientCertificate(t, filepath.Join(certs, "cafile.pem"))
	param := func(name, value string) string { return `<param name="` + name + `" value="` + value + `"/>` }
	const chacha = tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
	verify := param("tls-verify-policy", "in") + param("tls-cert-dir", certs)
	for _, tc := range []struct {
		name, params string
		wss          bool
		max          uint16
		certificate  []tls.Certificate
		refused      bool
		version      uint16
		suite        uint16 // 0: any
	}{
		{"the stock tree's versions", param("tls-version", "tlsv1,tlsv1.1,tlsv1.2"), false, 0, nil, false, tls.VersionTLS13, 0},
		{"TLS 1.1 is never served", param("tls-version", "tlsv1,tlsv1.1"), false, tls.VersionTLS11, nil, true, 0, 0},
		{"tlsv1.3 refuses 1.2", param("tls-version", "tlsv1.3"), false, tls.VersionTLS12, nil, true, 0, 0},
		{"tlsv1.3 refuses 1.2 over WSS", param("tls-version", "tlsv1.3"), true, tls.VersionTLS12, nil, true, 0, 0},
		{"tls-ciphers", param("tls-ciphers", "ECDHE-ECDSA-CHACHA20-POLY1305"), false, tls.VersionTLS12, nil, false, tls.VersionTLS12, chacha},
		{"a client without certificate", verify, false, 0, nil, true, 0, 0},
		{"a client with certificate", verify, false, 0, []tls.Certificate{client}, false, tls.VersionTLS13, 0},
		{"a browser needs none", verify, true, 0, nil, false, tls.VersionTLS13, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := tlsTree(t, "")
			srv, err := New(Config{ConfDir: dir, StateDir: t.TempDir(), Set: map[string]string{"local_ip_v4": "127.0.0.1"}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			ran := make(chan error, 1)
			go func() { ran <- srv.Run(ctx) }()
			defer func() {
				stop()
				if err := <-ran; err != nil {
					t.Error(err)
				}
			}()
			select {
			case <-srv.Ready():
			case err := <-ran:
				ran <- err
				t.Fatal(err)
			}
			addr := srv.Addresses().TLS
			restart(t, srv, dir, tc.params)
			if now := srv.Addresses().TLS; now != addr {
				t.Errorf("TLS was at %s and is at %s", addr, now)
			}
			if tc.wss {
				addr = srv.Addresses().WSS[len("wss://"):]
			}
			state, err := handshake(ctx, addr, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tc.max, Certificates: tc.certificate})
			switch {
			case tc.refused:
				if err == nil {
					t.Error("the handshake succeeded")
				}
			case err != nil:
				t.Error(err)
			case state.Version != tc.version || tc.suite != 0 && state.CipherSuite != tc.suite:
				t.Errorf("%s, %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
			}
		})
	}
}

// restart gives the profile of tlsTree other params.
func restart(t *testing.T, srv *Server, dir, params string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(tlsTree(t, params), "freeswitch.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "freeswitch.xml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := srv.Execute(t.Context(), "sofia profile internal restart"); err != nil || !strings.Contains(out, "restarting") {
		t.Fatalf("restart: %q %v", out, err)
	}
}

// clientCertificate makes one that is its own authority, and writes that to a file.
func clientCertificate(t *testing.T, caFile string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "phone"}, NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// handshake connects, and reads until the server has judged the client's certificate: in TLS 1.3 that comes after the client's own end of the
// handshake. A connection that is accepted answers a ping (RFC 5626 §3.5.1), or a request that is no HTTP.
func handshake(ctx context.Context, addr string, cfg *tls.Config) (tls.ConnectionState, error) {
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer raw.Close()
	conn := tls.Client(raw, cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		return tls.ConnectionState{}, err
	}
	if _, err := conn.Write([]byte("\r\n\r\n")); err != nil {
		return tls.ConnectionState{}, err
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		return tls.ConnectionState{}, err
	}
	return conn.ConnectionState(), nil
}
