package bench

import (
	"bytes"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// perfScript is what perf script prints: a sample in the kernel, one in a library, and one in this test's program, which is named by its place.
const perfScript = `   1001001 
	ffffffff81d743df __udp_enqueue_schedule_skb ([kernel.kallsyms])
	ffffffff81d743df __netif_receive_skb_one_core ([kernel.kallsyms])
	ffffffff821ecc51 __x64_sys_sendmmsg ([kernel.kallsyms])
	           8ee43 main.send (/nowhere/server)

   2002002 
	           944c8 AES_encrypt@@OPENSSL_1.1 (/usr/lib/libcrypto.so.3)
	           944c8 operator()(int) (/usr/bin/relay)

   1001001 
	           94 [unknown] ([unknown])
`

func TestPerfScript(t *testing.T) {
	samples, err := readPerfScript(strings.NewReader(perfScript))
	if err != nil || len(samples) != 3 {
		t.Fatalf("%d samples, %v", len(samples), err)
	}
	p := newProfile("perf", "file", samples)
	want := map[string]float64{groupDeliver: 0.25, groupCrypto: 0.5, groupUnknown: 0.25}
	for _, g := range p.Groups {
		if math.Abs(g.Share-want[g.Name]) > 1e-6 {
			t.Errorf("%s: %.3f, want %.3f", g.Name, g.Share, want[g.Name])
		}
	}
	if p.Samples != 3 || len(p.Groups) != 3 || p.Groups[0].Name != groupCrypto || p.Groups[0].Functions[0].Name != "AES_encrypt@@OPENSSL_1.1" {
		t.Errorf("%+v", p)
	}
	if _, err := readPerfScript(strings.NewReader("10\n\tffff nonsense\n")); err == nil {
		t.Error("a line that is no frame was taken for one")
	}
}

func TestProfileGroups(t *testing.T) {
	kernel := func(names ...string) (all []frame) {
		for _, n := range names {
			all = append(all, frame{function: n, object: "[kernel.kallsyms]"})
		}
		return all
	}
	golang := func(names ...string) (all []frame) {
		for _, n := range names {
			all = append(all, frame{function: n, object: "/bin/talkpath", isGo: true})
		}
		return all
	}
	c := func(object, name string) []frame { return []frame{{function: name, object: object}} }
	for _, test := range []struct {
		name  string
		stack []frame
		want  string
	}{
		{"a send", kernel("__ip_append_data", "udp_sendmsg", "__sys_sendmmsg", "do_syscall_64"), groupSend},
		{"a send that wakes the receiver", kernel("_raw_spin_unlock", "ep_poll_callback", "sock_def_readable", "udp_queue_rcv_skb", "__netif_receive_skb", "udp_sendmsg"), groupWake},
		{"a receive", kernel("_copy_to_iter", "udp_recvmsg", "__x64_sys_recvmmsg"), groupReceive},
		{"epoll", kernel("sock_poll", "ep_item_poll.isra.0", "do_epoll_wait"), groupSleep},
		{"a sleep", kernel("finish_task_switch", "__schedule", "schedule", "hrtimer_nanosleep"), groupSleep},
		{"a page that is not there", kernel("clear_page_erms", "do_anonymous_page", "exc_page_fault"), groupMemory},
		{"a write to disk", kernel("iowrite16", "ext4_sync_file", "do_fsync"), groupFiles},
		{"the entry", kernel("do_syscall_64", "entry_SYSCALL_64_after_hwframe"), groupEntry},
		{"something else", kernel("strange"), groupKernel},
		{"a user's function above the kernel decides nothing", append(kernel("strange"), golang("crypto/aes.encrypt")...), groupKernel},
		{"an allocation", golang("runtime.nextFreeFast", "runtime.mallocgc", "github.com/talkpath/talkpath/internal/call.New"), groupAlloc},
		{"help with the collection", golang("runtime.scanobject", "runtime.gcDrainN", "runtime.gcAssistAlloc", "runtime.mallocgc"), groupCollector},
		{"the scheduler", golang("runtime.findRunnable", "runtime.schedule", "runtime.mcall"), groupScheduler},
		{"the runtime works for its caller", golang("runtime.memmove", "github.com/talkpath/talkpath/media.(*leg).rtpIn"), "package media"},
		{"so does the standard library", golang("runtime.mapaccess1", "strings.Index", "github.com/talkpath/talkpath/sip.(*Stack[go.shape.struct { a/b.c int }]).parse"), "package sip"},
		{"the parser", golang("github.com/emiago/sipgo/sip.ParseMessage"), "SIP parser (sipgo)"},
		{"another module", golang("go.etcd.io/bbolt.(*Tx).Commit"), "package go.etcd.io/bbolt"},
		{"encryption", golang("github.com/talkpath/talkpath/srtp.(*Context).ProtectRTP"), groupCrypto},
		{"a main program", golang("main.main", "runtime.main"), "Go: main"},
		{"assembly without a caller", golang("aeshashbody"), groupRuntime},
		{"a program in C", c("/usr/bin/rtpengine", "stream_packet.part.0"), "program rtpengine"},
		{"a library in C", c("/usr/lib/libglib-2.0.so.0", "g_hash_table_lookup"), "library libglib-2.0.so.0"},
		{"its standard library", c("/usr/lib/libc.so.6", "memcpy@@GLIBC_2.14"), groupLibC},
		{"its encryption", c("/usr/lib/libcrypto.so.3", "[unknown]"), groupCrypto},
		{"without the kernel's side: a send", []frame{{function: "internal/runtime/syscall/linux.Syscall6", isGo: true}, {function: "github.com/talkpath/talkpath/media.sendmmsg", isGo: true}}, groupSend},
		{"without the kernel's side: a send in a reader", []frame{{function: "syscall.RawSyscall6", isGo: true}, {function: "github.com/talkpath/talkpath/media.(*loop).sendDirect", isGo: true},
			{function: "github.com/talkpath/talkpath/media.(*loop).readOne", isGo: true}}, groupSend},
		{"without the kernel's side: a wait", []frame{{function: "syscall.RawSyscall6", isGo: true}, {function: "github.com/talkpath/talkpath/media.(*loop).wait", isGo: true},
			{function: "sync.(*WaitGroup).Go.func1", isGo: true}}, groupSleep},
		{"without the kernel's side: a futex", []frame{{function: "runtime.futex", isGo: true}, {function: "runtime.futexsleep", isGo: true}}, groupSleep},
	} {
		if got := groupOf(test.stack); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestShortFunction(t *testing.T) {
	for name, want := range map[string]string{
		"github.com/talkpath/talkpath/media.(*leg).rtpIn":                       "media.(*leg).rtpIn",
		"sync/atomic.(*Pointer[github.com/talkpath/talkpath/media.route]).Load": "atomic.(*Pointer[…]).Load",
		"udp_sendmsg": "udp_sendmsg",
	} {
		if got := shortFunction(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestGoSymbols finds a function of this program as perf tells where it is when there is no symbol table.
func TestGoSymbols(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	names := goSymbols{}
	p := names.program(self)
	if p == nil {
		t.Skip("the test's program is no ELF file")
	}
	f := p.table.LookupFunc("github.com/talkpath/talkpath/bench.groupOf")
	if f == nil {
		t.Fatal("the table has not the functions of this package")
	}
	place := strconv.FormatUint(f.Entry-p.code.Vaddr+p.code.Off, 16)
	if got := p.find(place); got != f.Name {
		t.Errorf("%s, want %s", got, f.Name)
	}
	if names.program(filepath.Join(t.TempDir(), "none")) != nil || p.find("1") != unknownFunction || p.find("x") != unknownFunction {
		t.Error("something was found where nothing is")
	}
}

// TestPprof: a run takes the profile of a Go server over HTTP.
func TestPprof(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	server := httptest.NewServer(mux)
	defer server.Close()
	dir := t.TempDir()
	at := exchange(t)
	r := runJSON(t, "calls", "-server", at.SIP, "-password", testPassword, "-calls", "20", "-rate", "200", "-hold", "1500ms", "-profile", dir, "-pprof", server.Listener.Addr().String())
	checkCalls(t, r, 20)
	checkProfile(t, r, "pprof", filepath.Join(dir, "calls-plain.pprof"))
}

// TestPerf: a run takes the profile of any process, here of the test itself, which is server and generator.
func TestPerf(t *testing.T) {
	if _, err := exec.LookPath("perf"); err != nil {
		t.Skip("perf is not installed")
	}
	if out, err := exec.Command("perf", "record", "--event", "cpu-clock", "--output", filepath.Join(t.TempDir(), "perf.data"), "true").CombinedOutput(); err != nil {
		t.Skipf("perf may not record here: %s", out)
	}
	dir := t.TempDir()
	at := exchange(t)
	r := runJSON(t, "register", "-server", at.SIP, "-password", testPassword, "-count", "500", "-pid", strconv.Itoa(os.Getpid()), "-profile", dir)
	checkProfile(t, r, "perf", filepath.Join(dir, "register.perf.data"))
	if r.Load == nil || r.Load.Server <= 0 {
		t.Errorf("the machine's load: %+v", r.Load)
	}
}

func checkProfile(t *testing.T, r Result, by, file string) {
	t.Helper()
	if len(r.Profiles) != 1 {
		t.Fatalf("%d profiles", len(r.Profiles))
	}
	p := r.Profiles[0]
	if info, err := os.Stat(file); err != nil || info.Size() == 0 || p.File != file || p.By != by || p.Samples == 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	sum := 0.0
	for _, g := range p.Groups {
		sum += g.Share
	}
	if math.Abs(sum-1) > 1e-6 {
		t.Errorf("all shares together are %g", sum)
	}
	var table bytes.Buffer
	if err := r.WriteTable(&table); err != nil || !strings.Contains(table.String(), p.Groups[0].Name) {
		t.Errorf("%v, %s", err, table.String())
	}
}

func TestComparisonProfiles(t *testing.T) {
	profile := func(shares map[string]float64) *Profile {
		p := &Profile{By: "perf", Samples: 7}
		for name, share := range shares {
			p.Groups = append(p.Groups, ProfileGroup{Name: name, Share: share, Functions: []ProfileFunction{{name + "_f|g", share}}})
		}
		return p
	}
	c := &Comparison{Version: "v1", Command: "bench compare", Figures: []Figure{
		{Name: "1", Measure: "CPU", Unit: "µs", Talkpath: []float64{10}, Peer: []float64{20}, Floor: "1.5× less", Goal: "2.5× less", Other: 0.04, Spent: []Spent{
			{"Talkpath", 10, profile(map[string]float64{"send": 0.6, "receive": 0.395, "dust": 0.005})},
			{"rtpengine", 20, profile(map[string]float64{"receive": 1})},
		}},
		{Name: "3", Measure: "no profile"},
		{Name: "9", Measure: "calls", Unit: "ms", Talkpath: []float64{2}, Floor: "f", Goal: "g", Other: 0.7, Spent: []Spent{{"Talkpath", 2, profile(map[string]float64{"call": 1})}}},
	}}
	name := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(name, []byte("before\n"+profilesBegin+"old\n"+profilesEnd+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := replaceTables(name, c); err != nil {
			t.Fatal(err)
		}
	}
	page, _ := os.ReadFile(name)
	for _, want := range []string{
		"before\n" + profilesBegin + "### 1: CPU\n\nRatio 2.00 (2.00–2.00); floor 1.5× less, goal 2.5× less.\n",
		"| kind of work | Talkpath, 10 µs | rtpengine, 20 µs | most of Talkpath's is in |\n|---|---|---|---|\n" +
			"| receive | 3.95 µs (39.5 %) | 20 µs (100.0 %) | `receive_fg` 39.5 % |\n| send | 6 µs (60.0 %) | – | `send_fg` 60.0 % |\n" +
			"| all that is less than 1 % | 0.050 µs (0.5 %) | – | |\n",
		"Talkpath 7 samples by perf, rtpengine 7 samples by perf.",
		"### 9: calls\n\nFloor f, goal g.\n",
		"at most 0.70 of 0 cores in any run. **The machine was busy** when these figures were measured: 9.",
		profilesEnd + "after\n",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
	if strings.Contains(string(page), "old") || strings.Contains(string(page), "no profile") {
		t.Errorf("in the page:\n%s", page)
	}
}

func TestMachineLoad(t *testing.T) {
	at := time.Now()
	second := func(busy, own, cpu, stolen time.Duration) (a, b usage) {
		return usage{at: at, busy: time.Hour, cpu: time.Minute}, usage{at: at.Add(time.Second), busy: time.Hour + busy, own: own, cpu: time.Minute + cpu, stolen: stolen}
	}
	const ms = time.Millisecond
	for _, c := range []struct {
		name                            string
		busy, own, cpu, stolen, profile time.Duration
		want                            string
	}{
		{"quiet", 900 * ms, 500 * ms, 350 * ms, 0, 0, ""},
		{"busy", 1900 * ms, 500 * ms, 400 * ms, 0, 0, "other work took 1.00 cores"},
		{"a profiler", 1400 * ms, 500 * ms, 400 * ms, 0, 500 * ms, ""},
		{"the host", 900 * ms, 500 * ms, 400 * ms, 300 * ms, 0, "the host of this virtual machine took 0.30 cores"},
		{"ticks", 880 * ms, 500 * ms, 400 * ms, 0, 0, ""},
	} {
		var l loadSum
		a, b := second(c.busy, c.own, c.cpu, c.stolen)
		l.add(a, b, c.profile)
		l.add(a, b, c.profile)
		m := l.mean()
		if m == nil || !strings.HasPrefix(m.Warning, c.want) || (c.want == "") != (m.Warning == "") || m.Other < 0 {
			t.Errorf("%s: %+v, want %q", c.name, m, c.want)
		}
	}
	var none loadSum
	none.add(usage{}, usage{at: at}, 0)
	if none.mean() != nil {
		t.Error("a load that is not known")
	}
}
