package mail_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
	"joinery/internal/mail"
)

// server is a real SMTP server (aiosmtpd) that prints each message it takes and
// refuses what the test asks it to.
const server = `
import asyncio, sys, json
from aiosmtpd.controller import Controller
class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("busy"): return "451 come back later"
        if address.startswith("gone"): return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"
    async def handle_DATA(self, server, session, envelope):
        print(json.dumps({"to": envelope.rcpt_tos, "data": envelope.content.decode("utf-8", "replace")}), flush=True)
        return "250 taken"
c = Controller(Handler(), hostname="127.0.0.1", port=int(sys.argv[1]), enable_SMTPUTF8=True)
c.start()
print("ready", flush=True)
sys.stdin.read()
`

func start(t *testing.T) (port int, out *bufio.Scanner) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs an SMTP server")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port = l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	file := filepath.Join(t.TempDir(), "server.py")
	require.NoError(t, os.WriteFile(file, []byte(server), 0o600))
	cmd := exec.Command(python(t), file, fmt.Sprint(port))
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start(), "this test needs python3 with aiosmtpd (make test installs it)")
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	out = bufio.NewScanner(stdout)
	require.True(t, out.Scan(), "this test needs python3 with aiosmtpd (make test installs it)")
	require.Equal(t, "ready", out.Text())
	return port, out
}

// python finds an interpreter that has the SMTP server.
func python(t *testing.T) string {
	for _, p := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(p, "-c", "import aiosmtpd").Run() == nil {
			return p
		}
	}
	t.Fatal("this test needs python3 with aiosmtpd (make test installs it)")
	return ""
}

func TestS83_Send(t *testing.T) {
	t.Parallel()
	port, out := start(t)
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	s, err := mail.New(fmt.Sprintf("smtp://127.0.0.1:%d?from=joinery@x.example", port), func() time.Time { return now })
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, s.Send(ctx, mail.Message{ID: "k1", To: []string{"it@x.example"}, Cc: []string{"hr@x.example"}, Subject: "Zoë is there", Text: "Grüße\n.\nend"}))
	require.True(t, out.Scan())
	got := out.Text()
	require.Contains(t, got, `"it@x.example", "hr@x.example"`)
	require.Contains(t, got, "Message-ID: <k1@x.example>")
	require.Contains(t, got, "25 Nov 2026 09:00:00")
	require.Contains(t, got, "Gr=C3=BC=C3=9Fe")

	err = s.Send(ctx, mail.Message{ID: "k2", To: []string{"busy@x.example"}, Subject: "x", Text: "x"})
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	err = s.Send(ctx, mail.Message{ID: "k3", To: []string{"gone@x.example"}, Subject: "x", Text: "x"})
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	err = s.Send(ctx, mail.Message{ID: "k4", To: []string{"it@x.example"}, Subject: "x\r\nBcc: eve@x.example", Text: "x"})
	require.True(t, fault.Is(err, fault.Invalid))
	err = s.Send(ctx, mail.Message{ID: "k5", To: []string{"it@x.example\r\nBcc: eve@x.example"}, Subject: "x", Text: "x"})
	require.True(t, fault.Is(err, fault.Invalid))
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	s, err := mail.New("smtp://127.0.0.1:1?tls=none", time.Now)
	require.NoError(t, err)
	require.True(t, fault.Is(s.Send(t.Context(), mail.Message{ID: "k", To: []string{"a@x.example"}, Subject: "x"}), fault.Unavailable))
	for _, bad := range []string{"", "http://x", "smtp://", "smtp://h:99999999", "smtp://h?tls=perhaps", "smtp://u:canary-pw@h:99999999", "smtp://u:canary-pw@h:x", "smtp://u:canary-pw%zz@h", "http://u:canary-pw@h"} {
		_, err := mail.New(bad, time.Now)
		require.True(t, fault.Is(err, fault.Invalid), bad)
		require.NotContains(t, err.Error(), "canary-pw", "S-56: the password of the mail server is not repeated")
	}
}
