package config

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// certificateFiles are the files of a tls-cert-dir that hold key and chain, for WSS and for TLS.
var certificateFiles = [...]string{"wss.pem", "agent.pem"}

// validateCertificates looks for the certificates that a tree names itself. The folder that is there by default needs none: the server makes a
// self-signed one.
func (r *reader) validateCertificates(s *Snapshot) {
	told := map[string]bool{}
	r.validateVerification(s)
	for i := range s.Profiles {
		p := &s.Profiles[i]
		if !p.TLS && p.WSSBinding == "" || p.CertDir == "" || p.CertDir == r.builtinCerts || told[p.CertDir] {
			continue
		}
		told[p.CertDir] = true
		at := &fsxml.Node{File: p.File, Line: p.Line}
		if p.certDirNode != nil {
			at = p.certDirNode
		}
		info, err := os.Stat(p.CertDir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			r.problem(at, fsxml.Warning, "profile %s: the folder of certificates %s is not there; a self-signed certificate is used", p.Name, p.CertDir)
			continue
		case err != nil:
			r.problem(at, fsxml.Error, "profile %s: the folder of certificates: %v", p.Name, err)
			continue
		case !info.IsDir():
			r.problem(at, fsxml.Error, "profile %s: %s is no folder of certificates; a self-signed certificate is used", p.Name, p.CertDir)
			continue
		}
		r.validateCertificate(at, p)
	}
}

// ClientCAs is the file with the authorities whose certificates TLS peers may show, in a profile's tls-cert-dir.
const ClientCAs = "cafile.pem"

// validateVerification switches TLS off where its peers must show a certificate and there is nothing to verify it with.
func (r *reader) validateVerification(s *Snapshot) {
	for i := range s.Profiles {
		p := &s.Profiles[i]
		if !p.TLS || !p.VerifyClients {
			continue
		}
		data, err := os.ReadFile(filepath.Join(p.CertDir, ClientCAs))
		if err == nil && !x509.NewCertPool().AppendCertsFromPEM(data) {
			err = errors.New("it holds no certificate")
		}
		if err != nil {
			p.TLS = false
			r.problem(p.verifyNode, fsxml.Error, "profile %s: tls-verify-policy needs %s in %s: %v; its TLS is switched off", p.Name, ClientCAs, p.CertDir, err)
		}
	}
}

// validateCertificate opens the file that would be used, as reading it is what fails most: the key belongs to root.
func (r *reader) validateCertificate(at *fsxml.Node, p *Profile) {
	for _, name := range certificateFiles {
		f, err := os.Open(filepath.Join(p.CertDir, name))
		switch {
		case err == nil:
			f.Close()
			return
		case !errors.Is(err, fs.ErrNotExist):
			r.problem(at, fsxml.Error, "profile %s: the certificate cannot be read: %v", p.Name, err)
			return
		}
	}
	r.problem(at, fsxml.Warning, "profile %s: neither %s nor %s is in %s; a self-signed certificate is used", p.Name, certificateFiles[0], certificateFiles[1], p.CertDir)
}
