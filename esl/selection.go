package esl

import "maps"

// Selection says which events a subscriber wants. The zero value wants none.
type Selection struct {
	// All wants everything, CUSTOM events of every subclass included.
	All bool
	// Names wants events by name.
	Names map[string]bool
	// Subclasses restricts CUSTOM, when it is among Names, to these; a CUSTOM event without a subclass always matches.
	Subclasses map[string]bool
	// Channel, unless empty, restricts everything to the events of one channel, and to results of jobs of who controls it.
	Channel string
	// Prompt wants each event at once: a backend may keep others for some milliseconds, to deliver them together with those that follow.
	Prompt bool
}

// Match reports whether the event is wanted.
func (s Selection) Match(e *Event) bool {
	if !s.All {
		if len(s.Names) == 0 {
			return false
		}
		name := e.Name()
		if !s.Names[name] || name == custom && !s.Wants(name, e.Subclass()) {
			return false
		}
	}
	return s.Channel == "" || e.concerns(s.Channel)
}

// Wants is Match by name and subclass.
func (s Selection) Wants(name, subclass string) bool {
	if s.All {
		return true
	}
	if !s.Names[name] {
		return false
	}
	return name != custom || subclass == "" || s.Subclasses[subclass]
}

// Empty reports whether nothing is wanted.
func (s Selection) Empty() bool { return !s.All && len(s.Names) == 0 }

// Clone returns a copy that shares nothing.
func (s Selection) Clone() Selection {
	s.Names, s.Subclasses = maps.Clone(s.Names), maps.Clone(s.Subclasses)
	return s
}

// Merge adds what other wants.
func (s *Selection) Merge(other Selection) {
	s.All = s.All || other.All
	for n := range other.Names {
		s.addName(n)
	}
	for n := range other.Subclasses {
		s.addSubclass(n)
	}
}

func (s *Selection) addName(name string) {
	if s.Names == nil {
		s.Names = map[string]bool{}
	}
	s.Names[name] = true
}

func (s *Selection) addSubclass(name string) {
	if s.Subclasses == nil {
		s.Subclasses = map[string]bool{}
	}
	s.Subclasses[name] = true
}

// remove takes one name out. Out of All it leaves every other known name, and thereby no CUSTOM subclass, as FreeSWITCH does.
func (s *Selection) remove(name string) {
	if s.All {
		s.All = false
		for _, n := range names {
			s.addName(n)
		}
	}
	delete(s.Names, name)
}
