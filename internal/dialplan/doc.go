// Package dialplan decides what a call does: contexts, extensions, conditions and actions of the XML dialplan (mod_dialplan_xml.c),
// the expansion of ${variables} (switch_channel.c) and dial strings (switch_ivr_originate.c). It is pure: it reads a call through
// Env and returns what is to be executed.
//
// What came from the wire stays data. A Value carries where its text came from; text from the wire is inserted where it belongs but
// is never expanded again, never ends a quoted value and never separates targets of a dial string, as it can in FreeSWITCH.
//
// A Plan, a Template and a DialString are immutable and safe for concurrent use. Everything is bounded: sizes, nesting, the number of
// targets, and the time of those regular expressions that need backtracking.
package dialplan
