package sip

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
)

// torture are messages in the spirit of RFC 4475, seeds of FuzzMessage and each checked for what becomes of it.
var torture = []struct {
	name, text, want string // want: start of the answer, "served" or "" for none
}{
	{"short tortuous INVITE (3.1.1.1)", "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\nTO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\nfrom   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\nMaX-fOrWaRdS: 0068\r\nCall-ID: wsinv.ndaksdj@192.0.2.1\r\nContent-Length   : 150\r\ncseq: 0009\r\n  INVITE\r\nVia  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\ns :\r\nNewFangledHeader:   newfangled value\r\n continued newfangled value\r\nUnknownHeaderWithUnusualValue: ;;,,;;,;\r\nContent-Type: application/sdp\r\nRoute:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\nv:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\nm:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n  secondparam ; q = 0.33\r\n\r\n" + strings.Repeat("x", 150), "SIP/2.0 481"},
	{"valid use of % (3.1.1.3)", "INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0\r\nTo: sip:%75se%72@example.com\r\nFrom: <sip:I%20have%20spaces@example.net>;tag=938\r\nMax-Forwards: 87\r\ni: esc01.239409asdfakjkn23onasd0-3234\r\nCSeq: 234234 INVITE\r\nVia: SIP/2.0/UDP host5.example.net;branch=z9hG4bKkdjuw\r\nC: application/sdp\r\nContact:\r\n  <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>\r\nContent-Length: 0\r\n\r\n", "served"},
	{"no LWS between display name and < (3.1.1.6)", "OPTIONS sip:user@example.com SIP/2.0\r\nTo: sip:user@example.com\r\nFrom: caller<sip:caller@example.com>;tag=323\r\nMax-Forwards: 70\r\nCall-ID: lwsdisp.1234abcd@funky.example.com\r\nCSeq: 60 OPTIONS\r\nVia: SIP/2.0/UDP funky.example.com;branch=z9hG4bKkdjuw\r\nl: 0\r\n\r\n", "served"},
	{"semicolon in user part (3.1.1.9)", "OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0\r\nTo: sip:j_user@example.com\r\nFrom: sip:caller@example.org;tag=33242\r\nMax-Forwards: 3\r\nCall-ID: semiuri.0ha0isndaksdj\r\nCSeq: 8 OPTIONS\r\nAccept: application/sdp, application/pkcs7-mime,\r\n        multipart/mixed, multipart/signed,\r\n        message/sip, message/sipfrag\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKkdjuw\r\nl: 0\r\n\r\n", "served"},
	{"extraneous header separators (3.1.2.1)", "INVITE sip:user@example.com SIP/2.0\r\nTo: sip:j.user@example.com\r\nFrom: sip:caller@example.net;tag=134161461246\r\nMax-Forwards: 7\r\nCall-ID: badinv01.0ha0isndaksdjasdf3234nas\r\nCSeq: 8 INVITE\r\nVia: SIP/2.0/UDP 192.0.2.15;;,;,,\r\nContact: \"Joe\" <sip:joe@example.org>;;;;\r\nContent-Length: 0\r\n\r\n", "SIP/2.0 400"},
	{"Content-Length larger than message (3.1.2.2)", "INVITE sip:user@example.com SIP/2.0\r\nMax-Forwards: 80\r\nTo: sip:j.user@example.com\r\nFrom: sip:caller@example.net;tag=93942939o2\r\nContact: <sip:caller@hungry.example.net>\r\nCall-ID: clerr.0ha0isndaksdjweiafasdk3\r\nCSeq: 8 INVITE\r\nVia: SIP/2.0/UDP host5.example.com;branch=z9hG4bK-39234-23523\r\nContent-Type: application/sdp\r\nContent-Length: 9999\r\n\r\nv=0\r\n", "SIP/2.0 400"},
	{"negative Content-Length (3.1.2.3)", "INVITE sip:user@example.com SIP/2.0\r\nMax-Forwards: 254\r\nTo: sip:j.user@example.com\r\nFrom: sip:caller@example.net;tag=32394234\r\nCall-ID: ncl.0ha0isndaksdj2193423r542w35\r\nCSeq: 0 INVITE\r\nVia: SIP/2.0/UDP 192.0.2.53;branch=z9hG4bKkdjuw\r\nContact: <sip:caller@example53.example.net>\r\nContent-Length: -999\r\n\r\n", "SIP/2.0 400"},
	{"scalar fields too large (3.1.2.4)", "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP host129.example.com;branch=z9hG4bK342sdfoi3\r\nTo: <sip:user@example.com>\r\nFrom: <sip:user@example.com>;tag=239232jh3\r\nCSeq: 36893488147419103232 REGISTER\r\nCall-ID: scalar02.23o0pd9vanlq3wnrlnewofjas9ui32\r\nMax-Forwards: 300\r\nExpires: 100000000000000000000000000\r\nContact: <sip:user@host129.example.com>;expires=280297596632815\r\nContent-Length: 0\r\n\r\n", "SIP/2.0 400"},
	{"unterminated quoted string (3.1.2.6)", "INVITE sip:user@example.com SIP/2.0\r\nTo: \"Mr. J. User <sip:j.user@example.com>\r\nFrom: sip:caller@example.net;tag=93334\r\nMax-Forwards: 10\r\nCall-ID: quotbal.aksdj\r\nContact: <sip:caller@host59.example.net>\r\nCSeq: 8 INVITE\r\nVia: SIP/2.0/UDP 192.0.2.59:5050;branch=z9hG4bKkdjuw39234\r\nContent-Length: 0\r\n\r\n", "SIP/2.0 400"},
	{"<> around Request-URI (3.1.2.7)", "INVITE <sip:user@example.com> SIP/2.0\r\nTo: sip:user@example.com\r\nFrom: sip:caller@example.net;tag=39291\r\nMax-Forwards: 23\r\nCall-ID: ltgtruri.1@192.0.2.5\r\nCSeq: 1 INVITE\r\nVia: SIP/2.0/UDP 192.0.2.5\r\nContact: <sip:caller@host5.example.net>\r\nContent-Length: 0\r\n\r\n", "SIP/2.0 4"},
	{"unknown version (3.1.2.16)", "OPTIONS sip:t.watson@example.org SIP/7.0\r\nVia:     SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw\r\nMax-Forwards:     70\r\nFrom:    A. Bell <sip:a.g.bell@example.com>;tag=qweoiqpe\r\nTo:      T. Watson <sip:t.watson@example.org>\r\nCall-ID: badvers.31417@c.example.com\r\nCSeq:    1 OPTIONS\r\nl: 0\r\n\r\n", "SIP/2.0 505"},
	{"methods differ (3.1.2.17)", "OPTIONS sip:user@example.com SIP/2.0\r\nTo: sip:j.user@example.com\r\nFrom: sip:caller@example.net;tag=34525\r\nMax-Forwards: 6\r\nCall-ID: mismatch01.dj0234sxdfl3\r\nCSeq: 8 INVITE\r\nVia: SIP/2.0/UDP host.example.com;branch=z9hG4bKkdjuw\r\nl: 0\r\n\r\n", "SIP/2.0 400"},
	{"missing fields (3.3.1)", "INVITE sip:user@example.com SIP/2.0\r\nCSeq: 193942 INVITE\r\nVia: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf\r\nContent-Length: 0\r\n\r\n", ""},
	{"unknown scheme (3.3.3)", "OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0\r\nTo: sip:user@example.com\r\nFrom: sip:caller@example.net;tag=384\r\nMax-Forwards: 3\r\nCall-ID: unkscm.nasdfasser0q239nwsdfasdkl34\r\nCSeq: 3923423 OPTIONS\r\nVia: SIP/2.0/TCP host9.example.com;branch=z9hG4bKkdjuw39234\r\nContent-Length: 0\r\n\r\n", "SIP/2.0 416"},
	{"multiple values in single-value fields (3.3.9)", "INVITE sip:user@company.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.25;branch=z9hG4bKkdjuw\r\nMax-Forwards: 70\r\nCSeq: 5 INVITE\r\nCSeq: 59 INVITE\r\nCall-ID: multi01.98asdh@192.0.2.1\r\nCall-ID: multi01.98asdh@192.0.2.2\r\nFrom: sip:caller@example.com;tag=3413415\r\nTo: sip:user@example.com\r\nContact: <sip:caller@host25.example.net>\r\nContent-Length: 0\r\n\r\n", "SIP/2.0 400"},
	{"response without transaction (3.1.1.13)", "SIP/2.0 100\r\nVia: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe\r\nCall-ID: noreason.asndj203insdf99223ndf\r\nCSeq: 35 INVITE\r\nFrom: <sip:user@example.com>;tag=39ansfi3\r\nTo: <sip:user@example.edu>;tag=902jndnke3\r\nContent-Length: 0\r\n\r\n", ""},
	{"IPv6 (RFC 5118 4.1)", "OPTIONS sip:[2001:db8::10] SIP/2.0\r\nTo: sip:user@example.com\r\nFrom: sip:user@example.com;tag=81x2\r\nVia: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\r\nCall-ID: SSG9559905523997077@hlau_4100\r\nMax-Forwards: 70\r\nContact: \"Caller\" <sip:caller@[2001:db8::1]>\r\nCSeq: 98176 OPTIONS\r\nContent-Length: 0\r\n\r\n", "served"},
	{"Via host with a comma list and no parameters", "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a.invalid, SIP/2.0/UDP b.invalid\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: viacomma\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", "served"},
}

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
