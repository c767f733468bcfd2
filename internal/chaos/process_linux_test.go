package chaos

import (
	"bytes"
	"fmt"
	"os"
)

// processState is the letter that the kernel gives a process; 0 when there is none.
func processState(pid int) byte {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(raw, []byte(") "))
	if len(rest) == 0 {
		return 0
	}
	return rest[0]
}
