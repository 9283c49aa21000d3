package registrar

import (
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/sip"
)

// contactRequest makes a REGISTER with one Contact.
func contactRequest(t testing.TB, uri string, params ...sip.HeaderKV) (*sip.Request, bool) {
	t.Helper()
	u, err := sip.ParseURI(uri)
	if err != nil {
		return nil, false
	}
	req := sip.NewRequest(sip.REGISTER, sip.Uri{Scheme: "sip", Host: "example.com"})
	req.AppendHeader(&sip.ContactHeader{Address: u, Params: params})
	return req, true
}

// TestContactsListed: what strict parsers of other devices cannot read is bound, but not shown to them.
func TestContactsListed(t *testing.T) {
	cases := []struct {
		uri          string
		ok, listable bool
	}{
		{"sip:1000@10.0.0.1:5060", true, true},
		{"sip:x8@abc.invalid;transport=ws;ob", true, true},
		{"sip:1000-uid-r4nd@chat.example.com;transport=ws", true, true},
		{"sip:[2001:db8::1]:5060", true, true},
		{"sip:1000@host_with_underscore", true, true},
		{"sip:10%2300@10.0.0.1", true, true},
		{"sip:10 00@10.0.0.1", true, false},
		{"sip:1000@10.0.0.1;x={y}", true, false},
		{"sip:1000@10.0.0.1?Subject=x", true, false},
		{"sip:1000@-bad-", true, false},
		{"sip:a@h;x=b>;expires=0", false, false},
		{"tel:+4930123", false, false},
		{"mailto:a@b", false, false},
		{"sip:\xffa@b", false, false},
		{"sip:a@b;x=" + strings.Repeat("y", maxContactURI), false, false},
	}
	for _, tc := range cases {
		t.Run(tc.uri[:min(len(tc.uri), 40)], func(t *testing.T) {
			req, parsed := contactRequest(t, tc.uri)
			if !parsed {
				if tc.ok {
					t.Fatal("not parsed")
				}
				return
			}
			cs, _, ok := readContacts(req)
			want(t, "taken", ok, tc.ok)
			if ok {
				want(t, "listable", cs[0].listable, tc.listable)
			}
		})
	}
}

func TestContactValue(t *testing.T) {
	req, _ := contactRequest(t, "sip:a@h", sip.HeaderKV{K: "q", V: "0.7"}, sip.HeaderKV{K: "expires", V: "30"}, sip.HeaderKV{K: "+sip.instance", V: `"<urn:uuid:1>"`},
		sip.HeaderKV{K: "reg-id", V: "1"}, sip.HeaderKV{K: "evil", V: "x\r\nFrom: y"}, sip.HeaderKV{K: "b ad", V: "x"})
	cs, _, ok := readContacts(req)
	want(t, "taken", ok, true)
	want(t, "instance", cs[0].instance+cs[0].regID, `"<urn:uuid:1>"1`)
	want(t, "expires", cs[0].expires, 30*time.Second)
	now := time.Now()
	b := Binding{Contact: cs[0].uri, Params: cs[0].params, Expires: now.Add(29600 * time.Millisecond)}
	want(t, "value", b.value(now), `<sip:a@h>;q=0.7;+sip.instance="<urn:uuid:1>";reg-id=1;expires=30`)
	b.Expires = now.Add(time.Millisecond)
	want(t, "never zero while bound", strings.HasSuffix(b.value(now), ";expires=1"), true)
}

func TestExpiresValues(t *testing.T) {
	for in, seconds := range map[string]int64{"600": 600, " 0 ": 0, "99999999999999": maxExpiresSeconds, "-1": -1, "": -1, "1h": -1} {
		d, ok := parseExpires(in)
		want(t, in+" read", ok, seconds >= 0)
		if ok {
			want(t, in, d, time.Duration(seconds)*time.Second)
		}
	}
}

func FuzzContact(f *testing.F) {
	f.Add("sip:1000@10.0.0.1:5060;transport=ws", "+sip.instance", `"<urn:uuid:1>"`)
	f.Add("sip:a>b@h,x", "expires", "5")
	f.Add("sip:@[::1]", "q\r\nX", "a;b\"")
	f.Fuzz(func(t *testing.T, uri, name, value string) {
		req, ok := contactRequest(t, uri, sip.HeaderKV{K: name, V: value})
		if !ok {
			return
		}
		cs, _, ok := readContacts(req)
		if !ok || len(cs) == 0 {
			return
		}
		b := Binding{Contact: cs[0].uri, Params: cs[0].params, Expires: time.Now().Add(time.Minute)}
		out := b.value(time.Now())
		if strings.ContainsAny(out, "\r\n\x00") || len(out) > maxContactURI+1024 {
			t.Fatalf("%q", out)
		}
		if cs[0].listable && (strings.Count(out, "<sip") != 1 || strings.ContainsAny(cs[0].uri, "<>\" ")) {
			t.Fatalf("listed: %q", out)
		}
	})
}
