// Command joinery-worker is what the workers for function code start from: the
// governed runtime and nothing else of Joinery, so that a worker starts in a sixth
// of the time that the whole program takes. `make build` puts it beside joinery,
// which knows it by its hash and does without it where it is not there.
package main

import (
	"os"

	"joinery/internal/luavm"
)

func main() { os.Exit(luavm.Serve()) }
