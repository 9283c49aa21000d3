package talkpath

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"
)

// Config of a Server. The zero value runs the embedded configuration with its state in the user's state directory.
type Config struct {
	// ConfDir is a FreeSWITCH configuration tree, the folder of freeswitch.xml. Empty: the embedded tree.
	ConfDir string
	// StateDir keeps generated secrets, the certificate and registrations. Empty: $STATE_DIRECTORY (systemd), /var/lib/talkpath for
	// root, $XDG_STATE_HOME/talkpath or ~/.local/state/talkpath otherwise.
	StateDir string
	// Set overrides pre-processor variables as if vars.xml had set them.
	Set map[string]string
	// Environ is searched for TALKPATH_SET_name=value, which sets variables too, after the tree and before Set. nil: none.
	Environ []string
	// Dirs are FreeSWITCH's folder variables (certs_dir, sounds_dir, recordings_dir, …), set before the tree is read. Missing ones are
	// below the state directory.
	Dirs map[string]string
	// AllowExec lets X-PRE-PROCESS exec and exec-set run programs, without a shell, while the tree is read.
	AllowExec bool
	// Logger gets the log. nil: discarded.
	Logger *slog.Logger
	// LogLevel is what Logger filters by; commands change it. nil: they cannot.
	LogLevel *slog.LevelVar
	// RotateLog opens the log file again, for the command fsctl send_sighup. nil: there is no file.
	RotateLog func() error
	// Resolver looks up the names of gateways and of addresses that are dialled. nil: the system's, which is asked for NAPTR records too.
	Resolver Resolver
	// DrainGrace is how long Shutdown waits for calls to end. 0: 1 h. The context of Shutdown may end it earlier.
	DrainGrace time.Duration
}

// Resolver looks names up; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// withDefaults fills in what is not set.
func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.DrainGrace == 0 {
		c.DrainGrace = time.Hour
	}
	if c.StateDir == "" {
		c.StateDir = DefaultStateDir()
	}
	return c
}

// DefaultStateDir is the state directory when Config names none.
func DefaultStateDir() string {
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" {
		return dir
	}
	if os.Getuid() == 0 {
		return "/var/lib/talkpath"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "talkpath")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "state", "talkpath")
	}
	return "talkpath-state"
}

// version is set by the linker.
var version string

// Version is the version of this build.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

// localIPv4 is the address of the interface that has the default route, FreeSWITCH's local_ip_v4; loopback when there is none. No packet
// is sent: connecting a UDP socket only asks the routing table. The address is of TEST-NET-1, RFC 5737.
func localIPv4() string { return localIP("udp4", "192.0.2.1:9", "127.0.0.1") }

// localIPv6 is the same for IPv6, with an address of RFC 3849.
func localIPv6() string { return localIP("udp6", "[2001:db8::1]:9", "::1") }

func localIP(network, towards, otherwise string) string {
	conn, err := net.Dial(network, towards)
	if err != nil {
		return otherwise
	}
	defer conn.Close()
	if addr, ok := conn.LocalAddr().(*net.UDPAddr); ok && !addr.IP.IsUnspecified() {
		return addr.IP.String()
	}
	return otherwise
}

// localNets are the networks of this machine's interfaces, for the access lists localnet.auto and nat.auto.
func localNets() []netip.Prefix {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var nets []netip.Prefix
	for _, a := range addrs {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			nets = append(nets, prefix.Masked())
		}
	}
	return nets
}
