// Package fsxml reads FreeSWITCH's XML configuration trees: it runs the pre-processor (X-PRE-PROCESS, $${variables}, includes) and
// builds an element tree in which each node knows the file and line it came from.
//
// It works on the text of the files as switch_xml.c does: an X-PRE-PROCESS line acts inside a comment too, an included file may hold
// part of an element, <include> elements vanish. It differs where FreeSWITCH's behaviour is unsafe: commands are executed only
// by what the loader is given for it, document type declarations are refused, and nesting, inclusion and size are bounded.
//
// A Loader is used by one goroutine at a time; the Tree it returns is not changed afterwards.
package fsxml
