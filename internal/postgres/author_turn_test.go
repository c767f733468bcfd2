package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
)

// A process that is gone loses its turn to another one, which goes on at the first stage
// that is not done; what the first one says afterwards changes nothing.
func TestR34_TurnGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	db, by := authoring(t, author.On)
	_, id, err := db.AskAuthor(t.Context(), by, postgres.Ask{Kind: author.Request, Text: "Say hello"})
	require.NoError(t, err)
	take(t, db, id)
	require.NoError(t, db.BeginStage(t.Context(), id, "p1", author.IntentStage))
	left, err := db.BeginCall(t.Context(), "p1", author.Call{Turn: id, Stage: author.IntentStage, User: by.UserID, Model: "small", Parameters: "{}", Body: "{}", AskedAt: time.Now()}, author.DefaultSetting().Limits)
	require.NoError(t, err)
	_, found, err := db.TakeTurn(t.Context(), "p2")
	require.NoError(t, err)
	require.False(t, found, "it is in hands")
	pgtest.Exec(t, db, `UPDATE author_turns SET beat_at = now() - interval '1 minute' WHERE id = $1`, id)
	turn, found, err := db.TakeTurn(t.Context(), "p2")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, author.IntentStage, turn.Next().Stage)
	err = db.EndStage(t.Context(), id, "p1", author.StageState{Stage: author.IntentStage, State: author.Done})
	require.True(t, fault.Is(err, fault.Conflict))
	ours, err := db.BeatTurn(t.Context(), id, "p1")
	require.NoError(t, err)
	require.False(t, ours)
	pgtest.Exec(t, db, `UPDATE author_turns SET beat_at = now() - interval '1 minute' WHERE id = $1`, id)
	_, _, err = db.TakeTurn(t.Context(), "p3")
	require.NoError(t, err)
	require.NoError(t, db.BeginStage(t.Context(), id, "p3", author.IntentStage))
	pgtest.Exec(t, db, `UPDATE author_turns SET beat_at = now() - interval '1 minute' WHERE id = $1`, id)
	_, found, err = db.TakeTurn(t.Context(), "p4")
	require.NoError(t, err)
	require.False(t, found, "after three tries a person decides")
	turn, err = db.AuthorTurn(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, author.Failed, turn.State)
	require.Equal(t, author.Interrupted, turn.Stages[0].Trouble.Kind)
	call, err := db.AuthorCall(t.Context(), left)
	require.NoError(t, err)
	require.Equal(t, string(author.Interrupted), call.Outcome)
	require.NoError(t, db.RetryTurn(t.Context(), by, id, ""))
	take(t, db, id)
}

// A provider that asks to wait puts the turn off, and it is not taken before.
func TestEndStage_PutsOff(t *testing.T) {
	t.Parallel()
	db, by := authoring(t, author.On)
	_, id, err := db.AskAuthor(t.Context(), by, postgres.Ask{Kind: author.Request, Text: "Say hello"})
	require.NoError(t, err)
	limited := func(in time.Duration) author.StageState {
		return author.StageState{Stage: author.IntentStage, State: author.Failed, Trouble: &author.Trouble{Kind: author.RateLimited, Says: "Wait.", RetryAt: time.Now().Add(in)}}
	}
	for range 5 {
		take(t, db, id)
		require.NoError(t, db.EndStage(t.Context(), id, "p1", limited(time.Minute)))
		_, found, err := db.TakeTurn(t.Context(), "p1")
		require.NoError(t, err)
		require.False(t, found)
		pgtest.Exec(t, db, `UPDATE author_turns SET due_at = now() - interval '1 second' WHERE id = $1`, id)
	}
	take(t, db, id)
	require.NoError(t, db.EndStage(t.Context(), id, "p1", limited(time.Minute)))
	turn, err := db.AuthorTurn(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, author.Failed, turn.State, "it waits five times at the most")
}

// Budgets are asked before anything goes out, also when many ask at once, and what went
// out cannot be rewritten (S-102).
func TestS102_BudgetsAndCallsAreKept(t *testing.T) {
	t.Parallel()
	db, by := authoring(t, author.On)
	_, id, err := db.AskAuthor(t.Context(), by, postgres.Ask{Kind: author.Request, Text: "Say hello"})
	require.NoError(t, err)
	take(t, db, id)
	limits := author.DefaultSetting().Limits
	limits.CallsPerDay = 3
	call := author.Call{Turn: id, Stage: author.IntentStage, User: by.UserID, Model: "small", Parameters: "{}", Body: `{"model":"small"}`, TokensIn: 10, AskedAt: time.Now()}
	var wait sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		wait.Go(func() { ids[i], _ = db.BeginCall(t.Context(), "p1", call, limits) })
	}
	wait.Wait()
	var begun []string
	for _, c := range ids {
		if c != "" {
			begun = append(begun, c)
		}
	}
	require.Len(t, begun, 3)
	_, err = db.BeginCall(t.Context(), "p1", call, limits)
	var trouble *author.Trouble
	require.ErrorAs(t, err, &trouble)
	require.Equal(t, author.Budget, trouble.Kind)
	done := call
	done.ID, done.Outcome, done.TokensIn, done.TokensOut, done.Answer = begun[0], author.OK, 25, 7, "hello\x00"
	require.NoError(t, db.EndCall(t.Context(), done))
	used, err := db.AuthorUsage(t.Context(), by.UserID)
	require.NoError(t, err)
	require.Equal(t, author.Usage{Calls: 3, TokensIn: 45, TokensOut: 7}, used)
	require.True(t, fault.Is(db.EndCall(t.Context(), done), fault.Forbidden), "an answer is written once")
	for _, sql := range []string{`UPDATE author_calls SET body = 'x' WHERE id = $1`, `DELETE FROM author_calls WHERE id = $1`} {
		require.Error(t, db.RawExec(t.Context(), sql, begun[1]))
	}
	kept, err := db.AuthorCalls(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, kept, 3)
	require.JSONEq(t, call.Body, kept[0].Body)
}

// One person cannot have so much under way that others wait.
func TestAskAuthor_FewAtATime(t *testing.T) {
	t.Parallel()
	db, by := authoring(t, author.On)
	for range 25 {
		_, _, err := db.AskAuthor(t.Context(), by, postgres.Ask{Kind: author.Request, Text: "Say hello"})
		require.NoError(t, err)
	}
	_, _, err := db.AskAuthor(t.Context(), by, postgres.Ask{Kind: author.Request, Text: "Say hello"})
	require.True(t, fault.Is(err, fault.TooMany))
	_, _, err = db.AskAuthor(t.Context(), person(t, db, "other@example.com", "builder"), postgres.Ask{Kind: author.Request, Text: "Say hello"})
	require.NoError(t, err)
}
