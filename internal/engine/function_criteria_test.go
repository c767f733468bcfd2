package engine_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/engine"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/run"
	"joinery/internal/secret"
)

// A simulated run with a function calls nothing that changes anything and lists what
// the real one then does.
func TestR37_FunctionsInASimulatedRun(t *testing.T) {
	t.Parallel()
	h := open(t)
	pool := h.functions()
	h.live(review.Function, "place", functionOf(t, pool, h))
	h.live(review.Flow, "join", functionFlow)
	h.start()
	h.person("9", map[string]any{"last_name": "Boss"})
	h.person("1", map[string]any{"manager_id": "9"})
	changes := func(d postgres.RunDetail, planned bool) (out []string) {
		for _, s := range d.Steps {
			var cs []engine.Change
			require.NoError(t, json.Unmarshal(s.Changes, &cs))
			for _, c := range cs {
				require.Equal(t, planned, c.Planned, "%+v", c)
				out = append(out, c.Operation+" "+strings.Replace(c.Target, "a1", "lovelace1", 1)) // its id, which nobody knew before
			}
		}
		return out
	}
	before := h.state()
	_, err := h.db.StartRun(t.Context(), ben, "join", "1", run.Simulate)
	require.NoError(t, err)
	foreseen := changes(h.until(run.Succeeded), true)
	after := h.state()
	before.Reads, after.Reads = 0, 0
	require.Equal(t, before, after, "nothing changed anywhere")
	require.Len(t, foreseen, 3)

	h.event("hired-1", "worker.hired", "1")
	h.settles(func() bool { r := h.runs()[0]; return r.Mode == run.Live && r.State == run.Succeeded })
	d, err := h.db.RunDetail(t.Context(), string(h.runs()[0].ID))
	require.NoError(t, err)
	require.Equal(t, foreseen, changes(d, false))
}

// echoing says of every type that it has a credential called token.
type echoing struct{ connector.Catalog }

func (c echoing) Type(kind string) (connector.Type, bool) {
	t, ok := c.Catalog.Type(kind)
	return withToken{t}, ok
}

type withToken struct{ connector.Type }

func (t withToken) Info() connector.Info {
	i := t.Type.Info()
	i.Credentials = []connector.CredentialSpec{{Name: "token"}}
	return i
}

// Code never sees a credential of a connection, also when its system sends it back.
func TestS61_CodeSeesNoCredential(t *testing.T) {
	t.Parallel()
	h := open(t)
	pool := h.functions()
	const token = `tok"en-canary-4711`
	h.e.Pool.Catalog = echoing{h.e.Pool.Catalog}
	h.e.Pool.Secret = func(context.Context, string, string) (secret.Value, error) { return secret.New(token), nil }
	h.live(review.Function, "place", functionOf(t, pool, h))
	h.live(review.Flow, "join", functionFlow)
	h.start()
	b64 := base64.StdEncoding.EncodeToString
	h.person("9", map[string]any{"last_name": strings.Join([]string{"Boss", token, b64([]byte(token)), "Basic", b64([]byte("joinery:" + token + "!")), base64.RawURLEncoding.EncodeToString([]byte("x" + token)), url.QueryEscape(token)}, " ")})
	h.hire("1", map[string]any{"manager_id": "9"})
	h.until(run.Succeeded)
	id, _ := h.groupsOf("hr:1")
	title, _ := h.state().Accounts[id].Attributes["title"].(string)
	dots := secret.Value{}.String()
	require.Equal(t, strings.Join([]string{"Reports to Boss", dots, dots, "Basic", dots, dots, dots}, " "), title)
}

// What is submitted is examined by the engine, and what that showed is of its content.
func TestExamination_IsCarriedByTheEngine(t *testing.T) {
	t.Parallel()
	h := open(t)
	pool := h.functions()
	text := functionOf(t, pool, h)
	h.live(review.Function, "place", text)
	h.start()
	doc, err := h.db2().ReadText(review.Function, "place", []byte(text))
	require.NoError(t, err)
	var e postgres.Examination
	for deadline := time.Now().Add(2 * time.Minute); e.State != postgres.ExaminationDone; time.Sleep(50 * time.Millisecond) {
		e, _, err = h.db.Examination(t.Context(), doc.Hash)
		require.NoError(t, err)
		require.NotEqual(t, postgres.ExaminationFailed, e.State, e.Error)
		require.True(t, time.Now().Before(deadline), e.State)
	}
	require.Len(t, e.Report.Cases, 2)
	require.Equal(t, 2, e.Report.Passed())
	require.Empty(t, e.Report.Unused())
	require.Positive(t, e.Report.Tried)
	require.NotEmpty(t, e.Report.Survivors, "nobody tests what happens without a group")
}
