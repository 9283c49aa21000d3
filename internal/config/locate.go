package config

import (
	"errors"
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// Errors of Locate.
var (
	ErrNotFound = errors.New("config: nothing there")
	ErrTooLarge = errors.New("config: too large to be shown")
)

// maxLocated bounds what Locate returns, in bytes.
const maxLocated = 4 << 20

// Locate writes a part of the tree as it is in effect: all of it without a section, a section without a tag, or the child of a section that
// has an attribute of that value, as in "configuration", "configuration", "name", "sofia.conf". Values of passwords are left out, and users have
// their attributes only.
func (s *Snapshot) Locate(section, tag, attr, value string) (string, error) {
	if s.Tree == nil || s.Tree.Root == nil {
		return "", ErrNotFound
	}
	node := s.Tree.Root
	if section != "" {
		node = node.Named("section", section)
	}
	if node != nil && tag != "" {
		node = childWith(node, tag, attr, value)
	}
	if node == nil {
		return "", ErrNotFound
	}
	var b strings.Builder
	if !writeNode(&b, node, 0) {
		return "", ErrTooLarge
	}
	return b.String(), nil
}

// childWith is the first element of that name whose attribute has the value; names of domains may be written in any case.
func childWith(n *fsxml.Node, tag, attr, value string) *fsxml.Node {
	for _, c := range n.All(tag) {
		if strings.EqualFold(c.Attr(attr), value) {
			return c
		}
	}
	return nil
}

// writeNode writes an element and what is in it; false: there is too much.
func writeNode(b *strings.Builder, n *fsxml.Node, depth int) bool {
	if b.Len() > maxLocated {
		return false
	}
	indent := strings.Repeat("  ", depth)
	b.WriteString(indent + "<" + n.Name)
	secret := isSecret(n.Attr("name"))
	for _, a := range n.Attrs {
		text := a.Value
		if secret && a.Name == "value" || isSecret(a.Name) {
			text = "***"
		}
		b.WriteString(" " + a.Name + `="` + attributeText.Replace(text) + `"`)
	}
	b.WriteString(">")
	if n.Text != "" {
		b.WriteString(elementText.Replace(n.Text))
	}
	if len(n.Children) > 0 {
		b.WriteByte('\n')
		for _, c := range n.Children {
			if !writeNode(b, c, depth+1) {
				return false
			}
		}
		b.WriteString(indent)
	}
	b.WriteString("</" + n.Name + ">\n")
	return true
}

// isSecret says of a parameter's name whether its value is one.
func isSecret(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"password", "passwd", "secret", "a1-hash", "cred", "dsn"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

var (
	elementText   = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	attributeText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\n", "&#10;", "\r", "&#13;", "\t", "&#9;")
)
