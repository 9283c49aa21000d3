package config

// Inherited is a user's params or variables: its own, and those of its group and domain. The latter are shared by all users of the group and not
// copied: a directory of 100,000 users has them once.
type Inherited struct {
	Own   Pairs // of the <user> element itself
	above Pairs // the domain's with the group's over them
}

// Lookup returns a value and whether it is there; the user's own wins.
func (i Inherited) Lookup(name string) (string, bool) {
	if v, ok := i.Own.Lookup(name); ok {
		return v, true
	}
	return i.above.Lookup(name)
}

// Value returns a value, "" when it is missing.
func (i Inherited) Value(name string) string {
	v, _ := i.Lookup(name)
	return v
}

// Merged lists all of them, each name once: what is inherited and not overridden comes first, as switch_xml_merge_user (switch_xml.c) leaves it.
func (i Inherited) Merged() Pairs {
	all := make(Pairs, 0, len(i.above)+len(i.Own))
	for _, x := range i.above {
		if _, own := i.Own.Lookup(x.Name); !own {
			all = append(all, x)
		}
	}
	return append(all, i.Own...)
}

// Above lists what is inherited, also what the user overrides. The caller must not change it.
func (i Inherited) Above() Pairs { return i.above }
