package faultproxy

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo answers each line with itself and counts what it got.
func echo(t *testing.T) (address string, got chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	got = make(chan string, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					got <- line
					if _, err := io.WriteString(c, line); err != nil {
						return
					}
				}
			}()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String(), got
}

func start(t *testing.T) (*Proxy, chan string) {
	t.Helper()
	address, got := echo(t)
	p, err := New("tcp", address)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p, got
}

// ask sends a line and gives the answer; an error when it is cut or late.
func ask(p *Proxy, line string, within time.Duration) (string, error) {
	c, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	return bufio.NewReader(c).ReadString('\n')
}

func TestProxy(t *testing.T) {
	p, got := start(t)
	answer, err := ask(p, "hello", time.Second)
	require.NoError(t, err)
	require.Equal(t, "hello\n", answer)
	require.Equal(t, "hello\n", <-got)

	p.Slow(20*time.Millisecond, 2)
	began := time.Now()
	answer, err = ask(p, "hello", 5*time.Second)
	require.NoError(t, err)
	require.Equal(t, "hello\n", answer)
	require.Greater(t, time.Since(began), 100*time.Millisecond, "three pieces there and three back")
	<-got
	p.Slow(0, 0)

	seen := func(word string, v Verdict) func(Chunk) Verdict {
		return func(c Chunk) Verdict {
			if c.ToServer && strings.Contains(string(c.Bytes), word) {
				return v
			}
			return Pass
		}
	}
	p.Judge(seen("cut", Cut))
	_, err = ask(p, "cut", time.Second)
	require.Error(t, err)
	require.Empty(t, got, "the server never got it")

	p.Judge(seen("lose", PassCut))
	_, err = ask(p, "lose", time.Second)
	require.Error(t, err)
	require.Equal(t, "lose\n", <-got, "the server got it, and its answer is lost")

	p.Judge(seen("gone", Swallow))
	_, err = ask(p, "gone", 100*time.Millisecond)
	require.ErrorContains(t, err, "timeout", "nobody is told")
	p.Judge(nil)

	p.Down()
	_, err = ask(p, "x", time.Second)
	require.Error(t, err)
	p.Up()
	_, err = ask(p, "x", time.Second)
	require.NoError(t, err)
	p.Mute()
	_, err = ask(p, "x", 100*time.Millisecond)
	require.ErrorContains(t, err, "timeout")
}
