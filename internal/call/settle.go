package call

// Room in a list of variables: what may be without use, and what a list that was made to measure has for those that come.
const (
	idleRoom  = 16
	spareRoom = 4
)

// settle brings a channel that talks, and has nothing else to do, to the size that it needs: it may talk for hours.
func (ch *Channel) settle() {
	if ch.bridgedTo == nil || cap(ch.vars.list)-ch.vars.count() <= idleRoom {
		return
	}
	ch.vars.fit()
	ch.publish() // the last view has the old list
}

// fit makes a list without what is gone, and with little room.
func (v *variables) fit() {
	v.moveTo(v.count() + spareRoom)
}
