package sip

import (
	"bytes"
	"hash/fnv"
	"strconv"
	"strings"
)

// rejectRaw answers a request that cannot be parsed, from the lines that can be found in it: its Vias, From, To, Call-ID and CSeq are
// sent back as they came. Nothing is sent when one is missing, or to a response or an ACK.
func (s *Stack) rejectRaw(f *Flow, data []byte, code int, reason string) {
	if reason == "" {
		reason = Phrase(code)
	}
	head := data[:min(len(data), s.cfg.Limits.MessageBytes)]
	if end := bytes.Index(head, []byte("\r\n\r\n")); end >= 0 {
		head = head[:end+2]
	} else { // cut: the last line may be half
		head = head[:bytes.LastIndexByte(head, '\n')+1]
	}
	if _, err := checkHeader(head); err != nil {
		return
	}
	head, _ = normalizeVias(head)
	text := strings.NewReplacer("\r\n ", " ", "\r\n\t", " ").Replace(string(head))
	start, rest, _ := strings.Cut(text, "\r\n")
	method, _, ok := strings.Cut(start, " ")
	if !ok || !isToken(method) || strings.EqualFold(method, "ACK") || strings.HasPrefix(strings.ToUpper(method), "SIP/") || !strings.Contains(start, "SIP/") {
		return
	}
	lines := rawLines(rest)
	if len(lines["via"]) == 0 || len(lines["via"]) > s.cfg.Limits.Vias {
		return
	}
	var b strings.Builder
	b.WriteString("SIP/2.0 " + strconv.Itoa(code) + " " + reason + "\r\n")
	for i, v := range lines["via"] {
		if i == 0 {
			v = receivedFrom(v, f)
		}
		b.WriteString("Via: " + v + "\r\n")
	}
	for _, name := range []string{"From", "To", "Call-ID", "CSeq"} {
		values := lines[strings.ToLower(name)]
		if len(values) == 0 {
			return
		}
		v := values[0]
		if name == "To" && !strings.Contains(strings.ToLower(strings.ReplaceAll(v, " ", "")), ";tag=") {
			h := fnv.New64a() // the same for each retransmission
			h.Write([]byte(text))
			v += ";tag=" + strconv.FormatUint(h.Sum64(), 36)
		}
		b.WriteString(name + ": " + v + "\r\n")
	}
	if agent := s.agent.Load().header; agent != nil {
		b.WriteString("User-Agent: " + agent.Value() + "\r\n")
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	_ = f.send([]byte(b.String()))
}

// rawLines collects the header values a response needs.
func rawLines(text string) map[string][]string {
	long := map[string]string{"v": "via", "f": "from", "t": "to", "i": "call-id", "via": "via", "from": "from", "to": "to", "call-id": "call-id",
		"cseq": "cseq"}
	lines := map[string][]string{}
	for line := range strings.SplitSeq(text, "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if n := long[strings.ToLower(strings.TrimSpace(name))]; ok && n != "" && strings.TrimSpace(value) != "" {
			lines[n] = append(lines[n], strings.TrimSpace(value))
		}
	}
	return lines
}

// receivedFrom adds received and rport to the text of a Via.
func receivedFrom(via string, f *Flow) string {
	var kept []string
	for _, p := range splitUnquoted(via, ';') {
		name, _, _ := strings.Cut(strings.TrimSpace(p), "=")
		if !strings.EqualFold(name, "rport") && !strings.EqualFold(name, "received") {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ";") + ";received=" + f.remote.Addr().String() + ";rport=" + portString(f.remote.Port())
}
