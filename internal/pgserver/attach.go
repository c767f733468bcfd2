package pgserver

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
)

// Attach gives the server that another process runs in the folder; ok is false
// when none answers there. An attached server is not stopped by us.
func Attach(ctx context.Context, cfg Config) (s *Server, ok bool) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, false
	}
	s = &Server{cfg: cfg, data: filepath.Join(dir, "data"), socket: socketDir(dir)}
	return s, s.answers(ctx)
}

// Held reports whether a living process holds the folder's lock.
func Held(dir string) bool {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0o600)
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil
}
