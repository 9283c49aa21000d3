package cdr

import (
	"regexp"
	"strings"
	"sync"

	"github.com/talkpath/talkpath/internal/call"
	"github.com/talkpath/talkpath/internal/dialplan"
)

// hidden stands for a secret in the middle of a text.
const hidden = "(hidden)"

// isSecret says whether a variable's value is a secret by its name.
func isSecret(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"password", "passwd", "secret", "crypto_key", "authorization", "dtls_key"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// patterns find secrets within texts: {sip_auth_password=…} in an application's argument, sip:user:password@host, keys in SDP.
var patterns = sync.OnceValue(func() []pattern {
	return []pattern{
		{"=", regexp.MustCompile(`(?i)([\w-]*(?:password|passwd|secret)[\w-]*=)[^,\]}>;\s]+`), "${1}" + hidden},
		{"sip", regexp.MustCompile(`(?i)(sips?:[^:@\s/]+:)[^@\s/]+@`), "${1}" + hidden + "@"},
		{"a=crypto:", regexp.MustCompile(`(?m)^a=crypto:[^\r\n]*\r?\n?`), ""},
		{"a=ice-pwd:", regexp.MustCompile(`(?m)^a=ice-pwd:[^\r\n]*\r?\n?`), ""},
	}
})

// pattern is one kind of secret; texts without mark have none of it.
type pattern struct {
	mark    string
	find    *regexp.Regexp
	replace string
}

// conceal takes secrets out of a text.
func conceal(text string) string {
	for _, p := range patterns() {
		if strings.Contains(text, p.mark) {
			text = p.find.ReplaceAllString(text, p.replace)
		}
	}
	return text
}

// safeEnv is a record as templates see it: without secrets.
type safeEnv struct{ r *call.Record }

// Var implements dialplan.Env.
func (e safeEnv) Var(name string) (dialplan.Value, bool) {
	if isSecret(name) {
		return dialplan.Value{}, false
	}
	v, ok := e.r.Var(name)
	v.Text = conceal(v.Text)
	return v, ok
}

// Func implements dialplan.Env.
func (e safeEnv) Func(name, args string) (string, bool) { return e.r.Func(name, args) }
