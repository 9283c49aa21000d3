package esl_test

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/talkpath/talkpath/esl"
	"github.com/talkpath/talkpath/esl/esltest"
)

// logSource is a log with one subscriber.
type logSource struct {
	level chan int
	lines chan esl.LogLine
	lost  int
}

func (l *logSource) SubscribeLog(level int) esl.LogSubscription {
	l.level <- level
	return l
}
func (l *logSource) SetLevel(level int) { l.level <- level }
func (l *logSource) Close()             {}
func (l *logSource) Next(ctx context.Context) (esl.LogLine, int, error) {
	select {
	case line := <-l.lines:
		lost := l.lost
		l.lost = 0
		return line, lost, nil
	case <-ctx.Done():
		return esl.LogLine{}, 0, ctx.Err()
	}
}

// TestLogData: log lines come as FreeSWITCH sends them, and stop with nolog; mod_event_socket.c read_packet.
func TestLogData(t *testing.T) {
	l := &logSource{level: make(chan int, 8), lines: make(chan esl.LogLine), lost: 3}
	s := &esl.Server{Backend: &esltest.Backend{}, Logs: l}
	nc := dial(t, serve(t, s))
	fmt.Fprint(nc, "auth ClueCon\n\nlog notice\n\nlog 7\n\n")
	if a, b := <-l.level, <-l.level; a != 5 || b != 7 {
		t.Errorf("levels %d, %d", a, b)
	}
	l.lines <- esl.LogLine{Level: 4, File: "x.go", Func: "f\nUser-Data: forged", Line: 9, UserData: "the-uuid", Text: "Content-Type: forged\n\n"}
	until(t, nc, "[7]\n\n")
	want := "Content-Type: log/data\nContent-Length: 20\nLog-Level: 2\nText-Channel: 0\nLog-File: \nLog-Func: \nLog-Line: 0\nUser-Data: \n\nLost [3] log lines!\n" +
		"Content-Type: log/data\nContent-Length: 22\nLog-Level: 4\nText-Channel: 0\nLog-File: x.go\nLog-Func: f User-Data: forged\nLog-Line: 9\n" +
		"User-Data: the-uuid\n\nContent-Type: forged\n\n"
	if got := until(t, nc, "Content-Type: forged\n\n"); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	fmt.Fprint(nc, "nolog\n\nnolog\n\nexit\n\n")
	text, err := io.ReadAll(nc)
	if want := "Content-Type: command/reply\nReply-Text: +OK no longer logging\n\nContent-Type: command/reply\nReply-Text: -ERR not loging\n\n"; err != nil ||
		string(text[:min(len(text), len(want))]) != want {
		t.Errorf("got %q, %v", text, err)
	}
	if st := s.Stats(); st.LostLines != 3 {
		t.Errorf("stats %+v", st)
	}
}
