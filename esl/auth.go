package esl

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"os"
	"strings"
)

// authenticate answers commands until the password came. A wrong password ends the connection; anything else but exit is unknown.
func (c *conn) authenticate(r *bufio.Reader) bool {
	for {
		cmd, err := readCommand(r, c.limit.AuthBytes)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.server.counters.authFailed.Add(1)
				c.log.Warn("esl: no authentication in time")
				c.disconnect()
				return false
			}
			c.readFailed(err)
			return false
		}
		text, hasText := cmd.after()
		switch verb := cmd.verb(); {
		case isExit(cmd.line):
			c.reply("+OK bye")
			c.disconnect()
			return false
		case hasText && verb == "auth":
			return c.admit(samePassword(text, c.server.Password()))
		case hasText && verb == "userauth":
			u, ok := c.server.user(text)
			if ok {
				c.may = newPermissions(u)
			}
			return c.admit(ok, c.may.announce(u)...)
		case isHTTP(cmd.line):
			// A web page can make a browser on this machine post to a loopback port; the commands would be in the body.
			c.log.Warn("esl: HTTP request")
			return false
		default:
			c.reply(replyUnknown)
		}
	}
}

// admit answers a password; extra are further lines for who gave the right one.
func (c *conn) admit(ok bool, extra ...string) bool {
	if ok {
		c.server.authenticated(c) // before the answer: who has it must not be evicted any more
		c.reply("+OK accepted", extra...)
		return true
	}
	c.server.counters.authFailed.Add(1)
	c.log.Warn("esl: authentication failed")
	c.server.slowDown(c.ctx, c)
	c.reply("-ERR invalid")
	c.disconnect()
	return false
}

// user finds who "USER@DOMAIN:PASSWORD" or "USER:PASSWORD@DOMAIN" is. What takes how long tells a stranger nothing.
func (s *Server) user(text string) (User, bool) {
	name, rest, _ := strings.Cut(text, "@")
	domain, password, _ := strings.Cut(rest, ":")
	if before, after, ok := strings.Cut(name, ":"); ok {
		name, password = before, after
	}
	var u User
	known := false
	if users, ok := s.Backend.(Users); ok && name != "" && domain != "" {
		u, known = users.EventSocketUser(name, domain)
	}
	return u, samePassword(password, u.Password) && known
}

// samePassword compares in a time that depends on neither the contents nor the lengths. Nothing equals an empty password.
func samePassword(given, want string) bool {
	g, w := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(g[:], w[:]) == 1 && want != ""
}

func isHTTP(line string) bool {
	return strings.HasSuffix(line, " HTTP/1.1") || strings.HasSuffix(line, " HTTP/1.0") || strings.HasSuffix(line, " HTTP/2.0")
}

// isExit knows the verb exit, which FreeSWITCH matches by its beginning, and its other name "...".
func isExit(line string) bool {
	return hasPrefixFold(line, "exit") || strings.HasPrefix(line, "...")
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
