package postgres_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/function"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/secret"
)

// authoring gives a database where a model is set up, and who asks.
func authoring(t *testing.T, policy author.Policy) (*postgres.DB, auth.Actor) {
	t.Helper()
	db := pgtest.New(t)
	s := author.DefaultSetting()
	s.Policy, s.BaseURL, s.Model = policy, "https://model.example/v1", "small"
	require.NoError(t, db.SaveAuthorSetting(t.Context(), dora, s))
	return db, person(t, db, "asker@example.com", auth.Builder)
}

func person(t *testing.T, db *postgres.DB, mail string, roles ...auth.Role) auth.Actor {
	t.Helper()
	u, err := db.AddUser(t.Context(), dora, auth.NewHasher(2), postgres.NewUser{Email: mail, Name: "Somebody", Password: "correct horse battery 1", Roles: roles})
	require.NoError(t, err)
	return u.Actor()
}

var (
	written = function.Content{Key: "greeting", Name: "Greeting", Source: `return function(input) return {text = "hello"} end`,
		Cases: []function.Case{{Name: "always", Output: map[string]any{"text": "hello"}}}}
	meant = author.Intent{Key: "greeting", Name: "Greeting", Outputs: []author.Value{{Name: "text", Type: "text", Means: "what to say"}}}
)

// drafted brings a conversation to its draft.
func drafted(t *testing.T, db *postgres.DB, by auth.Actor, c function.Content, gaps ...author.Gap) (author.ConversationID, author.Draft) {
	t.Helper()
	conversation, id, err := db.AskAuthor(t.Context(), by, postgres.Ask{Kind: author.Request, Text: "Say hello"})
	require.NoError(t, err)
	return conversation, draftOf(t, db, by, id, c, gaps...)
}

func draftOf(t *testing.T, db *postgres.DB, by auth.Actor, id author.TurnID, c function.Content, gaps ...author.Gap) author.Draft {
	t.Helper()
	take(t, db, id)
	end(t, db, id, author.IntentStage, author.NeedsYou, meant)
	require.NoError(t, db.ConfirmIntent(t.Context(), by, id, meant))
	take(t, db, id)
	for _, s := range []author.Stage{author.TestsStage, author.CodeStage, author.ChecksStage} {
		end(t, db, id, s, author.Done, struct{}{})
	}
	d, err := db.SaveDraft(t.Context(), id, "p1", c, "small", gaps)
	require.NoError(t, err)
	end(t, db, id, author.DraftStage, author.Done, d)
	return d
}

func take(t *testing.T, db *postgres.DB, id author.TurnID) {
	t.Helper()
	got, found, err := db.TakeTurn(t.Context(), "p1")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, id, got.ID)
}

func end(t *testing.T, db *postgres.DB, id author.TurnID, s author.Stage, state author.State, result any) {
	t.Helper()
	raw, err := json.Marshal(result)
	require.NoError(t, err)
	require.NoError(t, db.BeginStage(t.Context(), id, "p1", s))
	require.NoError(t, db.EndStage(t.Context(), id, "p1", author.StageState{Stage: s, State: state, Result: raw, Said: "zero\x00byte"}))
}

// A draft is a revision that the owner wrote, bound to the conversation and the model;
// the model is no actor anywhere (S-100).
func TestS100_DraftIsTheOwnersAndBound(t *testing.T) {
	t.Parallel()
	db, by := authoring(t, author.On)
	conversation, d := drafted(t, db, by, written)
	require.Equal(t, author.Draft{Function: "greeting", Revision: 1, Hash: d.Hash, New: true, Gaps: []author.Gap{}}, d)
	rev, err := db.Revision(t.Context(), review.Function, "greeting", 1)
	require.NoError(t, err)
	require.Equal(t, by.UserID, rev.AuthorID)
	require.Equal(t, postgres.ViaAuthor, rev.Via)
	b, found, err := db.AuthorBinding(t.Context(), d.Hash)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, conversation, b.Conversation)
	require.Equal(t, "small", b.Model)
	c, turns, err := db.AuthorConversation(t.Context(), conversation)
	require.NoError(t, err)
	require.Equal(t, "greeting", c.Function)
	require.Equal(t, author.Done, turns[0].State)

	users, err := db.Users(t.Context())
	require.NoError(t, err)
	require.Len(t, users, 1, "the model is no user")

	// The next turn begins with what was saved, and the same turn saves once.
	_, next, err := db.AskAuthor(t.Context(), by, postgres.Ask{Conversation: conversation, Kind: author.Request, Text: "Say hello twice"})
	require.NoError(t, err)
	turn, err := db.AuthorTurn(t.Context(), next)
	require.NoError(t, err)
	require.Equal(t, author.FollowUp, turn.Kind)
	require.Equal(t, 1, turn.BaseRevision)
	_, _, err = db.AskAuthor(t.Context(), by, postgres.Ask{Conversation: conversation, Kind: author.FollowUp, Text: "And thrice"})
	require.True(t, fault.Is(err, fault.Conflict), "one thing at a time")
	_, _, err = db.AskAuthor(t.Context(), person(t, db, "other@example.com", auth.Builder), postgres.Ask{Conversation: conversation, Kind: author.FollowUp, Text: "Mine"})
	require.True(t, fault.Is(err, fault.Forbidden), "a conversation is its owner's")
}

// Who may not write functions asks for none, and a model that is off or not set up is not asked.
func TestAskAuthor_Refused(t *testing.T) {
	t.Parallel()
	db, by := authoring(t, author.Off)
	_, _, err := db.AskAuthor(t.Context(), by, postgres.Ask{Kind: author.Request, Text: "Say hello"})
	require.ErrorContains(t, err, "switched off")
	s, err := db.AuthorSetting(t.Context())
	require.NoError(t, err)
	s.Policy = author.On
	require.True(t, fault.Is(db.SaveAuthorSetting(t.Context(), by, s), fault.Forbidden), "an administrator decides")
	require.NoError(t, db.SaveAuthorSetting(t.Context(), dora, s))
	_, _, err = db.AskAuthor(t.Context(), ben, postgres.Ask{Kind: author.Request, Text: "Say hello"})
	require.True(t, fault.Is(err, fault.Forbidden))
	_, _, err = db.AskAuthor(t.Context(), by, postgres.Ask{Kind: author.Why, Text: "Why?"})
	require.ErrorContains(t, err, "no function yet")
	_, _, err = db.AskAuthor(t.Context(), by, postgres.Ask{Kind: author.Explain, Function: "none", Text: "What?"})
	require.True(t, fault.Is(err, fault.NotFound))
}

// A permission that was taken away meanwhile, or a policy that was switched off, keeps
// the draft from being saved.
func TestSaveDraft_ByTheOwnersPermissionOnly(t *testing.T) {
	t.Parallel()
	db, by := authoring(t, author.On)
	_, id, err := db.AskAuthor(t.Context(), by, postgres.Ask{Kind: author.Request, Text: "Say hello"})
	require.NoError(t, err)
	take(t, db, id)
	_, err = db.SaveDraft(t.Context(), id, "p2", written, "small", nil)
	require.True(t, fault.Is(err, fault.Conflict), "only who carries it saves")
	pgtest.Exec(t, db, `UPDATE users SET roles = '{viewer}' WHERE id = $1`, by.UserID)
	_, err = db.SaveDraft(t.Context(), id, "p1", written, "small", nil)
	require.True(t, fault.Is(err, fault.Forbidden))
	pgtest.Exec(t, db, `UPDATE users SET roles = '{builder}', active = false WHERE id = $1`, by.UserID)
	_, err = db.SaveDraft(t.Context(), id, "p1", written, "small", nil)
	require.True(t, fault.Is(err, fault.Forbidden))
	_, err = db.Revision(t.Context(), review.Function, "greeting", 1)
	require.True(t, fault.Is(err, fault.NotFound))
}

// A process that is gone loses its turn to another one, which goes on at the first stage
// that is not done; what the first one says afterwards changes nothing.
func TestR34_TurnGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	db, by := authoring(t, author.On)
	_, id, err := db.AskAuthor(t.Context(), by, postgres.Ask{Kind: author.Request, Text: "Say hello"})
	require.NoError(t, err)
	take(t, db, id)
	require.NoError(t, db.BeginStage(t.Context(), id, "p1", author.IntentStage))
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

// The key of the model is sealed in the inventory, goes to the address it was set for
// only, and its place is no connection's (S-103).
func TestS103_KeyStaysWithItsAddress(t *testing.T) {
	t.Parallel()
	db, _ := authoring(t, author.On)
	owner := person(t, db, "owner@example.com", auth.Admin)
	setKey := func(value string) {
		_, err := db.SetCredential(t.Context(), owner, postgres.NewCredential{Connection: author.CredentialPlace, Name: author.CredentialName, Value: secret.New(value), Owner: "owner@example.com",
			Purpose: "asks the model", ExpiresAt: time.Now().Add(time.Hour)})
		require.NoError(t, err)
	}
	key := func() (string, error) {
		s, err := db.AuthorSetting(t.Context())
		require.NoError(t, err)
		v, err := db.AuthorKey(t.Context(), s)
		return v.Reveal(), err
	}
	_, err := key()
	require.ErrorContains(t, err, "No key")
	setKey("first")
	got, err := key()
	require.NoError(t, err)
	require.Equal(t, "first", got)
	s, err := db.AuthorSetting(t.Context())
	require.NoError(t, err)
	s.BaseURL = "https://elsewhere.example/v1"
	require.NoError(t, db.SaveAuthorSetting(t.Context(), dora, s))
	_, err = key()
	require.ErrorContains(t, err, "not sent there")
	s.Temperature = 0.5
	require.NoError(t, db.SaveAuthorSetting(t.Context(), dora, s), "saving again does not open it")
	_, err = key()
	require.ErrorContains(t, err, "not sent there")
	setKey("second")
	got, err = key()
	require.NoError(t, err)
	require.Equal(t, "second", got)

	var n int
	pgtest.Scan(t, db, &n, `SELECT count(*) FROM credentials WHERE position('second'::bytea in sealed) > 0`)
	require.Zero(t, n)
	require.Error(t, db.RawExec(t.Context(), `INSERT INTO artifacts (kind, key, name) VALUES ('connection', 'language-model', 'x')`))
}

// The database holds to it too: a revision is bound to its author's conversation only,
// and stays bound.
func TestS100_BindingByHandIsRefused(t *testing.T) {
	t.Parallel()
	db, by := authoring(t, author.On)
	conversation, d := drafted(t, db, by, written)
	other := person(t, db, "other@example.com", auth.Builder)
	mine, theirs, err := db.AskAuthor(t.Context(), other, postgres.Ask{Kind: author.Request, Text: "Say hello"})
	require.NoError(t, err)
	for _, sql := range []string{
		fmt.Sprintf(`INSERT INTO author_revisions (key, revision, hash, conversation_id, turn_id, model, at) VALUES ('greeting', 2, '%s', '%s', '%s', 'x', now())`, d.Hash, mine, theirs),
		fmt.Sprintf(`UPDATE author_revisions SET gaps = '[]' WHERE conversation_id = '%s'`, conversation),
		fmt.Sprintf(`DELETE FROM author_revisions WHERE conversation_id = '%s'`, conversation),
	} {
		require.Error(t, db.RawExec(t.Context(), sql), sql)
	}
}
