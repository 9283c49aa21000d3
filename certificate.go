package talkpath

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// FreeSWITCH's names for the file with key and chain of the WSS listener and of the TLS listener. Either one serves both here.
const (
	certificateName    = "wss.pem"
	tlsCertificateName = "agent.pem"
)

// certificate serves one wss.pem and reads it again when the file changes, so that a renewed certificate needs no restart. A file that
// cannot be read leaves the old certificate in use.
type certificate struct {
	path string
	log  *slog.Logger

	mu      sync.Mutex // guards what follows
	current *tls.Certificate
	seen    fileStamp // of the last file looked at, good or bad
	checked time.Time
}

// fileStamp tells one version of a file from another.
type fileStamp struct {
	modified time.Time
	size     int64
}

// recheck is how often the file is looked at, at the most: once a second, at a handshake.
const recheck = time.Second

// openCertificate uses the administrator's certificate in certDir if there is one, else one made for names in stateDir/certs.
func openCertificate(certDir, stateDir string, names []string, log *slog.Logger) (*certificate, error) {
	own := filepath.Join(stateDir, "certs", certificateName)
	path := own
	if certDir != "" {
		for _, name := range []string{certificateName, tlsCertificateName} {
			if _, err := os.Stat(filepath.Join(certDir, name)); !errors.Is(err, fs.ErrNotExist) {
				path = filepath.Join(certDir, name)
				break
			}
		}
	}
	if path == own {
		if err := ensureSelfSigned(path, names, time.Now()); err != nil {
			return nil, err
		}
	}
	c := &certificate{path: path, log: log}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// TLSConfig is what the listeners use.
func (c *certificate) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.get(time.Now()), nil
		},
	}
}

// get returns the certificate in use, reading the file again if it changed.
func (c *certificate) get(now time.Time) *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.checked) >= recheck {
		c.look(now)
	}
	return c.current
}

// refresh reads the file again if it changed, whenever that was last looked at.
func (c *certificate) refresh(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look(now)
}

// look reads the file again if it changed; c.mu is held.
func (c *certificate) look(now time.Time) {
	c.checked = now
	stamp, err := stampOf(c.path)
	if err != nil || stamp == c.seen {
		return
	}
	if err := c.load(); err != nil {
		c.log.Error("certificate not reloaded, the old one stays", "file", c.path, "error", err)
		return
	}
	c.log.Info("certificate reloaded", "file", c.path)
}

// load reads the file; c.mu is held or c is not shared yet.
func (c *certificate) load() error {
	stamp, err := stampOf(c.path)
	if err != nil {
		return fmt.Errorf("talkpath: certificate: %w", err)
	}
	c.seen = stamp
	data, err := os.ReadFile(c.path)
	if err != nil {
		return fmt.Errorf("talkpath: certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		return fmt.Errorf("talkpath: certificate: %s: %w", c.path, err)
	}
	c.current = &pair
	return nil
}

func stampOf(path string) (fileStamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fileStamp{}, err
	}
	return fileStamp{info.ModTime(), info.Size()}, nil
}

// Lifetime of a certificate of our own, and how long before its end a start makes a new one.
const (
	selfSignedLifetime = 820 * 24 * time.Hour
	selfSignedRenewal  = 30 * 24 * time.Hour
)

// ensureSelfSigned keeps a self-signed certificate for names at path: made when missing, near its end, or short of a name.
func ensureSelfSigned(path string, names []string, now time.Time) error {
	if data, err := os.ReadFile(path); err == nil && stillGood(data, names, now) {
		return nil
	}
	data, err := selfSigned(names, now)
	if err != nil {
		return fmt.Errorf("talkpath: certificate: %w", err)
	}
	return writeFile(path, data)
}

func stillGood(data []byte, names []string, now time.Time) bool {
	pair, err := tls.X509KeyPair(data, data)
	if err != nil || now.Add(selfSignedRenewal).After(pair.Leaf.NotAfter) {
		return false
	}
	for _, name := range names {
		if pair.Leaf.VerifyHostname(name) != nil {
			return false
		}
	}
	return true
}

// selfSigned makes key and certificate in one PEM, as FreeSWITCH's wss.pem has them.
func selfSigned(names []string, now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Talkpath " + names[0]},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(selfSignedLifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true, // so that it can be trusted by importing it
	}
	for _, name := range slices.Compact(slices.Clone(names)) {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
		return nil, err
	}
	if err := pem.Encode(&out, &pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
