// Command bare has the shape of a worker and nothing else: it says hello, reads one
// order, answers and ends. What a governed call costs is measured beside it.
package main

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
)

func main() {
	write(map[string]any{"type": "hello", "hello": map[string]any{"build": "1"}})
	var head [4]byte
	if _, err := io.ReadFull(os.Stdin, head[:]); err != nil {
		return
	}
	raw := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(os.Stdin, raw); err != nil {
		return
	}
	var f struct {
		Nonce string
		Exec  struct{ Input json.RawMessage }
	}
	if json.Unmarshal(raw, &f) == nil {
		write(map[string]any{"type": "done", "nonce": f.Nonce, "done": map[string]any{"kind": "ok", "result": f.Exec.Input}})
	}
}

func write(v any) {
	raw, _ := json.Marshal(v)
	_, _ = os.Stdout.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(raw))), raw...))
}
