package fsxml

import "strings"

// Attr is one attribute of an element.
type Attr struct{ Name, Value string }

// Node is one element, with the place in the source where its tag opened.
type Node struct {
	Name     string
	Attrs    []Attr
	Children []*Node
	Text     string // character data directly inside the element, outer white space removed
	File     string // path below the configuration folder
	Line     int
}

// Lookup returns an attribute and whether it is there.
func (n *Node) Lookup(name string) (string, bool) {
	if n == nil {
		return "", false
	}
	for _, a := range n.Attrs {
		if a.Name == name {
			return a.Value, true
		}
	}
	return "", false
}

// Attr returns an attribute, "" when it is missing.
func (n *Node) Attr(name string) string {
	v, _ := n.Lookup(name)
	return v
}

// Clone copies an element with everything in it.
func (n *Node) Clone() *Node {
	c := *n
	c.Attrs = append([]Attr(nil), n.Attrs...)
	c.Children = make([]*Node, len(n.Children))
	for i, x := range n.Children {
		c.Children[i] = x.Clone()
	}
	return &c
}

// Child returns the first child element of that name, nil when there is none. A nil node has no children.
func (n *Node) Child(name string) *Node {
	if n == nil {
		return nil
	}
	for _, c := range n.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// All returns the child elements of that name, in document order.
func (n *Node) All(name string) []*Node {
	if n == nil {
		return nil
	}
	var all []*Node
	for _, c := range n.Children {
		if c.Name == name {
			all = append(all, c)
		}
	}
	return all
}

// Find descends along the first child of each name, nil when one is missing.
func (n *Node) Find(path ...string) *Node {
	for _, name := range path {
		n = n.Child(name)
	}
	return n
}

// Named returns the first child element of that name whose attribute "name" is value, compared without case.
func (n *Node) Named(name, value string) *Node {
	for _, c := range n.All(name) {
		if strings.EqualFold(c.Attr("name"), value) {
			return c
		}
	}
	return nil
}

// Section returns a <section name="…"> of the document, nil when it is missing.
func (t *Tree) Section(name string) *Node {
	if t == nil {
		return nil
	}
	return t.Root.Named("section", name)
}

// Configuration returns a <configuration name="…"> of the section "configuration", nil when it is missing.
func (t *Tree) Configuration(name string) *Node {
	return t.Section("configuration").Named("configuration", name)
}
