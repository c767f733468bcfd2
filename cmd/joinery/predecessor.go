package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"joinery/internal/postgres"
)

// predecessor lets a process that starts again go on at once with the runs that
// the one before it had in hand when it was killed. The file in the data folder
// names who carries runs from here; its lock ends with that process, so whoever
// gets the lock knows that the one named is dead, and need not wait for its leases.
// Without the lock (several processes share the folder) everything is as without
// the file.
type predecessor struct{ file *os.File }

// succeed gives back the runs of the one before and puts owner into its place.
func succeed(ctx context.Context, dir, owner string, db *postgres.DB) (*predecessor, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "engine"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(f.Close())
	}
	raw, err := io.ReadAll(io.LimitReader(f, 1000))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if before := strings.TrimSpace(string(raw)); before != "" {
		if err := db.ReleaseRuns(ctx, before); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.WriteAt([]byte(owner+"\n"), 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &predecessor{f}, nil
}

func (p *predecessor) close() {
	if p != nil {
		_ = p.file.Close()
	}
}
