package media

// maxSDP bounds a session description.
const maxSDP = 32 << 10

// maxPtime is the longest packet time we take from anyone, in milliseconds.
const maxPtime = 200

// ParseDescription reads a session description and picks the audio line to use. Any error is an *SDPError.
func ParseDescription(sdp []byte) (*Description, error) { return nil, &SDPError{Reason: "not implemented"} }
