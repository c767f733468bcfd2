package luavm

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// held is the path by which an open program is started. A child arranges its three
// descriptors just above the highest of them before it starts the program; this one
// must lie where that does not reach.
func held(path string, f *os.File) (string, *os.File, error) {
	defer f.Close()
	for _, least := range []int{960, 200, 64} {
		if fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, least); err == nil {
			return fmt.Sprintf("/proc/self/fd/%d", fd), os.NewFile(uintptr(fd), path), nil
		}
	}
	return "", nil, fmt.Errorf("no descriptor is left for %s", path)
}
