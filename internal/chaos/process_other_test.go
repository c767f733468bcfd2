//go:build !linux

package chaos

import (
	"os/exec"
	"strconv"
)

// processState is the letter that ps gives a process; 0 when there is none.
func processState(pid int) byte {
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	if err != nil || len(out) == 0 {
		return 0
	}
	return out[0]
}
