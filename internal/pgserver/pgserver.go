// Package pgserver knows how to find PostgreSQL's programs and run a private
// server in a folder: a Unix socket only, no TCP, stopped with its parent.
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"joinery/internal/fault"
)

// Owner is the role that owns the schema and migrates; App is the role the
// running server signs in as.
const (
	Owner = "joinery"
	App   = "joinery_app"
)

// Config says where and how.
type Config struct {
	// Dir is the folder of this server; "data" and the socket live below it.
	Dir string
	// Bin holds initdb and postgres; empty looks for them.
	Bin string
	// Fast trades durability for speed (tests on a memory disk).
	Fast bool
	Log  *slog.Logger
}

// Server is a running private server.
type Server struct {
	cfg     Config
	bin     string
	data    string
	socket  string
	account *account
	lock    *os.File
	cmd     *exec.Cmd
	exited  <-chan struct{}
	adopted bool
}

// Start starts the server in the folder, or adopts the one that already runs
// there after its parent died. It waits until the server answers.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	bin, err := find(cfg.Bin)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	s := &Server{cfg: cfg, bin: bin, data: filepath.Join(dir, "data")}
	if s.account, err = serverAccount(); err != nil {
		return nil, err
	}
	if err := s.prepareFolders(dir); err != nil {
		return nil, err
	}
	if err := s.takeLock(dir); err != nil {
		return nil, err
	}
	if err := s.startOrAdopt(ctx); err != nil {
		s.unlock()
		return nil, err
	}
	return s, nil
}

func (s *Server) startOrAdopt(ctx context.Context) error {
	if err := s.initdb(ctx); err != nil {
		return err
	}
	deadline := time.Now().Add(20 * time.Second)
	var last error
	for time.Now().Before(deadline) && ctx.Err() == nil {
		if s.answers(ctx) {
			s.adopted = true
			return nil
		}
		if last = s.launch(ctx); last == nil {
			return nil
		}
		// A postmaster that was killed leaves its pid file and shared memory for a
		// moment; the next try finds them gone.
		time.Sleep(300 * time.Millisecond)
	}
	if last == nil {
		last = ctx.Err()
	}
	return fault.Wrap(fault.Unavailable, last, "The private PostgreSQL in %s does not start. Its log is %s.", s.data, s.logPath())
}

// URL is how a role reaches a database on this server.
func (s *Server) URL(role, database string) string {
	q := url.Values{"host": {s.socket}, "user": {role}, "sslmode": {"disable"}}
	return "postgres:///" + database + "?" + q.Encode()
}

// Dir is the folder the data lies in.
func (s *Server) Dir() string { return s.data }

// Stop shuts the server down and waits for it. An adopted server is stopped too.
func (s *Server) Stop(ctx context.Context) error {
	defer s.unlock()
	pid := s.pid()
	if s.cmd != nil {
		pid = s.cmd.Process.Pid
	}
	if pid <= 0 {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop private postgres: %w", err)
	}
	for {
		if s.gone(pid) {
			return nil
		}
		select {
		case <-ctx.Done():
			_ = syscall.Kill(pid, syscall.SIGQUIT)
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *Server) gone(pid int) bool {
	if s.exited != nil {
		select {
		case <-s.exited:
			return true
		default:
			return false
		}
	}
	return syscall.Kill(pid, 0) != nil
}

func (s *Server) pid() int {
	raw, err := os.ReadFile(filepath.Join(s.data, "postmaster.pid"))
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(strings.SplitN(string(raw), "\n", 2)[0]))
	return n
}

func (s *Server) logPath() string { return filepath.Join(filepath.Dir(s.data), "postgres.log") }

func (s *Server) initdb(ctx context.Context) error {
	if raw, err := os.ReadFile(filepath.Join(s.data, "PG_VERSION")); err == nil {
		return s.checkVersion(strings.TrimSpace(string(raw)))
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), "-D", s.data, "-U", Owner, "-A", "trust",
		"-E", "UTF8", "--locale=C", "--no-instructions", "--no-sync")
	s.account.apply(cmd)
	cmd.Dir = filepath.Dir(s.data)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fault.Wrap(fault.Internal, fmt.Errorf("%w: %s", err, out), "A private PostgreSQL could not be made in %s: %s", s.data, lastLine(out))
	}
	return nil
}

func (s *Server) checkVersion(have string) error {
	got, err := major(s.bin)
	if err != nil {
		return err
	}
	if got != "" && got != have {
		return fault.New(fault.Invalid, "The data in %s was written by PostgreSQL %s, but PostgreSQL %s is installed. Install version %s, or set JOINERY_PG_BIN to its programs, or dump and restore.",
			s.data, have, got, have)
	}
	return nil
}

// major asks the programs in a folder for their major version; "" when they do
// not say.
func major(bin string) (string, error) {
	out, err := exec.Command(filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask postgres for its version: %w", err)
	}
	fields := strings.Fields(string(out))
	if len(fields) < 3 {
		return "", nil
	}
	return strings.SplitN(fields[2], ".", 2)[0], nil
}

func (s *Server) launch(ctx context.Context) error {
	args := []string{"-D", s.data, "-k", s.socket, "-c", "listen_addresses=", "-c", "unix_socket_permissions=0700",
		"-c", "max_connections=200", "-c", "shared_buffers=128MB", "-c", "logging_collector=off", "-c", "log_checkpoints=off"}
	if s.cfg.Fast {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
			"-c", "shared_buffers=64MB", "-c", "max_wal_size=512MB")
	}
	logFile, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the server's log: %w", err)
	}
	defer logFile.Close()
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.data, logFile, logFile
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	s.account.apply(cmd)
	withParent(cmd)
	exited, err := startLocked(cmd)
	if err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	for ready := time.Now().Add(15 * time.Second); time.Now().Before(ready); {
		if s.answers(ctx) {
			s.cmd, s.exited = cmd, exited
			return nil
		}
		select {
		case <-exited:
			return errors.New("it ended at once: " + s.logTail())
		case <-ctx.Done():
			_ = cmd.Process.Signal(syscall.SIGINT)
			return ctx.Err()
		case <-time.After(15 * time.Millisecond):
		}
	}
	_ = cmd.Process.Signal(syscall.SIGINT)
	return errors.New("it does not answer")
}

func (s *Server) logTail() string {
	raw, _ := os.ReadFile(s.logPath())
	return lastLine(raw)
}

func lastLine(raw []byte) string {
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return lines[len(lines)-1]
}

func (s *Server) prepareFolders(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.Wrap(fault.Invalid, err, "The folder %s cannot be made: %v.", dir, err)
	}
	s.socket = socketDir(dir)
	if err := os.MkdirAll(s.socket, 0o700); err != nil {
		return fault.Wrap(fault.Invalid, err, "The socket folder %s cannot be made: %v.", s.socket, err)
	}
	return s.account.own(dir, s.socket)
}

// socketDir is where the server listens. A socket path longer than ~100 bytes is
// refused by the kernel.
func socketDir(dir string) string {
	socket := filepath.Join(dir, "socket")
	if len(socket) > 80 {
		socket = filepath.Join(os.TempDir(), fmt.Sprintf("joinery-%d-%x", os.Getuid(), shortHash(dir)))
	}
	return socket
}

func (s *Server) takeLock(dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the folder's lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return fault.New(fault.Conflict, "Another Joinery already uses %s. Stop it, or set JOINERY_DATA_DIR to another folder.", dir)
	}
	s.lock = f
	return nil
}

func (s *Server) unlock() {
	if s.lock != nil {
		s.lock.Close()
		s.lock = nil
	}
}

// DefaultDir is where a private server's data goes when nothing is configured.
// As root it may not lie under root's home: the unprivileged account that runs
// PostgreSQL could not enter it.
func DefaultDir(wanted string) string {
	abs, err := filepath.Abs(wanted)
	if err != nil || os.Geteuid() != 0 {
		return wanted
	}
	for p := filepath.Dir(abs); ; p = filepath.Dir(p) {
		if info, err := os.Stat(p); err == nil && info.Mode().Perm()&0o001 == 0 {
			return "/var/lib/joinery"
		}
		if p == filepath.Dir(p) {
			return abs
		}
	}
}

// account is who runs the server; nil for ourselves.
type account struct{ uid, gid uint32 }

func serverAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &account{uint32(uid), uint32(gid)}, nil
		}
	}
	return nil, fault.New(fault.Invalid, "PostgreSQL refuses to run as root and there is neither a postgres nor a nobody account. Run Joinery as an ordinary user.")
}

func (a *account) apply(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	// Ctrl-C must reach Joinery first, not the database under it.
	cmd.SysProcAttr.Setpgid = true
	if a != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
}

func (a *account) own(dir, socket string) error {
	if a == nil {
		return nil
	}
	for _, p := range []string{dir, socket} {
		if err := os.Chown(p, int(a.uid), int(a.gid)); err != nil {
			return fmt.Errorf("give %s to the database account: %w", p, err)
		}
	}
	return nil
}
