package control

import "fmt"

// cdr is mod_cdr_csv's command, for all formats of call records; status is Talkpath's own.
func (c *Control) cdr(args string) string {
	switch {
	case args == "rotate" && c.deps.RotateRecords != nil:
		c.deps.RotateRecords()
		return "+OK"
	case args == "status" && c.deps.RecordStats != nil:
		s := c.deps.RecordStats()
		return fmt.Sprintf("%d written\n%d waiting\n%d lost (queue full)\n%d lost (disk)\n", s.Written, s.Waiting, s.Lost, s.Failed)
	}
	return c.usage("cdr_csv")
}
