package sip

import (
	"iter"
	"strings"

	msg "github.com/emiago/sipgo/sip"
)

// The message model, so that users of this package need not import the parser's module.
type (
	Message             = msg.Message
	Request             = msg.Request
	Response            = msg.Response
	RequestMethod       = msg.RequestMethod
	Uri                 = msg.Uri
	Header              = msg.Header
	HeaderParams        = msg.HeaderParams
	HeaderKV            = msg.HeaderKV
	ViaHeader           = msg.ViaHeader
	FromHeader          = msg.FromHeader
	ToHeader            = msg.ToHeader
	ContactHeader       = msg.ContactHeader
	RouteHeader         = msg.RouteHeader
	RecordRouteHeader   = msg.RecordRouteHeader
	CallIDHeader        = msg.CallIDHeader
	CSeqHeader          = msg.CSeqHeader
	MaxForwardsHeader   = msg.MaxForwardsHeader
	ContentTypeHeader   = msg.ContentTypeHeader
	ContentLengthHeader = msg.ContentLengthHeader
	ExpiresHeader       = msg.ExpiresHeader
)

// Method names.
const (
	INVITE    = msg.INVITE
	ACK       = msg.ACK
	CANCEL    = msg.CANCEL
	BYE       = msg.BYE
	REGISTER  = msg.REGISTER
	OPTIONS   = msg.OPTIONS
	SUBSCRIBE = msg.SUBSCRIBE
	NOTIFY    = msg.NOTIFY
	REFER     = msg.REFER
	INFO      = msg.INFO
	MESSAGE   = msg.MESSAGE
	PRACK     = msg.PRACK
	UPDATE    = msg.UPDATE
	PUBLISH   = msg.PUBLISH
)

// NewHeader makes a header of any name. A value with CR, LF or NUL makes the message that carries it fail to be sent.
func NewHeader(name, value string) Header { return msg.NewHeader(name, value) }

// NewRequest makes a request with no headers.
func NewRequest(method RequestMethod, target Uri) *Request { return msg.NewRequest(method, target) }

// NewResponse makes a response that answers nothing, for what stands in when no answer came; ServerTx.NewResponse makes those to send.
func NewResponse(code int, reason string) *Response { return msg.NewResponse(code, reason) }

// ParseURI parses a SIP, SIPS or other absolute URI.
func ParseURI(s string) (Uri, error) {
	var u Uri
	err := msg.ParseUri(s, &u)
	return u, err
}

// FindHeader gives the first header of a name, nil when there is none.
func FindHeader(m Message, name string) Header {
	for _, h := range headersOf(m) {
		if n := h.Name(); len(n) == len(name) && strings.EqualFold(n, name) {
			return h
		}
	}
	return nil
}

// FindHeaders gives all headers of a name, in their order.
func FindHeaders(m Message, name string) iter.Seq[Header] {
	return func(yield func(Header) bool) {
		for _, h := range headersOf(m) {
			if n := h.Name(); len(n) == len(name) && strings.EqualFold(n, name) && !yield(h) {
				return
			}
		}
	}
}

func headersOf(m Message) []Header {
	switch m := m.(type) {
	case *Request:
		return m.Headers()
	case *Response:
		return m.Headers()
	}
	return nil
}

// CloneHeader makes a deep copy of a header.
func CloneHeader(h Header) Header { return msg.HeaderClone(h) }
