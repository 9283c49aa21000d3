package config

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/talkpath/talkpath/internal/fsxml"
)

func TestUser(t *testing.T) {
	s, err := Load(Options{Dir: tree(t, map[string]string{"directory": `<domain name="d"><params><param name="dial-string" value="DS"/></params><variables><variable name="toll_allow" value="local"/><variable name="v" value="domain"/></variables>
		<groups><group name="g"><users><user id="1" number-alias="11" cidr="10.0.0.0/8" mailbox="m1" cacheable="true">
		<gateways><gateway name="x"/></gateways><vcard/>
		<params><param name="password" value="x9"/><param name="sip-forbid-register" value="true"/><param name="auth-acl" value="lan"/><param name="reverse-auth-user" value="ru"/><param name="reverse-auth-pass" value="rp"/></params>
		<variables><variable name="toll_allow" value="domestic, international"/><variable name="max_calls" value="2"/><variable name="v" value="own"/></variables></user>
		<user id="2"><params><param name="allow-empty-password" value="true"/></params></user></users></group></groups></domain>`})})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Problems {
		t.Error(p)
	}
	u, ok := s.Directory.User("11", "d")
	if !ok || !slices.Equal(u.TollAllow(), []string{"domestic", "international"}) || u.MaxCalls() != 2 || !u.ForbidRegister() || u.AuthACL() != "lan" || u.Mailbox() != "m1" || u.Blind() ||
		u.Attr("cacheable") != "true" || u.Attr("cidr") != "10.0.0.0/8" || u.Attr("number-alias") != "11" || u.Variable("v") != "own" || u.Variables.Above().Value("v") != "domain" {
		t.Errorf("%+v", u)
	}
	if name, password := u.ReverseAuth(); name != "ru" || password != "rp" {
		t.Errorf("%q %q", name, password)
	}
	two, _ := s.Directory.User("2", "d")
	if !two.Blind() || two.Mailbox() != "2" || !slices.Equal(two.TollAllow(), []string{"local"}) || s.Directory.Users() != 2 {
		t.Errorf("%+v", two)
	}
	if name, password := two.ReverseAuth(); name != "" || password != "" {
		t.Errorf("%q %q", name, password)
	}
	own, merged := u.Element(false), u.Element(true)
	if own.Attr("id") != "1" || own.Attr("mailbox") != "m1" || len(own.All("gateways")) != 1 || own.Child("params").Named("param", "dial-string") != nil {
		t.Errorf("%+v", own)
	}
	if merged.Child("params").Named("param", "dial-string").Attr("value") != "DS" || len(merged.Child("variables").Children) != 3 {
		t.Errorf("%+v", merged.Child("variables"))
	}
	if n := s.Tree.Section("directory").Find("domain", "groups", "group", "users", "user"); n.Attr("id") != "1" || len(n.Children) != 0 {
		t.Errorf("the tree holds users twice: %+v", n)
	}
}

// TestReducedTreeIsTheSame: users read while parsing equal those read from a whole tree.
func TestReducedTreeIsTheSame(t *testing.T) {
	dir := stockTree(t, "vanilla")
	s, err := Load(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	l := fsxml.Loader{FS: os.DirFS(dir), Dir: dir, Defaults: builtins(Options{Dir: dir})}
	tree, err := l.Load()
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{vars: tree.Vars}
	whole := r.directory(tree.Section("directory"))
	for i, d := range whole.Domains() {
		for j, u := range d.Users {
			got := s.Directory.Domains()[i].Users[j]
			want := fmt.Sprint(u.ID, u.Groups, u.Params.Merged(), u.Variables.Merged(), u.Attrs, u.CIDR, u.File, u.Line, len(u.extra))
			if g := fmt.Sprint(got.ID, got.Groups, got.Params.Merged(), got.Variables.Merged(), got.Attrs, got.CIDR, got.File, got.Line, len(got.extra)); g != want && u.ID != "example.com" { // whose password is taken away
				t.Errorf("got  %s\nwant %s", g, want)
			}
		}
	}
}

// stockUsers is a tree whose users are as the stock tree has them, in one file or one each.
func stockUsers(t testing.TB, users int, single bool) string {
	t.Helper()
	dir := t.TempDir()
	user := func(b *strings.Builder, id int) {
		fmt.Fprintf(b, `  <user id="%[1]d">
    <params>
      <param name="password" value="$${default_password}"/>
      <param name="vm-password" value="%[1]d"/>
    </params>
    <variables>
      <variable name="toll_allow" value="domestic,international,local"/>
      <variable name="accountcode" value="%[1]d"/>
      <variable name="user_context" value="default"/>
      <variable name="effective_caller_id_name" value="Extension %[1]d"/>
      <variable name="effective_caller_id_number" value="%[1]d"/>
      <variable name="outbound_caller_id_name" value="$${outbound_caller_name}"/>
      <variable name="outbound_caller_id_number" value="$${outbound_caller_id}"/>
      <variable name="callgroup" value="techsupport"/>
    </variables>
  </user>
`, id)
	}
	var b strings.Builder
	b.WriteString(`<document><X-PRE-PROCESS cmd="set" data="default_password=geheim99"/><X-PRE-PROCESS cmd="set" data="outbound_caller_name=FreeSWITCH"/><X-PRE-PROCESS cmd="set" data="outbound_caller_id=0000000000"/>
<section name="configuration"><configuration name="sofia.conf"><profiles><profile name="internal"><settings/></profile></profiles></configuration>
<configuration name="event_socket.conf"><settings><param name="password" value="x9"/></settings></configuration></section>
<section name="dialplan"><context name="default"/></section>
<section name="directory"><domain name="x.test"><params><param name="dial-string" value="${sofia_contact(*/${dialed_user}@${dialed_domain})}"/></params>
<variables><variable name="record_stereo" value="true"/><variable name="default_gateway" value="x"/><variable name="default_areacode" value="918"/><variable name="transfer_fallback_extension" value="operator"/></variables>
<groups><group name="default"><users>
`)
	if err := os.Mkdir(filepath.Join(dir, "default"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range users {
		if single {
			user(&b, 100000+i)
			continue
		}
		var f strings.Builder
		f.WriteString("<include>\n")
		user(&f, 100000+i)
		f.WriteString("</include>\n")
		if err := os.WriteFile(filepath.Join(dir, "default", fmt.Sprintf("%d.xml", 100000+i)), []byte(f.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.WriteString(`<X-PRE-PROCESS cmd="include" data="default/*.xml"/></users></group></groups></domain></section></document>`)
	if err := os.WriteFile(filepath.Join(dir, "freeswitch.xml"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestMemoryOfAUser: a user with the stock tree's ten own params and variables takes less than 2 KB of memory that stays.
func TestMemoryOfAUser(t *testing.T) {
	const users = 5000
	dir := stockUsers(t, users, true)
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap()
	s, err := Load(Options{Dir: dir})
	if err != nil || s.Directory.Users() != users {
		t.Fatal(err, s.Directory.Users())
	}
	each := (heap() - before) / users
	t.Logf("%d bytes a user", each)
	if each > 2048 {
		t.Errorf("%d bytes a user", each)
	}
	u, _ := s.Directory.User("100007", "x.test")
	if u.Variable("accountcode") != "100007" || u.Variable("default_areacode") != "918" || u.Password() != "geheim99" || u.Line == 0 {
		t.Errorf("%+v", u)
	}
	v, _ := s.Directory.User("100008", "x.test")
	if &u.Variables.above[0] != &v.Variables.above[0] {
		t.Error("what is inherited is copied")
	}
	runtime.KeepAlive(s)
}

// TestHundredThousandUsers loads them, in one file, and one file each for some.
func TestHundredThousandUsers(t *testing.T) {
	if testing.Short() || underRace {
		t.Skip("takes seconds, and one goroutine does almost all of it")
	}
	for _, c := range []struct {
		name   string
		users  int
		single bool
	}{{"one file", 100_000, true}, {"a file each", 3_000, false}} {
		t.Run(c.name, func(t *testing.T) {
			dir := stockUsers(t, c.users, c.single)
			start := time.Now()
			s, err := Load(Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			took := time.Since(start)
			t.Log(took)
			last := fmt.Sprint(100000 + c.users - 1)
			if u, ok := s.Directory.User(last, "x.test"); !ok || u.Variable("accountcode") != last || s.Directory.Users() != c.users || len(s.Problems) > 0 {
				t.Errorf("%d users, %v", s.Directory.Users(), s.Problems)
			}
			if took > 30*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func BenchmarkStockUsers(b *testing.B) {
	for _, single := range []bool{true, false} {
		b.Run(map[bool]string{true: "one file", false: "a file each"}[single], func(b *testing.B) {
			dir := stockUsers(b, 10_000, single)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Load(Options{Dir: dir}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
