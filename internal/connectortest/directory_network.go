package connectortest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

// maxReplies is more than any connector needs for one ensure, sign-in included.
const maxReplies = 40

// lostReply loses every reply of a creation in turn. Whichever it was, the
// retry ends with one account that counts as created.
func (s suite) lostReply(t *testing.T) {
	link := NewLink(t, s.Target)
	lost := 0
	for n := 1; n <= maxReplies; n++ {
		dir, want := s.open(t, Options{Address: link.Addr}), s.want("nina.")
		link.CutReply(n)
		a, err := dir.EnsureAccount(ctx(t), want)
		cut := link.WasCut()
		link.CutReply(0)
		if err != nil {
			require.True(t, cut, "%v", err)
			require.True(t, fault.Is(err, fault.Unavailable), "reply %d: %v", n, err)
			lost++
			want.Attempted = true
			a, err = dir.EnsureAccount(ctx(t), want)
			require.NoError(t, err, "reply %d", n)
		}
		require.False(t, a.Existed, "reply %d", n)
		require.True(t, a.Enabled, "reply %d", n)
		got, ok, err := dir.FindAccount(ctx(t), connector.Lookup{Stamp: want.Stamp})
		require.NoError(t, err, "reply %d", n)
		require.True(t, ok)
		require.Equal(t, a.ID, got.ID)
		if !cut {
			require.Positive(t, lost, "no reply was ever lost")
			return
		}
	}
	t.Fatalf("still waiting after %d replies", maxReplies)
}

// lateFirstTry carries out what an earlier try had asked for while the retry is under
// way, beside each of its exchanges in turn: a busy server does what it was asked for
// after nobody waits for it any more. Whenever that is, it is our account.
func (s suite) lateFirstTry(t *testing.T) {
	link, earlier := NewLink(t, s.Target), s.open(t, Options{})
	for n := 1; n <= maxReplies; n++ {
		dir, want := s.open(t, Options{Address: link.Addr}), s.want("tara.")
		want.Attempted = true
		var late error
		landed := false
		link.Beside(n, func() {
			landed = true
			_, late = earlier.EnsureAccount(ctx(t), want)
		})
		a, err := dir.EnsureAccount(ctx(t), want)
		require.NoError(t, err, "the account came beside reply %d", n)
		if !landed {
			require.Greater(t, n, 2, "the account came too late each time")
			return
		}
		require.NoError(t, late)
		require.False(t, a.Existed, "reply %d", n)
		require.True(t, a.Enabled, "reply %d", n)
		got, ok, err := dir.FindAccount(ctx(t), connector.Lookup{Stamp: want.Stamp})
		require.NoError(t, err, "reply %d", n) // two would be a conflict
		require.True(t, ok)
		require.Equal(t, a.ID, got.ID)
	}
	t.Fatalf("still waiting after %d replies", maxReplies)
}

func (s suite) lostMembership(t *testing.T) {
	link := NewLink(t, s.Target)
	for n := 1; n <= maxReplies; n++ {
		dir, want := s.open(t, Options{Address: link.Addr}), s.want("olaf.")
		made, err := dir.EnsureAccount(ctx(t), want)
		require.NoError(t, err)
		link.CutReply(n)
		_, err = dir.EnsureMember(ctx(t), s.Group, made.ID)
		cut := link.WasCut()
		link.CutReply(0)
		if err != nil {
			require.True(t, cut, "%v", err)
			require.True(t, fault.Is(err, fault.Unavailable), "reply %d: %v", n, err)
			_, err = dir.EnsureMember(ctx(t), s.Group, made.ID)
			require.NoError(t, err, "reply %d", n)
		}
		got, _, err := dir.FindAccount(ctx(t), connector.Lookup{ID: made.ID})
		require.NoError(t, err)
		require.Equal(t, []string{s.Group}, got.Groups, "reply %d", n)
		if !cut {
			return
		}
	}
	t.Fatalf("still waiting after %d replies", maxReplies)
}

func (s suite) unreachable(t *testing.T) {
	port, err := freePort()
	require.NoError(t, err)
	conn := s.Open(t, Options{Address: hostPort(port)})
	_, err = conn.(connector.Directory).EnsureAccount(ctx(t), s.want("paul."))
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.Contains(t, fault.Sentence(err), "nothing listens there")
	findings := conn.Test(ctx(t))
	require.NotEmpty(t, findings)
	last := findings[len(findings)-1]
	require.False(t, last.OK)
	require.Equal(t, "Connect", last.Title)
}

func (s suite) wrongPassword(t *testing.T) {
	conn := s.Open(t, Options{Password: "wrong-password"})
	_, err := conn.(connector.Directory).EnsureAccount(ctx(t), s.want("quinn."))
	require.Error(t, err)
	require.False(t, fault.Is(err, fault.Unavailable), "waiting does not mend a wrong password: %v", err)
	require.False(t, fault.Is(err, fault.Internal), "%v", err)
	require.NotContains(t, err.Error(), "wrong-password")
	findings := conn.Test(ctx(t))
	last := findings[len(findings)-1]
	require.False(t, last.OK)
	require.Equal(t, "Sign in", last.Title)
}

func (s suite) cancelled(t *testing.T) {
	dir, want := s.open(t, Options{}), s.want("rosa.")
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := dir.EnsureAccount(stopped, want)
	require.Error(t, err)
	require.NotEqual(t, fault.Internal, fault.KindOf(err), "%v", err)
	made, err := dir.EnsureAccount(ctx(t), want)
	require.NoError(t, err, "the connection must work on")
	require.False(t, made.Existed)
}

func (s suite) silent(t *testing.T) {
	link := NewLink(t, s.Target)
	dir := s.open(t, Options{Address: link.Addr, Timeout: time.Second})
	made, err := dir.EnsureAccount(ctx(t), s.want("sven."))
	require.NoError(t, err)
	link.Mute(true)
	start := time.Now()
	_, _, err = dir.FindAccount(ctx(t), connector.Lookup{ID: made.ID})
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.Less(t, time.Since(start), 10*time.Second)
	link.Mute(false)
	_, ok, err := dir.FindAccount(ctx(t), connector.Lookup{ID: made.ID})
	require.NoError(t, err, "the connection must recover")
	require.True(t, ok)
}

func (s suite) testConnection(t *testing.T) {
	findings := s.Open(t, Options{}).Test(ctx(t))
	require.NotEmpty(t, findings)
	for _, f := range findings {
		require.True(t, f.OK, "%s: %s", f.Title, f.Detail)
		require.NotEmpty(t, f.Detail)
	}
}
