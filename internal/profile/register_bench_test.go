package profile

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/internal/config"
	"github.com/talkpath/talkpath/registrar"
)

// BenchmarkRegister is a phone's REGISTER, its challenge, and the REGISTER with the proof, over UDP with everything that the server does: two
// transactions, the directory, the binding and its place in the store. The phone itself allocates nothing.
func BenchmarkRegister(b *testing.B) {
	const users = 100
	var list strings.Builder
	for n := range users {
		fmt.Fprintf(&list, `<user id="%d"><params><param name="password" value="secret"/></params></user>`, 2000+n)
	}
	snap := loadTree(b, strings.Replace(testTree, "<users>", "<users>"+list.String(), 1))
	store, err := registrar.OpenBolt(filepath.Join(b.TempDir(), "registrations.db"))
	if err != nil {
		b.Fatal(err)
	}
	reg, err := registrar.New(registrar.Config{Store: store})
	if err != nil {
		b.Fatal(err)
	}
	defer reg.Close()
	p, err := New(Config{
		Name: "internal", Snapshot: func() *config.Snapshot { return snap }, Core: &fakeCore{}, Registrar: reg, Version: "test",
		Events: func(e Event) {}, Wants: func(string, string) bool { return false },
	})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	conn, err := net.Dial("udp", p.Addr("udp").String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	phones := make([]*benchPhone, users)
	for n := range phones {
		phones[n] = &benchPhone{conn: conn, user: strconv.Itoa(2000 + n), local: conn.LocalAddr().String()}
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		if err := phones[n%users].register(); err != nil {
			b.Fatal(err)
		}
		n++
	}
}

// benchPhone registers with messages put together by hand.
type benchPhone struct {
	conn        net.Conn
	user, local string
	cseq        int
	out, in     [2048]byte
}

// register does it once.
func (p *benchPhone) register() error {
	answer, err := p.send(nil)
	if err != nil {
		return err
	}
	nonce := between(answer, `nonce="`, `"`)
	if !bytes.HasPrefix(answer, []byte("SIP/2.0 401 ")) || len(nonce) == 0 {
		return fmt.Errorf("no challenge: %s", answer)
	}
	if answer, err = p.send(nonce); err == nil && !bytes.HasPrefix(answer, []byte("SIP/2.0 200 ")) {
		err = fmt.Errorf("not registered: %s", answer)
	}
	return err
}

// send writes a REGISTER, with proof when there is a nonce, and reads the answer.
func (p *benchPhone) send(nonce []byte) ([]byte, error) {
	p.cseq++
	b := append(p.out[:0], "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP "...)
	b = append(append(b, p.local...), ";rport;branch=z9hG4bK"...)
	b = strconv.AppendInt(append(append(b, p.user...), '-'), int64(p.cseq), 10)
	b = append(append(b, "\r\nMax-Forwards: 70\r\nFrom: <sip:"...), p.user...)
	b = append(append(b, "@example.com>;tag=t"...), p.user...)
	b = append(append(append(b, "\r\nTo: <sip:"...), p.user...), "@example.com>\r\nCall-ID: c"...)
	b = append(append(append(b, p.user...), "@phone\r\nCSeq: "...), strconv.AppendInt(nil, int64(p.cseq), 10)...)
	b = append(append(append(b, " REGISTER\r\nContact: <sip:"...), p.user...), '@')
	b = append(append(b, p.local...), ">\r\nExpires: 3600\r\nUser-Agent: Bench\r\n"...)
	if nonce != nil {
		ha2 := hexMD5("REGISTER:sip:example.com")
		ha1 := hexMD5(p.user, ":example.com:secret")
		response := hexMD5(string(ha1[:]), ":", string(nonce), ":00000001:abcd:auth:", string(ha2[:]))
		b = append(append(append(b, `Authorization: Digest username="`...), p.user...), `", realm="example.com", nonce="`...)
		b = append(append(b, nonce...), `", uri="sip:example.com", response="`...)
		b = append(append(b, response[:]...), "\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"abcd\"\r\n"...)
	}
	b = append(b, "Content-Length: 0\r\n\r\n"...)
	if _, err := p.conn.Write(b); err != nil {
		return nil, err
	}
	n, err := p.conn.Read(p.in[:])
	return p.in[:n], err
}

func hexMD5(parts ...string) (out [32]byte) {
	var text [512]byte
	b := text[:0]
	for _, s := range parts {
		b = append(b, s...)
	}
	sum := md5.Sum(b)
	hex.Encode(out[:], sum[:])
	return out
}

func between(b []byte, before, after string) []byte {
	_, b, _ = bytes.Cut(b, []byte(before))
	b, _, _ = bytes.Cut(b, []byte(after))
	return b
}
