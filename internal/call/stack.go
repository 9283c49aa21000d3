package call

// stackRoom is about what the work of a channel takes of its goroutine's stack.
const stackRoom = 8 << 10

// growStack has the goroutine's stack grow at once to what it will need, while there is nothing on it: growing step by step as calls go deeper
// moves all of it several times.
//
//go:noinline
func growStack(at int) byte {
	var room [stackRoom]byte // the index keeps it from being optimised away
	return room[at]
}
