package sip

import "crypto/tls"

// serverTLS is what connections from outside are served with.
type serverTLS struct {
	streams    *tls.Config // tls
	webSockets *tls.Config // wss
}

// SetTLS changes Config.TLS and Config.VerifyClients for connections that come from now on; those that are open stay as they are.
func (s *Stack) SetTLS(cfg *tls.Config, verifyClients bool) {
	if cfg == nil {
		return
	}
	t := &serverTLS{streams: cfg, webSockets: cfg.Clone()}
	if verifyClients {
		t.streams = cfg.Clone()
		t.streams.ClientAuth = tls.RequireAndVerifyClientCert
	}
	t.webSockets.NextProtos = []string{"http/1.1"} // a WebSocket is taken over from HTTP/1.1
	s.tls.Store(t)
}

// webSocketTLS is what a wss listener serves with: at each handshake the configuration of then.
func (s *Stack) webSocketTLS() *tls.Config {
	return &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.tls.Load().webSockets, nil }}
}
