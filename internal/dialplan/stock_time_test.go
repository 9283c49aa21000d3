package dialplan

import (
	"slices"
	"testing"
	"time"
)

// TestStockTimes: tod_example and holiday_example of the stock dialplan under a fixed clock. Of the holidays only New Year's Day works there, in
// FreeSWITCH too: its condition comes first, and one that does not hold ends the extension.
func TestStockTimes(t *testing.T) {
	p := loadTree(t, stockTree(t, "vanilla"), map[string]string{"local_ip_v4": "127.0.0.1"})
	const open, closed = "set open=true", "set open=false"
	for _, c := range []struct {
		name, at string
		want     []string
	}{
		{"a Monday before nine", "2026-11-23 08:59:59", nil},
		{"a Monday at nine", "2026-11-23 09:00:00", []string{open}},
		{"a Friday in the last hour", "2026-11-27 18:59:59", []string{open}},
		{"a Friday after that", "2026-11-27 19:00:00", nil},
		{"a Saturday", "2026-11-28 12:00:00", nil},
		{"a Sunday", "2026-11-29 12:00:00", nil},
		{"New Year's Day, a Friday", "2027-01-01 12:00:00", []string{open, closed}},
		{"New Year's Day at night", "2027-01-01 03:00:00", []string{closed}},
		{"Christmas, a Friday", "2026-12-25 12:00:00", []string{open}},
	} {
		t.Run(c.name, func(t *testing.T) {
			now, err := time.ParseInLocation(time.DateTime, c.at, time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			env := dialing("9196")
			r, ok := p.Route("default", env, now)
			got := slices.DeleteFunc(script(r, env), func(s string) bool { return s != open && s != closed })
			if !ok || !slices.Equal(got, c.want) && len(got)+len(c.want) > 0 {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	t.Run("in the zone of a variable", func(t *testing.T) {
		env := dialing("9196")
		env.vars["timezone"] = "America/New_York"
		r, _ := p.Route("default", env, time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)) // four in the morning there
		if slices.Contains(script(r, env), open) {
			t.Error("open by the server's clock")
		}
	})
}
