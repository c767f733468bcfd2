package author_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/author"
	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/function"
	"joinery/internal/luavm"
	"joinery/internal/modeltest"
	"joinery/internal/node"
	"joinery/internal/secret"
	"joinery/internal/workertest"
)

// world is a small company: what a model may look up.
type world struct{ functions map[string]function.Content }

func (world) Library() string    { return luavm.LibraryText() }
func (world) Nodes() []flow.Spec { return node.All().Specs() }
func (world) Connections(context.Context) ([]author.Connection, error) {
	return []author.Connection{{Key: "corp-ad", Kind: "ldap", Capabilities: []string{"directory"}, Fields: []author.Field{{Name: "extensionAttribute3", Type: "string"}}}}, nil
}
func (w world) Functions(context.Context) ([]author.Named, error) { return []author.Named{}, nil }
func (w world) Function(_ context.Context, key string) (function.Content, error) {
	if c, ok := w.functions[key]; ok {
		return c, nil
	}
	return function.Content{}, fault.New(fault.NotFound, "There is no function %q.", key)
}
func (world) Policies(context.Context) ([]author.Named, error) { return []author.Named{}, nil }
func (world) PolicyShape(context.Context, string) (json.RawMessage, error) {
	return json.RawMessage(`{"type":"text"}`), nil
}

// known holds back the texts it lists.
type known struct{ marks *author.Marks }

func (k known) Leaks(_ context.Context, text string, ordinary func(string) bool) ([]author.Leak, error) {
	if k.marks == nil {
		return nil, nil
	}
	return k.marks.Find(text, ordinary), nil
}

// fixed is a setting with a key.
type fixed struct {
	setting author.Setting
	key     string
}

func (f fixed) AuthorSetting(context.Context) (author.Setting, error) { return f.setting, nil }
func (f fixed) AuthorKey(context.Context, author.Setting) (secret.Value, error) {
	return secret.New(f.key), nil
}

func setting(url, model string) author.Setting {
	s := author.DefaultSetting()
	s.Policy, s.BaseURL, s.Model = author.On, url, model
	s.Limits.Rounds, s.Limits.CallSeconds = 3, 20
	return s
}

func runtime(t testing.TB) *luavm.Pool {
	t.Helper()
	pool, err := luavm.Open(luavm.Config{Command: []string{workertest.Path(t), luavm.SandboxCommand}, AllowReduced: true})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// desk is an author whose turns are kept in memory.
type desk struct {
	*author.Author
	memory *author.Memory
}

func newDesk(t testing.TB, s author.Setting, change ...func(*author.Parts)) desk {
	t.Helper()
	guard, err := egress.New("127.0.0.1")
	require.NoError(t, err)
	m := &author.Memory{}
	p := author.Parts{Store: m, Settings: fixed{setting: s, key: "key-of-the-test"}, Runtime: runtime(t), World: world{}, Filter: known{}, Outbound: guard, Now: time.Now, Owner: "test"}
	for _, c := range change {
		c(&p)
	}
	return desk{author.New(p), m}
}

// ask carries a request to where a person is needed or to its end.
func (d desk) ask(t testing.TB, turn author.Turn) author.Turn {
	t.Helper()
	if turn.Conversation == "" {
		turn.Conversation = "c"
	}
	turn.OwnerID = "u_asker"
	return d.carry(t, d.memory.Add(turn).ID)
}

func (d desk) carry(t testing.TB, id author.TurnID) author.Turn {
	t.Helper()
	require.NoError(t, d.Carry(t.Context(), d.memory.Turn(id)))
	return d.memory.Turn(id)
}

// confirm takes the intent as it is, or as change makes it.
func (d desk) confirm(t testing.TB, turn author.Turn, change ...func(*author.Intent)) author.Turn {
	t.Helper()
	require.Equal(t, author.NeedsYou, turn.State, "%+v", troubleOf(turn))
	var in author.Intent
	require.NoError(t, json.Unmarshal(turn.At(author.IntentStage).Result, &in))
	for _, c := range change {
		c(&in)
	}
	require.NoError(t, d.memory.Confirm(turn.ID, in))
	return d.carry(t, turn.ID)
}

func troubleOf(t author.Turn) *author.Trouble {
	for _, s := range t.Stages {
		if s.Trouble != nil {
			return s.Trouble
		}
	}
	return nil
}

func resultOf[T any](t testing.TB, turn author.Turn, s author.Stage) T {
	t.Helper()
	var out T
	require.NotNil(t, turn.At(s))
	require.NoError(t, json.Unmarshal(turn.At(s).Result, &out), "%+v", troubleOf(turn))
	return out
}

// fenced puts texts into blocks of a language each: lua, text, json, text.
func fenced(parts ...string) string {
	out := ""
	for i := 0; i+1 < len(parts); i += 2 {
		out += "```" + parts[i] + "\n" + parts[i+1] + "\n```\n"
	}
	return out
}

// The phrases by which the stages' requests are told apart.
const (
	atIntent = "Restate what is wanted"
	atTests  = "Write tests that say"
	atCode   = "Write the code that passes"
	atRepair = "This is not good enough yet"
	atAnswer = "Answer in plain words"
)

func script(model string, intent, tests, code string) []modeltest.Fixture {
	return []modeltest.Fixture{modeltest.Say(model, atIntent, intent), modeltest.Say(model, atTests, tests), modeltest.Say(model, atCode, code)}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

func unmarshal(t testing.TB, text string, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), into))
}
