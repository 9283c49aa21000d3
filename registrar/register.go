package registrar

import "github.com/talkpath/talkpath/sip"

// ServeRegister answers a REGISTER for user@domain, which the caller has authenticated.
func (r *Registrar) ServeRegister(tx *sip.ServerTx, user, domain string) {
	r.Serve(tx, Request{User: user, Domain: domain})
}

// Request is a REGISTER after authentication.
type Request struct {
	Profile      string
	User, Domain string
	MaxContacts  int          // 0: Config.MaxContacts
	Headers      []sip.Header // for the responses
}

// Serve answers a REGISTER with more said about it than ServeRegister.
func (r *Registrar) Serve(tx *sip.ServerTx, req Request) {
	_ = tx.Respond(tx.NewResponse(503, ""))
}
