package dialplan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// TestFunctions: where a dialplan calls functions, in all places it may, each once, with the place.
func TestFunctions(t *testing.T) {
	var got []string
	for _, f := range Functions(sectionOf(t, `<context name="default">
<extension name="a">
<condition field="${module_exists(mod_x)}" expression="^${regex(${sip_to_user}|${my_own(1)})}$">
<action application="set" data="x=${MODULE_EXISTS(y)}/${variable}/${name:1:2}/\${text()}"/>
<action application="log"><![CDATA[${sofia_contact(${user_data(1000@d var x)})}]]></action>
<anti-action application="set" data="y=${${which}(z)}"/>
</condition>
</extension>
</context>`)) {
		got = append(got, fmt.Sprintf("%s:%d", f.Name, f.Line))
	}
	want := []string{"module_exists:3", "regex:3", "my_own:3", "text:4", "sofia_contact:5", "user_data:5"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestExplosivePatterns: a pattern that RE2 cannot express and that may take for ever is reported; others are not.
func TestExplosivePatterns(t *testing.T) {
	tests := []struct {
		name, expr string
		reported   bool
	}{
		{"look-ahead", `^(?!911)(\d+)$`, false},
		{"nested repetition with look-ahead", `^(?!0)(\d+)+$`, true},
		{"nested deeper", `^(?=1)((a|b+)c)*$`, true},
		{"nested repetition that RE2 does in linear time", `^(\d+)+$`, false},
		{"back reference after a repetition", `^(\d+)-\1$`, false},
		{"repetition of a back reference's group", `^((x)\2*)+$`, true},
		{"escaped and in a class", `^(?!0)(\+[*+])+$`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, problems := compileXML(t, `<context name="c"><extension name="x"><condition field="destination_number" expression="`+test.expr+`"/></extension></context>`)
			reported := false
			for _, p := range problems {
				reported = reported || strings.Contains(p.Text, "backtracking engine") && p.Severity == fsxml.Warning && p.Line == 1
			}
			if reported != test.reported {
				t.Errorf("reported %v: %v", reported, problems)
			}
		})
	}
}
