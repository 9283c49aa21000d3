package sip

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	msg "github.com/emiago/sipgo/sip"
)

// newSink makes a stack whose answers are collected.
func newSink() (s *Stack, f *Flow, answers *[]string, served *int) {
	answers, served = new([]string), new(int)
	s = newStack(Config{Handler: HandlerFunc(func(tx *ServerTx) {
		*served++
		_ = tx.Respond(tx.NewResponse(486, ""))
	})})
	f = &Flow{stack: s, transport: "udp", local: netip.MustParseAddrPort("10.0.0.1:5060"), remote: netip.MustParseAddrPort("10.0.0.9:1234"),
		id: "udp/fuzz", done: s.done}
	f.send1 = func(data []byte) error { *answers = append(*answers, string(data)); return nil }
	return s, f, answers, served
}

func TestTorture(t *testing.T) {
	for _, tt := range torture {
		t.Run(tt.name, func(t *testing.T) {
			s, f, answers, served := newSink()
			defer s.Close()
			s.receive(f, []byte(tt.text))
			switch got := strings.Join(*answers, "\n---\n"); {
			case tt.want == "served" && *served != 1:
				t.Errorf("not served: %s", got)
			case tt.want == "served":
			case *served != 0, tt.want == "" && got != "", !strings.HasPrefix(got, tt.want):
				t.Errorf("served %d, got %q, want %q", *served, got, tt.want)
			}
			if s.Stats().Panics != 0 {
				t.Error("panic")
			}
		})
	}
}

// FuzzMessage runs bytes through the whole receive path of a datagram and of a stream: no panic, no state left, at most one answer, and
// every answer is a message that can be parsed again, with no line of its own making.
func FuzzMessage(f *testing.F) {
	for _, tt := range torture {
		f.Add([]byte(tt.text))
	}
	f.Add([]byte("\r\n\r\n"))
	f.Add([]byte("OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, flow, answers, _ := newSink()
		defer s.Close()
		s.receive(flow, data)
		if s.Stats().Panics != 0 {
			t.Fatalf("panic on %q", data)
		}
		if len(*answers) > 2 {
			t.Fatalf("%d answers", len(*answers))
		}
		for _, a := range *answers {
			head, _, _ := strings.Cut(a, "\r\n\r\n")
			if _, err := checkHeader([]byte(head + "\r\n")); err != nil {
				t.Fatalf("answer with %v: %q", err, a)
			}
			if strings.Count(head, "\r\n") > bytes.Count(data, []byte("\n"))+bytes.Count(data, []byte(","))+8 {
				t.Fatalf("an answer with more lines than the request:\n%q\n%q", a, data)
			}
		}
		fr := framer{limit: s.cfg.Limits.MessageBytes}
		fr.write(data)
		s.takeAll(flow, &fr)
		if s.Stats().Panics != 0 {
			t.Fatalf("panic on %q", data)
		}
	})
}

// takeAll is takeMessages without closing the flow.
func (s *Stack) takeAll(f *Flow, fr *framer) {
	for {
		fr.skipLineEnds()
		data, err := fr.next()
		if err != nil || data == nil {
			return
		}
		s.receive(f, data)
	}
}

func FuzzContentLength(f *testing.F) {
	f.Add([]byte("OPTIONS sip:a SIP/2.0\r\nl: 5\r\n\r\nhello"))
	f.Fuzz(func(t *testing.T, data []byte) {
		fr := framer{limit: 1000}
		for i := range data { // byte by byte must give what all at once gives
			fr.write(data[i : i+1])
			fr.skipLineEnds()
			m, err := fr.next()
			if err != nil {
				return
			}
			if len(m) > 1000 || len(fr.buf) > 1004 {
				t.Fatalf("holds %d bytes", len(fr.buf))
			}
		}
	})
}

// FuzzHead compares the parser of heads with that of the library, and what is written of headers with what they say themselves.
func FuzzHead(f *testing.F) {
	for _, tt := range torture {
		f.Add([]byte(tt.text))
	}
	f.Add([]byte("OPTIONS sip:a:b@[::1]:5060;x=\"y z\";lr?a=b&c=d%20e SIP/2.0\r\nm: \"a\" <sip:a@b>;q=1, <sip:c@::1>\r\nRoute: <sip:a;lr>,<sip:b>\r\nX: y\r\n\r\n"))
	f.Add([]byte("SIP/2.0 200 OK\r\nv: SIP/2.0/UDP [2001:db8::1]:5;branch=z9hG4bKx;received=::1\r\nRecord-Route: <tel:1>\r\nContact: *\r\nCSeq: 1 INVITE\r\n\r\n"))
	f.Add([]byte("REGISTER sip:a.b:5070 SIP/2.0\r\nVia: SIP/2.0/UDP a.b:5;branch=z9hG4bKx;rport\r\nFrom: \"a\" <sip:a@b>;tag=x\r\nTo: a <sip:a@b>\r\nCall-ID: y\r\n" +
		"CSeq: 1 REGISTER\r\nContact: <sip:a@b:1>;expires=5;q\r\nMax-Forwards: 70\r\nContent-Length: 0\r\nTo: <sip:a@c>;q=1;r=2;s=3\r\n\r\n"))
	own := newHeadParser()
	theirs := msg.NewParser(msg.WithHeadersParsers(own.byName))
	f.Fuzz(func(t *testing.T, data []byte) {
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			return
		}
		if _, err := checkHeader(data[:end+2]); err != nil {
			return
		}
		head, _ := normalizeVias(data[:end+2])
		if len(head) > 1<<15 {
			return
		}
		got, err := own.parse(head)
		want, _, wantErr := theirs.ParseHeaders(append(bytes.Clone(head), "\r\n"...), false)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v, want %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if got.String() != want.String() {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
		for _, h := range headersOf(got) {
			if text := string(appendValue(nil, h)); text != h.Value() {
				t.Fatalf("%s: %q, want %q", h.Name(), text, h.Value())
			}
		}
		if r, ok := got.(*Request); ok && string(AppendURI(nil, &r.Recipient)) != r.Recipient.String() {
			t.Fatalf("%q, want %q", AppendURI(nil, &r.Recipient), r.Recipient.String())
		}
	})
}
