package connectortest

import (
	"os/exec"
	"syscall"
)

// dieWithParent lets the system end a server whose test was killed.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
