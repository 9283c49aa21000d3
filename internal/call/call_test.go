package call

import (
	"strings"
	"testing"
)

func TestAnsweredCallCallerHangsUp(t *testing.T) {
	r := newRig(t)
	r.dialer.add("1016")
	a := r.call("1016")
	b := r.dialer.next()
	b.h.LegProgress(180, nil, nil)
	a.want("ring")
	b.h.LegAnswered([]byte(sdpB), nil)
	a.want("answer")
	r.untilEvent("CALL_UPDATE", inbound)
	if n := r.media.bridges; n != 1 {
		t.Errorf("%d media bridges", n)
	}
	a.h.LegEnded(LegEnd{Cause: NormalClearing, Status: 200, Phrase: "OK", Disposition: "recv_bye"})
	b.want("hangup NORMAL_CLEARING")
	r.until(2)
	t.Log("\n" + r.script())
	if got := b.o.CallerName + " " + b.o.CallerNum; got != "Extension 1015 1015" {
		t.Errorf("caller is %q", got)
	}
	if !strings.Contains(string(b.o.SDP), "PCMU") {
		t.Error("no offer")
	}
}
