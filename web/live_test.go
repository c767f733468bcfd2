package web

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
)

func word(text string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

// A stream sends a part when it changes, says when it is over, and does not hold
// up the end of the server.
func TestLive_SendsChangesAndEnds(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	var state atomic.Int64
	app, err := k.server.App()
	require.NoError(t, err)
	app.Get("/thing/live", func(c *fiber.Ctx) error {
		return k.server.live(c, func(context.Context) (templ.Component, bool, error) {
			switch n := state.Load(); n {
			case 0:
				return word("<p>one\ntwo</p>"), false, nil
			default:
				return word("<p>three</p>"), n == 2, nil
			}
		})
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- app.Listener(ln) }()

	open := func() *bufio.Reader {
		resp, err := http.Get("http://" + ln.Addr().String() + "/thing/live")
		require.NoError(t, err)
		t.Cleanup(func() { _ = resp.Body.Close() })
		require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
		return bufio.NewReader(resp.Body)
	}
	event := func(r *bufio.Reader) string { return nextEvent(t, r) }
	r := open()
	require.Equal(t, "retry: 2000", event(r))
	require.Equal(t, "event: fragment|data: <p>one|data: two</p>", event(r))
	state.Store(1)
	require.Equal(t, "event: fragment|data: <p>three</p>", event(r))
	idle := open()
	require.Equal(t, "retry: 2000", event(idle))
	state.Store(2)
	require.Equal(t, "event: done|data: ", event(r))
	_, err = r.ReadByte()
	require.ErrorIs(t, err, io.EOF)

	k.server.stop.Do(func() { close(k.server.stopping) })
	require.NoError(t, app.ShutdownWithTimeout(pgtest.Hang), "an open stream must not hold up the end")
	require.NoError(t, <-ended)
}

// nextEvent is the next event of a stream, its lines joined.
func nextEvent(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	var lines []string
	for {
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		if line = strings.TrimSuffix(line, "\n"); line == "" {
			return strings.Join(lines, "|")
		}
		lines = append(lines, line)
	}
}
