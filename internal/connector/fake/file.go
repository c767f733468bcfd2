package fake

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// update changes a JSON file under a lock that other processes respect.
func update[T any](path string, change func(T) T) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open fake state: %w", err)
	}
	defer f.Close()
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("lock fake state: %w", err)
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("read fake state: %w", err)
	}
	var v T
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &v); err != nil {
			return fmt.Errorf("read fake state: %w", err)
		}
	}
	out, err := json.Marshal(change(v))
	if err != nil {
		return fmt.Errorf("write fake state: %w", err)
	}
	// One write at the front, then the length: a process that is killed between
	// the two leaves trailing text, so pad with spaces instead of cutting first.
	for len(out) < len(raw) {
		out = append(out, ' ')
	}
	if _, err := f.WriteAt(out, 0); err != nil {
		return fmt.Errorf("write fake state: %w", err)
	}
	return nil
}

// look reads a JSON file under a lock that others may read under too.
func look[T any](path string) (v T, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return v, fmt.Errorf("open fake state: %w", err)
	}
	defer f.Close()
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_SH); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return v, fmt.Errorf("lock fake state: %w", err)
	}
	raw, err := io.ReadAll(f)
	if err != nil || len(raw) == 0 {
		return v, err
	}
	return v, json.Unmarshal(raw, &v)
}
