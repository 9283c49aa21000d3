package config

import (
	"cmp"
	"strings"

	"github.com/talkpath/talkpath/internal/fsxml"
)

// adminPort is where programs that watch FreeSWITCH expect its metrics.
const adminPort = 9282

// admin reads admin.conf. FreeSWITCH's trees have none, so the variables admin_ip, admin_port and admin_pprof are its defaults.
func (r *reader) admin(n *fsxml.Node) Admin {
	s := r.settings(n)
	a := Admin{ListenIP: r.listenIP(s, s.text("listen-ip", cmp.Or(r.vars["admin_ip"], "127.0.0.1")))}
	off := cmp.Or(r.vars["admin_port"], "0")
	if strings.EqualFold(s.text("listen-port", off), "off") {
		a.Port = -1
	} else {
		a.Port = s.port("listen-port", r.portVariable("admin_port", adminPort))
	}
	a.Pprof = s.flag("pprof", isTrue(r.vars["admin_pprof"]))
	r.unknownParams("admin.conf", s, words("listen-ip listen-port pprof"))
	return a
}
