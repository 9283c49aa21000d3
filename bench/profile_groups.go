package bench

import (
	"path"
	"regexp"
	"strings"
)

// Kinds of work that a profile's samples are sorted into. What is neither the kernel's nor Go's runtime is called by its package, library or
// program.
const (
	groupSend      = "kernel: send"
	groupDeliver   = "kernel: deliver (loopback: the receiver's side of a send)"
	groupWake      = "kernel: wake up who receives"
	groupReceive   = "kernel: receive"
	groupSleep     = "kernel: sleep, wake up, schedule"
	groupInterrupt = "kernel: interrupts"
	groupMemory    = "kernel: memory"
	groupFiles     = "kernel: files"
	groupEntry     = "kernel: entry to and exit from system calls"
	groupKernel    = "kernel: other"
	groupCrypto    = "cryptography"
	groupAlloc     = "Go: allocation"
	groupCollector = "Go: garbage collection"
	groupScheduler = "Go: scheduler, channels, locks, timers"
	groupRuntime   = "Go: runtime, other"
	groupLibC      = "C library"
	groupUnknown   = "unknown"
)

// groupRule puts a function that matches into a group.
type groupRule struct {
	group    string
	function *regexp.Regexp
}

func rules(pairs ...string) []groupRule {
	var all []groupRule
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, groupRule{pairs[i], regexp.MustCompile(pairs[i+1])})
	}
	return all
}

// kernelRules: the first one that any frame of the kernel's matches decides. On the loopback interface a send runs on into the receiver's side
// (softirq) and wakes the receiver, so those come first.
var kernelRules = rules(
	groupWake, `^(sock_def_readable|__wake_up_sync_key|ep_poll_callback)`,
	groupDeliver, `^(__netif_receive_skb|net_rx_action|process_backlog|ip_rcv|ip_local_deliver|udp_rcv|udp_queue_rcv|tcp_v[46]_rcv)`,
	groupSend, `(^|_)(sendmmsg|sendmsg|sendto|udp_send_skb|ip_send_skb|dev_hard_start_xmit)`,
	groupReceive, `(^|_)(recvmmsg|recvmsg|recvfrom)`,
	groupSleep, `(^|_)(futex|epoll|ep_poll|nanosleep|schedule|sched_yield|poll|select|pselect6|timer_settime|timerfd|eventfd|tgkill)`,
	groupMemory, `(page_fault|handle_mm_fault|(^|_)(mmap|munmap|madvise|brk|mprotect)$)`,
	groupFiles, `(^|_)(vfs_|ksys_read|ksys_write|fsync|fdatasync|openat|close$|newfstat|unlink|pwrite64|pread64)`,
	groupInterrupt, `(^|_)(sysvec_|irq_exit|do_softirq|handle_softirqs)`,
	groupEntry, `^(entry_SYSCALL|do_syscall_64|syscall_|el0_svc|invoke_syscall)`,
)

// systemCallRules are for a profile that does not see the kernel: what the innermost function with a telling name made a system call for.
var systemCallRules = rules(
	groupSend, `(?i)send|\.Write|flush`,
	groupReceive, `(?i)recv|\.Read|receive|\.read`,
	groupSleep, `(?i)futex|epoll|netpoll|sleep|pause|\.wait$`,
	groupFiles, `(?i)fsync|datasync|mmap|open|close`,
)

// userRules: the innermost frame that one matches decides. Runtime and standard library without a rule work for their caller.
var userRules = rules(
	groupCollector, `^runtime\.(gc|\(\*gc|scan|greyobject|bgsweep|bgscavenge|sweep|\(\*sweep|wbBuf|\(\*mspan\)\.sweep|markroot|tryDeferToSpanScan|spanQueue|\(\*spanQueue|bulkBarrier)`,
	groupAlloc, `^runtime\.(mallocgc|newobject|makeslice|growslice|rawbyteslice|rawstring|\(\*mcache|\(\*mcentral|\(\*mheap)`,
	groupScheduler, `^(runtime\.(schedule|findRunnable|mcall|park_m|gopark|goready|ready|wakep|startm|stopm|note|futex|netpoll|sysmon|exitsyscall|entersyscall|reentersyscall|chansend|chanrecv|selectgo|send|recv|lock2|unlock2|procyield|osyield|usleep|\(\*timer|\(\*timers|runq|stealWork|goexit0|newproc|gosched|goschedImpl|preempt|asyncPreempt|sema|resetspinning|execute|casgstatus)|internal/sync\.|sync\.|internal/runtime/maps\.sync)`,
	groupCrypto, `^(crypto/|golang\.org/x/crypto|github\.com/talkpath/talkpath/srtp\.|github\.com/pion/(srtp|dtls)/)`,
)

var (
	systemCall      = regexp.MustCompile(`^(syscall|internal/runtime/syscall(/linux)?|golang\.org/x/sys/unix|internal/syscall/unix|runtime/internal/syscall)\.|^runtime\.(futex|usleep|epollwait|write1|read|tgkill|madvise)$`)
	cryptoLibraries = regexp.MustCompile(`^(libcrypto|libssl|libsrtp|libgcrypt|libnettle)`)
	cLibraries      = regexp.MustCompile(`^(libc|ld-linux|libpthread|\[vdso\])`)
)

// groupOf is what a stack is sorted into. Go's own profile does not know the kernel, and names no objects.
func groupOf(frames []frame) string {
	if frames[0].inKernel() {
		return kernelGroup(frames)
	}
	if frames[0].object == "" && systemCall.MatchString(frames[0].function) {
		for _, f := range frames {
			if group := matchAny(systemCallRules, []frame{f}); group != "" {
				return group
			}
		}
	}
	for _, f := range frames {
		for _, r := range userRules {
			if r.function.MatchString(f.function) {
				return r.group
			}
		}
		if group := f.owner(); group != "" {
			return group
		}
	}
	if frames[0].isGo && (strings.HasPrefix(frames[0].function, "runtime.") || frames[0].packagePath() == "") {
		return groupRuntime
	}
	if name := frames[0].packagePath(); name != "" {
		return "Go: " + name
	}
	return groupUnknown
}

func kernelGroup(frames []frame) string {
	n := 0
	for n < len(frames) && frames[n].inKernel() {
		n++
	}
	if group := matchAny(kernelRules, frames[:n]); group != "" {
		return group
	}
	return groupKernel
}

// matchAny is the group of the first rule that one of the frames matches.
func matchAny(rules []groupRule, frames []frame) string {
	for _, r := range rules {
		for _, f := range frames {
			if r.function.MatchString(f.function) {
				return r.group
			}
		}
	}
	return ""
}

func (f frame) inKernel() bool {
	return strings.HasPrefix(f.object, "[kernel") || strings.HasPrefix(f.object, "[guest.kernel")
}

// name is the function, or where it is when it has no name.
func (f frame) name() string {
	if f.function != "" && f.function != unknownFunction {
		return shortFunction(f.function)
	}
	return "in " + path.Base(f.object)
}

// shortFunction leaves the folders of a package's path and type parameters out.
func shortFunction(name string) string {
	if from, to := strings.IndexByte(name, '['), strings.LastIndexByte(name, ']'); from > 0 && to > from {
		name = name[:from] + "[…]" + name[to+1:]
	}
	folders := strings.LastIndex(beforeAny(name, "[("), "/") + 1
	return name[folders:]
}

// packagePath is the package of a Go function; "" when it is none.
func (f frame) packagePath() string {
	if !f.isGo {
		return ""
	}
	slash := strings.LastIndex(beforeAny(f.function, "[("), "/") + 1
	dot := strings.IndexByte(f.function[slash:], '.')
	if dot < 0 {
		return ""
	}
	return strings.ReplaceAll(f.function[:slash+dot], "%2e", ".")
}

func beforeAny(s, chars string) string {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return s[:i]
	}
	return s
}

const ownModule = "github.com/talkpath/talkpath/"

// owner is the group of a function that no rule knows: its Go package, when that is not of the standard library, or its library or program.
func (f frame) owner() string {
	name := f.packagePath()
	domain, _, _ := strings.Cut(name, "/")
	switch {
	case strings.HasPrefix(name, ownModule):
		return "package " + strings.TrimPrefix(name, ownModule)
	case strings.HasPrefix(name, "github.com/emiago/sipgo/sip"):
		return "SIP parser (sipgo)"
	case strings.Contains(domain, "."):
		return "package " + name
	case f.isGo:
		return ""
	}
	switch library := path.Base(f.object); {
	case f.object == unknownFunction:
		return ""
	case cryptoLibraries.MatchString(library):
		return groupCrypto
	case cLibraries.MatchString(library):
		return groupLibC
	case strings.Contains(library, ".so"):
		return "library " + library
	default:
		return "program " + library
	}
}
