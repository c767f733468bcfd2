package author_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/egress"
	"joinery/internal/luavm"
	"joinery/internal/modeltest"
	"joinery/internal/node"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
)

// house is a database with a model set up, and who asks.
type house struct {
	db  *postgres.DB
	by  auth.Actor
	now func() time.Time
}

func newHouse(t *testing.T, s author.Setting, now func() time.Time) house {
	t.Helper()
	db := pgtest.Open(t, postgres.Config{Now: now})
	admin := auth.Actor{Kind: auth.User, ID: "u_admin", UserID: "u_admin", Name: "Admin", Roles: []auth.Role{auth.Admin}}
	s.NoKey = true
	require.NoError(t, db.SaveAuthorSetting(t.Context(), admin, s))
	u, err := db.AddUser(t.Context(), admin, auth.NewHasher(2), postgres.NewUser{Email: "asker@example.com", Name: "Somebody", Password: "correct horse battery 1", Roles: []auth.Role{auth.Builder}})
	require.NoError(t, err)
	return house{db, u.Actor(), now}
}

// process is one server process; stop ends it as a signal does.
func (h house) process(t *testing.T, name string) (a *author.Author, stop func()) {
	t.Helper()
	guard, err := egress.New("127.0.0.1")
	require.NoError(t, err)
	a = author.New(author.Parts{Store: h.db, Settings: h.db, Runtime: runtime(t), Filter: h.db, Outbound: guard, Now: h.now, Owner: name,
		World: postgres.World{DB: h.db, Text: luavm.LibraryText(), Specs: node.All().Specs()}})
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { a.Run(ctx, h.db) })
	stop = func() { cancel(); done.Wait() }
	t.Cleanup(stop)
	return a, stop
}

func (h house) ask(t *testing.T, text string) author.TurnID {
	t.Helper()
	_, id, err := h.db.AskAuthor(t.Context(), h.by, postgres.Ask{Kind: author.Request, Text: text})
	require.NoError(t, err)
	return id
}

func (h house) until(t *testing.T, id author.TurnID, what string, ok func(author.Turn) bool) author.Turn {
	t.Helper()
	var turn author.Turn
	pgtest.Eventually(t, time.Minute, what, func() bool {
		var err error
		turn, err = h.db.AuthorTurn(t.Context(), id)
		require.NoError(t, err)
		return ok(turn)
	})
	return turn
}

func in(s author.State) func(author.Turn) bool {
	return func(t author.Turn) bool { return t.State == s }
}

func (h house) confirm(t *testing.T, turn author.Turn) {
	t.Helper()
	require.NoError(t, h.db.ConfirmIntent(t.Context(), h.by, turn.ID, resultOf[author.Intent](t, turn, author.IntentStage)))
}

// gatedModel says the beginning of an answer, and the rest when it may.
type gatedModel struct {
	rest  chan struct{}
	asked atomic.Int32
	fail  atomic.Bool
}

func (g *gatedModel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.asked.Add(1)
	if g.fail.Load() {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	_ = chunk(w, "I begin. ")
	select {
	case <-g.rest:
	case <-r.Context().Done():
		return
	}
	_ = chunk(w, "\n```json\n"+goodIntent+"\n```")
	_, _ = fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
}

// What the model says is told while it is still being said, and twenty conversations are
// carried beside each other.
func TestRun_TellsAtOnceAndTwentyAtATime(t *testing.T) {
	t.Parallel()
	model := &gatedModel{rest: make(chan struct{})}
	h := newHouse(t, raw(t, model.ServeHTTP), time.Now)
	a, _ := h.process(t, "p1")
	ids := make([]author.TurnID, 20)
	for i := range ids {
		ids[i] = h.ask(t, fmt.Sprintf("Request %d", i))
	}
	a.Kick()
	for _, id := range ids {
		heard(t, a, id, "I begin. ")
		turn, err := h.db.AuthorTurn(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, author.Running, turn.State, "its stream is still open")
	}
	require.EqualValues(t, 20, model.asked.Load())
	h.until(t, ids[0], "what was said, for readers of another process", func(x author.Turn) bool { return x.Stages[0].Said == "I begin. " })
	close(model.rest)
	for _, id := range ids {
		turn := h.until(t, id, "the intent", in(author.NeedsYou))
		require.True(t, strings.HasPrefix(turn.Stages[0].Said, "I begin. "))
	}
}

// heard waits until a listener was told a text.
func heard(t *testing.T, a *author.Author, id author.TurnID, text string) {
	t.Helper()
	_, said, _, events, stop := a.Hub.Listen(id)
	defer stop()
	deadline := time.After(time.Minute)
	for !strings.Contains(said, text) {
		select {
		case e := <-events:
			said += e.Text
		case <-deadline:
			t.Fatal("nothing was told")
		}
	}
}

// A process that ends in the middle gives the turn back, and another one goes on at the
// stage that was not done; confirmed work is not asked for again.
func TestR34_ARestartGoesOn(t *testing.T) {
	t.Parallel()
	model := &gatedModel{rest: make(chan struct{})}
	h := newHouse(t, raw(t, model.ServeHTTP), time.Now)
	a, stop := h.process(t, "p1")
	id := h.ask(t, "Logins for contractors")
	a.Kick()
	heard(t, a, id, "I begin. ")
	stop()
	turn, err := h.db.AuthorTurn(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, author.Waiting, turn.State, "it was given back")
	calls, err := h.db.AuthorCalls(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, calls, 1)
	require.NotEmpty(t, calls[0].Outcome)
	require.Equal(t, "I begin. ", calls[0].Answer, "what was said until then is on record")
	close(model.rest)
	h.process(t, "p2")
	turn = h.until(t, id, "the intent", in(author.NeedsYou))
	require.Contains(t, turn.Stages[0].Said, "I begin. ")
}

// A model that is away puts the turn off; when it is back the turn goes on by itself, and
// what else is asked of the console is answered meanwhile.
func TestR34_TheModelIsAwayForAWhile(t *testing.T) {
	t.Parallel()
	model := &gatedModel{rest: make(chan struct{})}
	close(model.rest)
	model.fail.Store(true)
	var later atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	h := newHouse(t, raw(t, model.ServeHTTP), now)
	h.process(t, "p1")
	id := h.ask(t, "Logins for contractors")
	turn := h.until(t, id, "waiting for the model", func(x author.Turn) bool { return x.State == author.Waiting && x.Stages[0].Trouble != nil })
	require.Equal(t, author.Failing, turn.Stages[0].Trouble.Kind)
	model.fail.Store(false)
	later.Store(int64(time.Minute))
	h.until(t, id, "the intent", in(author.NeedsYou))
}

// A turn that is cancelled ends at once, the stream with it, and can be tried again.
func TestRun_CancelAndRetry(t *testing.T) {
	t.Parallel()
	model := &gatedModel{rest: make(chan struct{})}
	h := newHouse(t, raw(t, model.ServeHTTP), time.Now)
	a, _ := h.process(t, "p1")
	id := h.ask(t, "Logins for contractors")
	a.Kick()
	heard(t, a, id, "I begin. ")
	require.NoError(t, h.db.CancelTurn(t.Context(), h.by, id))
	a.Stop(id)
	pgtest.Eventually(t, time.Minute, "the end of the call", func() bool {
		calls, err := h.db.AuthorCalls(t.Context(), id)
		require.NoError(t, err)
		return len(calls) == 1 && calls[0].Outcome == string(author.Stopped)
	})
	turn, err := h.db.AuthorTurn(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, author.Cancelled, turn.State)
	close(model.rest)
	require.NoError(t, h.db.RetryTurn(t.Context(), h.by, id, ""))
	a.Kick()
	h.until(t, id, "the intent", in(author.NeedsYou))
}

// From a request to a bound draft, with the store, the runtime and the protocol as they
// are; and the prompt, the model, the answer and who asked are on record (S-100).
func TestS100_FromRequestToDraft(t *testing.T) {
	t.Parallel()
	server := modeltest.Start(t, script("good", fenced("json", goodIntent), fenced("json", goodTests), goodCode))
	h := newHouse(t, setting(server.URL, "good"), time.Now)
	a, _ := h.process(t, "p1")
	id := h.ask(t, "Logins for contractors")
	a.Kick()
	h.confirm(t, h.until(t, id, "the intent", in(author.NeedsYou)))
	a.Kick()
	turn := h.until(t, id, "the draft", author.Turn.Over)
	require.Equal(t, author.Done, turn.State, "%+v", troubleOf(turn))
	d := resultOf[author.Draft](t, turn, author.DraftStage)
	b, found, err := h.db.AuthorBinding(t.Context(), d.Hash)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, id, b.Turn)
	calls, err := h.db.AuthorCalls(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, calls, 3)
	for _, c := range calls {
		require.Equal(t, "good", c.Model)
		require.Equal(t, h.by.UserID, c.User)
		require.Contains(t, c.Body, "Logins for contractors")
		require.NotEmpty(t, c.Answer)
		var p map[string]any
		require.NoError(t, json.Unmarshal([]byte(c.Parameters), &p))
		require.InDelta(t, 0.1, p["temperature"], 1e-6)
	}
	used, err := h.db.AuthorUsage(t.Context(), h.by.UserID)
	require.NoError(t, err)
	require.Equal(t, 3, used.Calls)
}
