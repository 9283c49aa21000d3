package sip

import (
	"encoding/binary"
	"hash/maphash"
	"strconv"
	"strings"
)

// txKey stands for what a request is matched by: 128 bits of two hashes with secret seeds, so that nobody can make two requests meet. A table of
// such keys holds no text.
type txKey [2]uint64

func (s *Stack) keyOf(text []byte) txKey {
	return txKey{maphash.Bytes(s.seeds[0], text), maphash.Bytes(s.seeds[1], text)}
}

// hash chooses the part of a table; the key is one already.
func (k txKey) hash() uint64 { return k[0] }

// textHash chooses it for a text.
func textHash(seed maphash.Seed) func(string) uint64 {
	return func(text string) uint64 { return maphash.String(seed, text) }
}

// cancel is the key of the CANCEL of the INVITE with key k.
func (k txKey) cancel() txKey { return txKey{^k[0], ^k[1]} }

// serverKey matches a request to its transaction (RFC 3261 §17.2.3). The sender's address is part of it, so that nobody else can
// CANCEL or ACK; its port is not, as a NAT may change it.
func (s *Stack) serverKey(f *Flow, r *Request) txKey {
	var buf [256]byte
	via := r.Via()
	method := r.Method
	if method == ACK || method == CANCEL {
		method = INVITE
	}
	b := append(f.remote.Addr().AppendTo(buf[:0]), 0)
	b = append(append(b, method...), 0)
	branch := param(via.Params, "branch")
	if strings.HasPrefix(branch, "z9hG4bK") && len(branch) > 7 {
		b = append(append(b, branch...), 0)
		b = append(append(b, strings.ToLower(via.Host)...), ':')
		return s.keyOf(strconv.AppendInt(b, int64(via.Port), 10))
	}
	// RFC 2543: no unique branch
	b = append(append(b, *r.CallID()...), 0)
	b = append(append(b, param(r.From().Params, "tag")...), 0)
	b = append(strconv.AppendUint(b, uint64(r.CSeq().SeqNo), 10), 0)
	return s.keyOf(append(b, via.Value()...))
}

// mergedKey is what copies of one request that came by different ways share.
func (s *Stack) mergedKey(r *Request) txKey {
	var buf [256]byte
	b := append(append(buf[:0], *r.CallID()...), 0)
	b = append(append(b, param(r.From().Params, "tag")...), 0)
	b = append(strconv.AppendUint(b, uint64(r.CSeq().SeqNo), 10), ' ')
	return s.keyOf(append(b, r.CSeq().MethodName...))
}

// statelessTag is the tag of an answer for which nothing is kept: a retransmission gets the same (RFC 3261 §8.2.7).
func (s *Stack) statelessTag(key txKey) string {
	var b [16]byte
	binary.NativeEndian.PutUint64(b[:8], key[0])
	binary.NativeEndian.PutUint64(b[8:], key[1])
	return strconv.FormatUint(maphash.Bytes(s.seed, b[:]), 36)
}
