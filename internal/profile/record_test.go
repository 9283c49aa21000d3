package profile

import (
	"testing"

	"github.com/talkpath/talkpath/registrar"
	"github.com/talkpath/talkpath/sip"
)

// TestRecordKey: an INFO with Record: on or off reaches the channel when the profile has a record-template.
func TestRecordKey(t *testing.T) {
	for _, tc := range []struct {
		name, params, order string
		status              int
		template            string
	}{
		{"on", param("record-template", "${caller_id_number}.wav"), "on", 200, "${recordings_dir}/${caller_id_number}.wav"},
		{"in a folder", param("record-template", "x.wav") + param("record-path", "/var/rec"), "on", 200, "/var/rec/x.wav"},
		{"off", param("record-template", "x.wav"), "off", 200, ""},
		{"without a template", "", "on", 488, "-"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startWith(t, registrar.Config{}, treeWith(t, tc.params, "", "", ""))
			c := s.phone("udp", "1000", "pw1000").invite("1001", nil)
			f := recv(t, s.core.calls, "call")
			if err := f.in.Leg.Answer([]byte(testAnswer)); err != nil {
				t.Fatal(err)
			}
			recv(t, c.answered, "200")
			final := make(chan *sip.Response, 1)
			if err := c.session.Send("INFO", "", nil, []sip.Header{sip.NewHeader("Record", tc.order)}, func(r *sip.Response) { final <- r }); err != nil {
				t.Fatal(err)
			}
			want(t, "status", recv(t, final, "response").StatusCode, tc.status)
			if tc.template != "-" {
				want(t, "template", recv(t, f.record, "order to record"), tc.template)
			}
		})
	}
}
