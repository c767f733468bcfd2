package postgres

import (
	"bytes"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

// behind is how far the sessions of the hot path stand back behind those of pages.
const behind = 5

// standBack has a session of the hot path run after those that answer pages, where
// the server is on this machine and within our rights: one whose socket is a file,
// run by the same user, or Joinery by root. A shared commit works for a hundred runs,
// and a page would wait for its turn of the processor behind each. Elsewhere nothing
// changes.
func standBack(conn *pgx.Conn) {
	pid := int(conn.PgConn().PID())
	if server := peer(conn.PgConn().Conn()); server <= 1 || parent(pid) != server {
		return // a number of another machine, or of another container
	}
	now, err := unix.Getpriority(unix.PRIO_PROCESS, pid) // 20 less the niceness, see getpriority(2)
	if err == nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, pid, min(20-now+behind, 19))
	}
}

// peer is the process that listens at the other end of a socket that is a file, 0
// where it is none of ours to see, see unix(7).
func peer(conn net.Conn) int {
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return 0
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0
	}
	pid := 0
	err = raw.Control(func(fd uintptr) {
		if c, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(c.Pid)
		}
	})
	if err != nil {
		return 0
	}
	return pid
}

// parent is the process that started another, 0 where there is none.
func parent(pid int) int {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // the name before it may hold anything
	if len(fields) < 2 {
		return 0
	}
	n, _ := strconv.Atoi(fields[1])
	return n
}
