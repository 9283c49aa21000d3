package config

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// used collects the selectors and the string literals of the module's code outside of this package.
func used(t *testing.T) (selectors, literals map[string]bool) {
	t.Helper()
	selectors, literals = map[string]bool{}, map[string]bool{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path == filepath.Join(root, "internal", "config") || d.Name() == "node_modules" || d.Name() == "test" || d.Name() == "web" || d.Name() == "media" || d.Name() == "sip"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil // being written
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				selectors[n.Sel.Name] = true
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					literals[text] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return selectors, literals
}

// TestProfileParamsTellTheTruth holds the table against the code: a parameter acts when something outside looks at its field or asks for it by name.
func TestProfileParamsTellTheTruth(t *testing.T) {
	selectors, literals := used(t)
	typ := reflect.TypeFor[Profile]()
	// Fields that a method of Profile speaks for.
	by := map[string]string{"ForceExpires": "Expires", "ForceExpiresMin": "Expires", "ForceExpiresMax": "Expires", "ExpiresMaxDeviation": "Expires"}
	seen := map[string]bool{}
	for _, p := range profileParams {
		if p.Name != strings.ToLower(p.Name) || seen[p.Name] {
			t.Errorf("%s: not in lower case, or twice", p.Name)
		}
		seen[p.Name] = true
		if _, ok := typ.FieldByName(p.Field); !ok {
			t.Errorf("%s: Profile has no field %s", p.Name, p.Field)
		}
		method, ok := by[p.Field]
		if acts := selectors[p.Field] || literals[p.Name] || ok && selectors[method]; acts != p.Acts {
			t.Errorf("%s: Acts is %v in the table (profile_params.go), but the code outside of this package looks at field %s: %v, asks for the name: %v",
				p.Name, p.Acts, p.Field, selectors[p.Field], literals[p.Name])
		}
	}
	for _, list := range []string{quietParams, knownParams} {
		for _, name := range strings.Fields(list) {
			if name != strings.ToLower(name) || seen[name] {
				t.Errorf("%s: not in lower case, or in two tables", name)
			}
			seen[name] = true
		}
	}
	if len(seen) < 230 {
		t.Errorf("%d parameters", len(seen))
	}
}

// TestStockParamsAreKnown: every parameter of the stock profiles, also those in comments, is in a table.
func TestStockParamsAreKnown(t *testing.T) {
	table := newParamTable()
	files, _ := filepath.Glob(filepath.Join(stockTree(t, "vanilla"), "sip_profiles", "*.xml"))
	n := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(text), `<param name="`)[1:] {
			name, _, _ := strings.Cut(part, `"`)
			name = strings.ToLower(name)
			_, acting := table.acting[name]
			n++
			if !acting && !table.quiet[name] && !table.known[name] {
				t.Errorf("%s: %s", filepath.Base(file), name)
			}
		}
	}
	if n < 200 {
		t.Errorf("%d params", n)
	}
}

func TestUnsupportedParams(t *testing.T) {
	for _, c := range []struct{ name, params, want string }{
		{"acts", param("context", "default"), ""},
		{"quiet", param("dbname", "x") + param("watchdog-enabled", "yes"), ""},
		{"what is done anyway", param("rfc2833-pt", "101") + param("inbound-late-negotiation", "true"), ""},
		{"switched off", param("enable-100rel", "false") + param("sip-capture", "no"), ""},
		{"known", param("sip-capture", "yes"), "parameter profile/sip-capture freeswitch.xml:5"},
		{"with another value", param("inbound-codec-negotiation", "scrooge"), "parameter profile/inbound-codec-negotiation freeswitch.xml:5"},
		{"unknown", param("contxt", "default"), "parameter profile/contxt freeswitch.xml:5 unknown to FreeSWITCH too"},
		{"each once", param("sip-capture", "yes") + param("sip-capture", "yes"), "parameter profile/sip-capture freeswitch.xml:5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Load(Options{Dir: tree(t, map[string]string{"profile": c.params})})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, u := range s.Unsupported {
				got = append(got, strings.TrimSpace(u.Kind+" "+u.Name+" "+u.File+":"+strconv.Itoa(u.Line)+" "+u.Note))
			}
			if strings.Join(got, "\n") != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestProfileSettings(t *testing.T) {
	s, err := Load(Options{Dir: tree(t, map[string]string{"profile": param("apply-inbound-acl", "lan:inside:outside") + param("apply-inbound-acl", "2001:db8::/32") + param("apply-nat-acl", "nat.auto") +
		param("apply-nat-acl", "rfc1918.auto") + param("apply-proxy-acl", "a") + param("apply-proxy-acl", "none") + param("local-network-acl", "none") + param("dtmf-type", "INFO") + param("timer-T1", "250") +
		param("minimum-session-expires", "10") + param("auth-subscriptions", "true") + param("disable-auth-subscriptions", "true") + param("max-proceeding", "7") + param("alias", "x") +
		param("sip-force-expires-min", "60") + param("sip-force-expires-max", "120"),
		"gateways": `<aliases><alias name="y"/></aliases><domains><domain name="d" alias="true"/><domain name="all" alias="false" parse="true"/></domains>`})})
	if err != nil {
		t.Fatal(err)
	}
	p := s.Profiles[0]
	if !slices.Equal(p.InboundACL, []ACLRule{{"lan", "inside", "outside"}, {"2001:db8::/32", "", ""}}) || !slices.Equal(p.NATACL, []string{"nat.auto", "rfc1918.auto"}) || p.ProxyACL != nil || p.LocalNetworkACL != "" {
		t.Errorf("access lists %+v", p.ProfileSettings)
	}
	if p.DTMFType != "info" || p.T1 != 250*time.Millisecond || p.MinSessionExpires != 90*time.Second || p.AuthSubscriptions || !p.AuthMessages || p.MaxProceeding != 7 || p.RFC2833PT != 101 || p.PingInterval != 30*time.Second {
		t.Errorf("%+v", p.ProfileSettings)
	}
	if !slices.Equal(p.Domains, []ProfileDomain{{"d", true, false}, {"all", false, true}}) || !slices.Equal(s.ProfileAliases(&p), []string{"y", "x", "d"}) {
		t.Errorf("%+v %q", p.Domains, s.ProfileAliases(&p))
	}
	spread := Profile{ProfileSettings: ProfileSettings{ExpiresMaxDeviation: 100}}
	seen := map[int]bool{}
	for range 200 {
		n := spread.Expires(nil, 600)
		if n < 500 || n > 700 {
			t.Fatalf("sip-expires-max-deviation=100: %d", n)
		}
		seen[n] = true
	}
	if len(seen) < 10 || spread.Expires(nil, 1) != 1 {
		t.Errorf("sip-expires-max-deviation=100: only %d values", len(seen))
	}
	forced := &User{Variables: Inherited{Own: Pairs{{"sip-force-expires", "30"}}}}
	for _, c := range []struct {
		user        *User
		asked, want int
	}{{nil, 10, 60}, {nil, 3600, 120}, {nil, 90, 90}, {forced, 3600, 30}, {&User{}, 90, 90}} {
		if got := p.Expires(c.user, c.asked); got != c.want {
			t.Errorf("%d asked for: %d, want %d", c.asked, got, c.want)
		}
	}
}

// TestTwoProfilesOnOnePort: the later one is left out with its place, the others go on.
func TestTwoProfilesOnOnePort(t *testing.T) {
	profile := func(name, params string) string {
		return `<profile name="` + name + `"><settings>` + param("sip-ip", "127.0.0.1") + params + `</settings><gateways><gateway name="gw-` + name + `">` + param("register", "false") + `</gateway></gateways></profile>` + "\n"
	}
	s, err := Load(Options{Dir: tree(t, map[string]string{"profiles": profile("a", param("sip-port", "5060")) + profile("b", param("sip-port", "5060")) +
		profile("c", param("sip-port", "5070")+param("ws-binding", ":5060")+param("tls", "true")+param("tls-sip-port", "5061")) + profile("d", param("sip-port", "5061"))})})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range s.Problems {
		got = append(got, p.String())
	}
	want := []string{
		"freeswitch.xml:6: error: profile b (sip-port) wants 127.0.0.1:5060, which profile a (sip-port) has; the profile is left out",
		"freeswitch.xml:7: error: profile c (ws-binding) wants port 5060, which profile a (sip-port) has; it is switched off",
		"freeswitch.xml:8: error: profile d (sip-port) wants 127.0.0.1:5061, which profile c (tls-sip-port) has; the profile is left out",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if len(s.Profiles) != 2 || s.Profiles[1].Name != "c" || s.Profiles[1].WSBinding != "" || len(s.Gateways) != 2 {
		t.Errorf("%d profiles, gateways %+v", len(s.Profiles), s.Gateways)
	}
	if s, err := Load(Options{Dir: tree(t, map[string]string{"profiles": profile("a", param("sip-port", "0")) + profile("b", param("sip-port", "0"))})}); err != nil || len(s.Profiles) != 2 {
		t.Errorf("%v %v", err, s.Problems)
	}
}
