package e2e

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/talkpath/talkpath/sip"
)

// trace is the SIP messages of one phone in their order: "> INVITE" was sent by it, "< 200 INVITE" came.
type trace struct {
	mu   sync.Mutex
	list []string
}

// add notes a message; it is siptest's Trace.
func (tr *trace) add(_ *sip.Flow, sent bool, data []byte) {
	if tr == nil {
		return
	}
	label := messageLabel(data, sent)
	if label == "" {
		return
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.list = append(tr.list, map[bool]string{true: "> ", false: "< "}[sent]+label)
}

// begin forgets what was so far.
func (tr *trace) begin() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.list = nil
}

func (tr *trace) messages() []string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return slices.Clone(tr.list)
}

// settled is messages once there are n, or as many as there are after a while: the last ACK may come after the last event.
func (tr *trace) settled(n int) []string {
	ticker, enough := time.NewTicker(5*time.Millisecond), time.After(2*time.Second)
	defer ticker.Stop()
	for len(tr.messages()) < n {
		select {
		case <-ticker.C:
		case <-enough:
			return tr.messages()
		}
	}
	return tr.messages()
}

// messageLabel is a request's method, or a response's status with the method it answers; "" for what says nothing about a call.
func messageLabel(data []byte, sent bool) string {
	var first, method string
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if first == "" {
			first = line
		}
		if name, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "CSeq") {
			_, method, _ = strings.Cut(strings.TrimSpace(value), " ")
			break
		}
	}
	if method == "" || method == "REGISTER" || method == "NOTIFY" || sentTrying(first, sent) {
		return ""
	}
	if status, ok := strings.CutPrefix(first, "SIP/2.0 "); ok {
		return status[:3] + " " + method
	}
	return method
}

// sentTrying says whether a message is a 100 of the phone, which a phone may send or not.
func sentTrying(first string, sent bool) bool { return sent && strings.HasPrefix(first, "SIP/2.0 100") }

// recordedMessages is what the phones of a recording sent and received from the begin of the call on, by user.
func recordedMessages(t *testing.T, name string) map[string][]string {
	t.Helper()
	file := filepath.Join("..", "..", "..", "shared", "oracle", "calls", name+".sip.txt")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, call, ok := bytes.Cut(data, []byte("\n### "))
	if !ok {
		t.Fatalf("%s has no begin of the call", file)
	}
	got := map[string][]string{}
	for _, part := range bytes.Split(call, []byte("\n=== "))[1:] {
		head, message, _ := bytes.Cut(part, []byte("\n"))
		fields := strings.Fields(string(head)) // time, user, -> or <-, server
		if len(fields) < 4 {
			continue
		}
		sent := fields[2] == "->"
		if label := messageLabel(message, sent); label != "" {
			direction := map[bool]string{true: "> ", false: "< "}[sent]
			got[fields[1]] = append(got[fields[1]], direction+label)
		}
	}
	return got
}

// recordedBrowserMessages is what one browser of a recording ("A" or "B") sent and received.
func recordedBrowserMessages(t *testing.T, name, side string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "oracle", "calls", name+"."+side+".sip.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, part := range strings.Split("\n"+string(data), "\n----- ")[1:] { // "time SENT" or "time RECEIVED"
		head, message, _ := strings.Cut(part, "\n")
		sent := strings.HasSuffix(head, "SENT")
		if label := messageLabel([]byte(message), sent); label != "" {
			got = append(got, map[bool]string{true: "> ", false: "< "}[sent]+label)
		}
	}
	return got
}

// compareMessages compares what a phone sent and received with the recording. Messages that cross on the way may stand the other way round.
func compareMessages(t *testing.T, user string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	sortedGot, sortedWant := slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if slices.Equal(sortedGot, sortedWant) && slices.Equal(oneWay(got, ">"), oneWay(want, ">")) && slices.Equal(oneWay(got, "<"), oneWay(want, "<")) {
		return
	}
	t.Errorf("SIP messages of %s:\n%s", user, sideBySide(got, want))
}

// oneWay is the messages of one direction.
func oneWay(list []string, direction string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return !strings.HasPrefix(s, direction) })
}
