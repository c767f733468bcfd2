package luavm

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/landlock-lsm/go-landlock/landlock"
	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// shutIn takes from this process what it does not need, before it sees any code.
// The order matters: each step needs what a later one takes.
func shutIn() []Layer {
	time.Sleep(time.Microsecond) // the runtime opens its poller, which needs a descriptor
	_ = yielding()               // without it others wait a little longer; nothing is less safe
	out := []Layer{{Name: layerProcess, Active: true}}
	out = append(out, layer(layerDump, unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)))
	out = append(out, layer(layerPrivs, noNewPrivileges()))
	out = append(out, layer(layerLandlock, landlocked()))
	out = append(out, layer(layerLimits, limited()))
	out = append(out, layer(layerMemory, memoryLimited()))
	out = append(out, layer(layerCalls, filtered()))
	os.Clearenv()
	return out
}

// niceness is how far function code stands back where others want the processor too: at
// 5 the server gets three quarters of it.
const niceness = 5

// far is how far it stands back once it has computed for long.
const far = 10

func yielding() error {
	// From Linux 6.12 on: others who wake up need not wait until a worker had its usual few milliseconds.
	short := unix.SchedAttr{Size: unix.SizeofSchedAttr, Nice: niceness, Runtime: uint64(100 * time.Microsecond)}
	_, _, _ = syscall.AllThreadsSyscall(unix.SYS_SCHED_SETATTR, 0, uintptr(unsafe.Pointer(&short)), 0)
	_, _, errno := syscall.AllThreadsSyscall(syscall.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, niceness)
	if errno == syscall.ENOTSUP {
		return unix.Setpriority(unix.PRIO_PROCESS, 0, niceness) // with cgo; threads that come later are as the one that makes them
	}
	if errno != 0 {
		return errno
	}
	// Where no container or service has a share of its own, Linux first shares the processor
	// among sessions, and a worker is one: then only this counts. Workers of a server that
	// runs as root may not, and Linux takes ten of these a second.
	f, err := os.OpenFile("/proc/self/autogroup", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strconv.Itoa(niceness))
	return errors.Join(err, f.Close())
}

// computed is the processor time that a process has taken, all threads together; false
// where it has ended. See clock_getcpuclockid(3) for the number of its clock.
func computed(pid int) (time.Duration, bool) {
	var at unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|2), &at)
	return time.Duration(at.Nano()), err == nil
}

// aside moves all threads of a worker off the first processor that this process may
// use, where there is another, and well behind everybody else on the rest: code that
// computes for long leaves one to the server and its database. On a busy machine it keeps
// a tenth, or a call that is only somewhat long would never end. Threads that come later
// are as the one that makes them.
func aside(pid int) {
	var all unix.CPUSet
	if unix.SchedGetaffinity(0, &all) != nil || all.Count() < 2 {
		return
	}
	for n := range len(all) * 64 {
		if all.IsSet(n) {
			all.Clear(n)
			break
		}
	}
	threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, t := range threads {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			// It may have ended by now; where it stays, others wait a little longer.
			_ = unix.SchedSetaffinity(id, &all)
			_ = unix.Setpriority(unix.PRIO_PROCESS, id, far)
		}
	}
}

func noNewPrivileges() error {
	_, _, errno := syscall.AllThreadsSyscall6(syscall.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	if errno == syscall.ENOTSUP {
		return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) // with cgo; seccomp spreads it to the other threads
	}
	if errno != 0 {
		return errno
	}
	return nil
}

func landlocked() error {
	if abi, err := llsys.LandlockGetABIVersion(); err != nil || abi < 1 {
		return errors.New("this kernel has no Landlock")
	}
	return landlock.V7.BestEffort().Restrict()
}

func limited() error {
	for _, l := range []struct {
		what  int
		limit uint64
	}{{unix.RLIMIT_CORE, 0}, {unix.RLIMIT_FSIZE, 0}, {unix.RLIMIT_MEMLOCK, 0}, {unix.RLIMIT_MSGQUEUE, 0}, {unix.RLIMIT_CPU, 10}, {unix.RLIMIT_NOFILE, 0}} {
		if err := unix.Prlimit(0, l.what, &unix.Rlimit{Cur: l.limit, Max: l.limit}, nil); err != nil {
			return err
		}
	}
	return nil
}

// memoryLimited bounds the data of the process, 256 MB: Go takes 64 MB at a time.
func memoryLimited() error {
	if raceDetector {
		return errors.New("the race detector needs more memory")
	}
	return unix.Prlimit(0, unix.RLIMIT_DATA, &unix.Rlimit{Cur: 256 << 20, Max: 256 << 20}, nil)
}

// computing are the system calls that Go's runtime needs to compute and to talk
// over pipes that are open. Everything else is refused.
var computing = [...]string{
	"read", "write", "close", "mmap", "munmap", "mprotect", "madvise", "futex", "sigaltstack", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
	"sched_yield", "sched_getaffinity", "nanosleep", "clock_nanosleep", "clock_gettime", "gettimeofday", "gettid", "getpid", "tgkill", "exit", "exit_group",
	"restart_syscall", "getrandom", "pread64", "epoll_pwait", "epoll_ctl", "mincore", "rseq", "set_robust_list", "getrusage", "fcntl",
}

// fatal are those that only an attack makes.
var fatal = [...]string{
	"execve", "execveat", "fork", "vfork", "creat", "socket", "connect", "bind", "sendto", "sendmsg", "ptrace", "process_vm_readv", "process_vm_writev",
	"mount", "unshare", "setns", "bpf", "io_uring_setup", "memfd_create", "userfaultfd", "perf_event_open", "pidfd_getfd", "keyctl", "add_key",
	"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "open_by_handle_at", "kill",
}

func filtered() error {
	info, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	known := func(names []string) (out []string) {
		for _, n := range names {
			if _, ok := info.SyscallNames[n]; ok {
				out = append(out, n)
			}
		}
		return out
	}
	return seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true, Flag: seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{DefaultAction: seccomp.ActionErrno, Syscalls: []seccomp.SyscallGroup{
			{Names: known(computing[:]), Action: seccomp.ActionAllow,
				NamesWithCondtions: []seccomp.NameWithConditions{{Name: "clone", Conditions: []seccomp.Condition{{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD}}}}},
			{Names: known(fatal[:]), Action: seccomp.ActionKillProcess},
			// The C library starts threads by clone3, and by clone where there is none: clone's flags can be judged.
			{Names: known([]string{"clone3"}), Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)},
		}},
	})
}

// apart starts workers as a user that owns nothing, where the server may, and in a session
// of their own: what they use is not counted against the server's.
func apart(attr *syscall.SysProcAttr) {
	if os.Geteuid() == 0 {
		attr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	attr.Setsid = true
}

// keepDescriptors keeps descriptors that this process got from whoever started it
// from being handed on to workers.
func keepDescriptors() { _ = unix.CloseRange(3, ^uint(0)>>32, unix.CLOSE_RANGE_CLOEXEC) }

// unpolled is a file that waits in the system instead of the runtime's poller.
func unpolled(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), f.Close()
}

// closedBySystem says whether the system ended a worker for a call that it may not make.
func closedBySystem(s *os.ProcessState) bool {
	w, ok := s.Sys().(syscall.WaitStatus)
	return ok && w.Signaled() && w.Signal() == syscall.SIGSYS
}

func outOfTime(s *os.ProcessState) bool {
	w, ok := s.Sys().(syscall.WaitStatus)
	return ok && w.Signaled() && w.Signal() == syscall.SIGXCPU
}

const self = "/proc/self/exe"
