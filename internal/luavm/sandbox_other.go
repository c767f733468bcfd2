//go:build !linux

package luavm

import (
	"errors"
	"os"
	"syscall"
)

// shutIn gives the limits that every Unix has. Nothing here takes system calls
// away, so the level stays reduced.
func shutIn() []Layer {
	out := []Layer{{Name: layerProcess, Active: true}}
	limits := func() error {
		for _, what := range []int{syscall.RLIMIT_CORE, syscall.RLIMIT_FSIZE, syscall.RLIMIT_NOFILE} {
			if err := syscall.Setrlimit(what, &syscall.Rlimit{}); err != nil {
				return err
			}
		}
		return syscall.Setrlimit(syscall.RLIMIT_CPU, &syscall.Rlimit{Cur: 10, Max: 10})
	}
	out = append(out, layer(layerLimits, limits()))
	missing := errors.New("this system has none")
	for _, name := range []string{layerDump, layerPrivs, layerLandlock, layerMemory, layerCalls} {
		out = append(out, layer(name, missing))
	}
	os.Clearenv()
	return out
}

func apart(attr *syscall.SysProcAttr) { attr.Setsid = true }

func aside(int) {}

func computed(int) (time.Duration, bool) { return 0, false }

func keepDescriptors() {}

func closedBySystem(*os.ProcessState) bool { return false }

func unpolled(f *os.File) (*os.File, error) { return f, nil }

func outOfTime(s *os.ProcessState) bool {
	w, ok := s.Sys().(syscall.WaitStatus)
	return ok && w.Signaled() && w.Signal() == syscall.SIGXCPU
}

const self = ""
