package sip

// newRequestLocked makes an in-dialog request (RFC 3261 §12.2.1.1).
func (s *Session) newRequestLocked(method RequestMethod) *Request {
	if method != ACK {
		s.localSeq++
	}
	target, routes := *s.remoteTarget.Clone(), s.routes
	target.Headers = nil
	target.UriParams.Remove("method")
	if len(routes) > 0 && !routes[0].UriParams.Has("lr") { // strict router
		first := routes[0]
		routes = append(append([]Uri(nil), routes[1:]...), target)
		target = *first.Clone()
	}
	req := NewRequest(method, target)
	req.AppendHeader(s.stack.via(s.flow, newBranch()))
	for _, r := range routes {
		req.AppendHeader(&RouteHeader{Address: r})
	}
	mf := MaxForwardsHeader(70)
	req.AppendHeader(&mf)
	req.AppendHeader(CloneHeader(&s.local))
	to := CloneHeader(&s.remote).(*ToHeader)
	to.Params.Remove("tag")
	if s.remoteTag != "" {
		to.Params = append(to.Params, HeaderKV{K: "tag", V: s.remoteTag})
	}
	req.AppendHeader(to)
	callID := CallIDHeader(s.callID)
	req.AppendHeader(&callID)
	req.AppendHeader(&CSeqHeader{SeqNo: s.localSeq, MethodName: method})
	switch method {
	case INVITE, UPDATE, REFER, SUBSCRIBE, NOTIFY:
		req.AppendHeader(s.contactLocked())
	}
	if method == INVITE || method == UPDATE {
		for _, h := range s.timerHeadersLocked() {
			req.AppendHeader(h)
		}
	}
	return req
}

// contactLocked is the Contact of our in-dialog requests: what the first INVITE or its answer said, on the flow of now.
func (s *Session) contactLocked() *ContactHeader {
	if s.uac && s.req.Contact() != nil {
		return s.req.Contact().Clone()
	}
	user := s.local.Address.User
	if !s.uac {
		user = s.req.Recipient.User
	}
	return s.stack.contact(s.flow, user)
}

// refreshLocked takes the peer's new Contact (RFC 3261 §12.2.1.2).
func (s *Session) refreshLocked(m interface{ Contact() *ContactHeader }) {
	if c := m.Contact(); c != nil && !c.Address.Wildcard && c.Address.Host != "" {
		s.remoteTarget = *c.Address.Clone()
	}
}

// routeSet reads Record-Route: in order for a server, reversed for a client (RFC 3261 §12.1).
func routeSet(m Message, reverse bool) []Uri {
	var uris []Uri
	for h := range FindHeaders(m, "Record-Route") {
		rr, ok := h.(*RecordRouteHeader)
		if !ok || rr.Address.Host == "" {
			continue
		}
		if reverse {
			uris = append([]Uri{*rr.Address.Clone()}, uris...)
		} else {
			uris = append(uris, *rr.Address.Clone())
		}
	}
	return uris
}
