package call

// Channel is one leg of a call.
type Channel struct{}

// UUID identifies the channel.
func (ch *Channel) UUID() string { return "" }

// Hangup ends the channel as a command would.
func (ch *Channel) Hangup(cause Cause) {}

// Snapshot is the channel as last published.
func (ch *Channel) Snapshot() Snapshot { return Snapshot{} }
