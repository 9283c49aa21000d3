package dialplan

// Pair is one variable of a dial string.
type Pair struct{ Name, Value string }

// Target is one destination to ring.
type Target struct {
	Endpoint string // user, sofia, error, loopback …
	Dest     string // 1001@example.com
	Vars     []Pair // <enterprise>, then {global}, then [leg]: a later one of a name wins
}

// DialString is what to ring: the groups one after the other, the targets of a group at once.
type DialString struct {
	Groups [][]Target
}

// ParseDialString parses {global}[leg]endpoint/dest,…|…:_:…
func ParseDialString(x Expanded) (*DialString, error) { return &DialString{}, nil }
