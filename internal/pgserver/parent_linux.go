package pgserver

import (
	"os/exec"
	"syscall"
)

// withParent makes the kernel shut the server down cleanly when we die.
func withParent(cmd *exec.Cmd) { cmd.SysProcAttr.Pdeathsig = syscall.SIGINT }
