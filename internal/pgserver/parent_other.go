//go:build !linux

package pgserver

import "os/exec"

// withParent does nothing here: a server that outlives us is adopted at the next start.
func withParent(*exec.Cmd) {}
