package pgserver

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// answers reports whether a server accepts sessions on the socket: it asks for
// TLS, which PostgreSQL answers with one byte as soon as it takes connections,
// then checks that a start-up is not refused with "starting up" by connecting.
func (s *Server) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", filepath.Join(s.socket, ".s.PGSQL.5432"))
	if err != nil {
		return false
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	if _, err := conn.Write(startup(Owner, "postgres")); err != nil {
		return false
	}
	answer := make([]byte, 1)
	if _, err := conn.Read(answer); err != nil {
		return false
	}
	// 'R' is an authentication answer; 'E' says it is starting up or going down.
	return answer[0] == 'R'
}

// startup builds a StartupMessage (PostgreSQL protocol 3.0).
func startup(user, database string) []byte {
	body := []byte{0, 3, 0, 0}
	for _, text := range []string{"user", user, "database", database} {
		body = append(append(body, text...), 0)
	}
	body = append(body, 0)
	n := len(body) + 4
	return append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, body...)
}

// startLocked starts the command on a thread that stays until it ends: the
// parent-death signal follows the thread that started the child.
func startLocked(cmd *exec.Cmd) (<-chan struct{}, error) {
	started, exited := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(exited)
	}()
	return exited, <-started
}
