package postgres_test

import (
	"encoding/json"
	"fmt"
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
	return draftWith(t, db, by, id, author.Checks{Content: c, Gaps: gaps, Report: noticing(gaps)})
}

func draftWith(t *testing.T, db *postgres.DB, by auth.Actor, id author.TurnID, left author.Checks) author.Draft {
	t.Helper()
	take(t, db, id)
	end(t, db, id, author.IntentStage, author.NeedsYou, meant)
	require.NoError(t, db.ConfirmIntent(t.Context(), by, id, meant))
	take(t, db, id)
	for _, s := range []author.Stage{author.TestsStage, author.CodeStage, author.ChecksStage} {
		end(t, db, id, s, author.Done, struct{}{})
	}
	d, err := db.SaveDraft(t.Context(), id, "p1", "small", left)
	require.NoError(t, err)
	end(t, db, id, author.DraftStage, author.Done, d)
	return d
}

// noticing is a report by which tests notice 70 of 100 small changes where that is the gap.
func noticing(gaps []author.Gap) function.Examination {
	if len(gaps) == 1 && gaps[0].Gate == author.GateMutation {
		return function.Examination{Tried: 10, Survivors: make([]function.Line, 3)}
	}
	return function.Examination{}
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
	_, err = db.SaveDraft(t.Context(), id, "p2", "small", author.Checks{Content: written})
	require.True(t, fault.Is(err, fault.Conflict), "only who carries it saves")
	pgtest.Exec(t, db, `UPDATE users SET roles = '{viewer}' WHERE id = $1`, by.UserID)
	_, err = db.SaveDraft(t.Context(), id, "p1", "small", author.Checks{Content: written})
	require.True(t, fault.Is(err, fault.Forbidden))
	pgtest.Exec(t, db, `UPDATE users SET roles = '{builder}', active = false WHERE id = $1`, by.UserID)
	_, err = db.SaveDraft(t.Context(), id, "p1", "small", author.Checks{Content: written})
	require.True(t, fault.Is(err, fault.Forbidden))
	_, err = db.Revision(t.Context(), review.Function, "greeting", 1)
	require.True(t, fault.Is(err, fault.NotFound))
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
