package cli

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
)

// wellKnownPassword is FreeSWITCH's default, which fs_cli tries when none is given.
const wellKnownPassword = "ClueCon"

// guesses are the passwords to try when none was given.
func (p *Program) guesses() []string {
	if password := p.localPassword(); password != "" {
		return []string{password, wellKnownPassword}
	}
	return []string{wellKnownPassword}
}

// localPassword reads the password that a Talkpath of this machine made for itself. Only its owner can read that file. It is given to nobody
// but a listener on this machine that runs as the owner of the file, or as root, where the system can tell: another user's program that
// waits on the port must not learn it.
func (p *Program) localPassword() string {
	dir := p.options.stateDir
	if dir == "" {
		dir = p.StateDir
	}
	if dir == "" || p.profile.user != "" {
		return ""
	}
	addresses := loopback(p.profile.host)
	if len(addresses) == 0 {
		return ""
	}
	path := filepath.Join(dir, "secrets.json")
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	uid, ok := owner(info)
	if !ok || !trusted(listeners(p.profile.port, addresses), uid) {
		return ""
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	var secrets struct {
		ESLPassword string `json:"esl_password"`
	}
	if json.Unmarshal(data, &secrets) != nil {
		return ""
	}
	return secrets.ESLPassword
}

// trusted says whether every listener runs as that user or as root.
func trusted(uids []uint32, owner uint32) bool {
	for _, uid := range uids {
		if uid != owner && uid != 0 {
			return false
		}
	}
	return true
}

// loopback returns the addresses of a host when all of them are of this machine's loopback.
func loopback(host string) []netip.Addr {
	if host == "localhost" {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Unmap().IsLoopback() {
		return []netip.Addr{addr.Unmap()}
	}
	return nil
}
