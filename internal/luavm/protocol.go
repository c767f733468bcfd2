package luavm

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxFrame bounds a frame in both directions, in bytes.
const maxFrame = 1 << 20

// A frame is a length (4 bytes, big-endian) and JSON, or what packed.go makes of
// call and ret. The host sends exec and then ret for every call; the worker sends
// hello, then call and log, then done, once. Every frame bears the nonce of its call.
type frame struct {
	Type  string `json:"type"`
	Nonce string `json:"nonce,omitempty"`

	Hello *hello      `json:"hello,omitempty"`
	Exec  *order      `json:"exec,omitempty"`
	Call  *hostCall   `json:"-"`
	Ret   *hostReturn `json:"-"`
	Log   *Line       `json:"log,omitempty"`
	Done  *done       `json:"done,omitempty"`
}

const (
	frameHello = "hello"
	frameExec  = "exec"
	frameCall  = "call"
	frameRet   = "ret"
	frameLog   = "log"
	frameDone  = "done"
)

type hello struct {
	Build  string  `json:"build"`
	Layers []Layer `json:"layers"`
}

// order is what a worker is to do; a worker does one thing and ends.
type order struct {
	Mode   string          `json:"mode"`
	Source string          `json:"source"`
	Input  json.RawMessage `json:"input,omitempty"`
	Now    string          `json:"now,omitempty"` // RFC 3339
	Seed   string          `json:"seed,omitempty"`
	RunID  string          `json:"run,omitempty"`
	DryRun bool            `json:"dry_run,omitempty"`
	Limits Limits          `json:"limits"`
	Host   []string        `json:"host,omitempty"` // host functions that are granted
	Cover  bool            `json:"cover,omitempty"`
	Mutant int             `json:"mutant,omitempty"`
}

// What a worker may be told to do.
const (
	modeRun   = "run"
	modeCheck = "check" // read the source, not run it
)

type hostCall struct {
	ID   int
	Name string
	Args json.RawMessage // JSON only where the worker is honest
	Line int
}

type hostReturn struct {
	ID    int
	OK    json.RawMessage
	Fault *HostFault
}

// HostFault is why the host did not answer a call.
type HostFault struct {
	Code      string `json:"code"` // denied, invalid, not_found, unavailable
	Message   string `json:"message"`
	Retryable bool   `json:"retryable,omitempty"`
}

// Line is a line that the code logged.
type Line struct {
	Level   string          `json:"level"`
	Message string          `json:"message"`
	Fields  json.RawMessage `json:"fields,omitempty"`
	Line    int             `json:"line,omitempty"`
}

// Entry is something that the code wants done after it has ended.
type Entry struct {
	Do   string          `json:"do"`
	Args json.RawMessage `json:"args,omitempty"`
	Line int             `json:"line,omitempty"`
}

type done struct {
	Kind    Kind            `json:"kind"`
	Result  json.RawMessage `json:"result,omitempty"`
	Plan    []Entry         `json:"plan,omitempty"`
	Code    string          `json:"code,omitempty"` // of fail and skip
	Message string          `json:"message,omitempty"`
	Line    int             `json:"line,omitempty"`
	Steps   int64           `json:"steps"`
	Peak    int64           `json:"peak,omitempty"` // bytes
	Covered []int           `json:"covered,omitempty"`
	Lines   []int           `json:"lines,omitempty"` // that hold code
	Check   *Analysis       `json:"check,omitempty"`
}

var errFrame = errors.New("the worker broke the protocol")

func writeFrame(w io.Writer, f frame) error {
	_, err := sendFrame(w, f, make([]byte, 0, 256))
	return err
}

// sendFrame writes a frame by way of room, and gives room back for the next one.
func sendFrame(w io.Writer, f frame, room []byte) ([]byte, error) {
	out := append(room[:0], 0, 0, 0, 0)
	switch {
	case f.Call != nil:
		out = appendCall(out, f.Nonce, *f.Call)
	case f.Ret != nil:
		out = appendReturn(out, f.Nonce, *f.Ret)
	default:
		raw, err := json.Marshal(f)
		if err != nil {
			return room, fmt.Errorf("write frame: %w", err)
		}
		out = append(out, raw...)
	}
	n := len(out) - 4
	if n > maxFrame {
		return room, fmt.Errorf("write frame: %d bytes: %w", n, errFrame)
	}
	binary.BigEndian.PutUint32(out, uint32(n))
	_, err := w.Write(out)
	return out, err
}

// readFrame checks the length before it makes room for it.
func readFrame(r io.Reader) (frame, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > maxFrame {
		return frame{}, fmt.Errorf("a frame of %d bytes: %w", n, errFrame)
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(r, raw); err != nil {
		return frame{}, err
	}
	switch raw[0] {
	case packedCall:
		return readCall(raw[1:])
	case packedReturn:
		return readReturn(raw[1:])
	}
	var f frame
	if err := json.Unmarshal(raw, &f); err != nil || f.Type == frameCall || f.Type == frameRet {
		return frame{}, fmt.Errorf("a frame that cannot be read: %w", errFrame)
	}
	return f, nil
}
