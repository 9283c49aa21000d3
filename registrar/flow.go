package registrar

// flowWatch waits for one connection to close, whatever number of bindings it carries. Guarded by Registrar.mu.
type flowWatch struct {
	entries map[*entry]struct{}
	done    chan struct{} // closed when no binding is left on the flow
}

// watch ties e to its connection: one goroutine a connection, none for UDP. Called with mu held.
func (r *Registrar) watch(e *entry, closed <-chan struct{}) {
	if closed == nil || e.Transport == "udp" {
		return
	}
	id := e.FlowID
	w := r.flows[id]
	if w == nil {
		w = &flowWatch{entries: make(map[*entry]struct{}), done: make(chan struct{})}
		r.flows[id] = w
		r.watchers.Go(func() {
			select {
			case <-closed:
				r.flowClosed(id, w)
			case <-w.done:
			case <-r.stop:
			}
		})
	}
	w.entries[e] = struct{}{}
}

// unwatch unties e from its connection. Called with mu held.
func (r *Registrar) unwatch(e *entry) {
	w := r.flows[e.FlowID]
	if w == nil {
		return
	}
	delete(w.entries, e)
	if len(w.entries) == 0 {
		delete(r.flows, e.FlowID)
		close(w.done)
	}
}

// flowClosed removes the bindings of a connection that is gone (RFC 5626 §4.2.2, RFC 7118 §5).
func (r *Registrar) flowClosed(id string, w *flowWatch) {
	r.events.Lock()
	defer r.events.Unlock()
	var events []Event
	r.mu.Lock()
	if r.closed || r.flows[id] != w {
		r.mu.Unlock()
		return
	}
	for e := range w.entries {
		if r.suspended[e.Profile] {
			continue
		}
		r.remove(e)
		events = append(events, Event{Type: FlowClosed, Binding: e.Binding})
	}
	r.schedule()
	r.mu.Unlock()
	r.emit(events)
}

// Suspend is called before a profile's own sockets are closed: from then on a closing connection removes none of its bindings, so that
// those in the store survive a stop and those of phones a restart of the profile.
func (r *Registrar) Suspend(profile string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.suspended[profile] = true
	for _, rec := range r.aors {
		for _, e := range rec.entries {
			if e.Profile == profile {
				r.unwatch(e)
			}
		}
	}
}

// Resume ends Suspend once the profile has sockets again. A phone is called at its contact from now on, whatever connection it had; a
// browser cannot be reached until it has come back by itself, so its bindings end.
func (r *Registrar) Resume(profile string) {
	r.events.Lock()
	defer r.events.Unlock()
	var events []Event
	r.mu.Lock()
	if r.closed || !r.suspended[profile] {
		r.mu.Unlock()
		return
	}
	delete(r.suspended, profile)
	var gone []*entry
	for _, rec := range r.aors {
		for _, e := range rec.entries {
			switch {
			case e.Profile != profile:
			case e.WebSocket():
				gone = append(gone, e)
			default:
				e.Flow, e.FlowID = nil, ""
			}
		}
	}
	for _, e := range gone {
		r.remove(e)
		events = append(events, Event{Type: FlowClosed, Binding: e.Binding})
	}
	r.schedule()
	r.mu.Unlock()
	r.emit(events)
}
