package web

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/author"
	"joinery/internal/function"
	"joinery/internal/postgres"
)

// carrier is the process that carries turns in these tests.
const carrier = "p1"

// model sets a language model up.
func (w *world) model() {
	w.t.Helper()
	set := author.DefaultSetting()
	set.Policy, set.BaseURL, set.Model = author.On, "https://model.example.com/v1", "writer-1"
	require.NoError(w.t, w.server.DB.SaveAuthorSetting(w.t.Context(), w.user("ada@example.com").Actor(), set))
}

// asks begins a turn as the builder, and takes it.
func (w *world) asks(ask postgres.Ask) author.Turn {
	w.t.Helper()
	_, id, err := w.server.DB.AskAuthor(w.t.Context(), w.boWho, ask)
	require.NoError(w.t, err)
	return w.takes(id)
}

func (w *world) takes(id author.TurnID) author.Turn {
	w.t.Helper()
	t, found, err := w.server.DB.TakeTurn(w.t.Context(), carrier)
	require.NoError(w.t, err)
	require.True(w.t, found)
	require.Equal(w.t, id, t.ID)
	return t
}

// ends brings a stage to its end, as who carries the turn does.
func (w *world) ends(t author.Turn, stage author.Stage, state author.State, result any, trouble *author.Trouble) {
	w.t.Helper()
	raw := []byte{}
	if result != nil {
		var err error
		raw, err = json.Marshal(result)
		require.NoError(w.t, err)
	}
	require.NoError(w.t, w.server.DB.BeginStage(w.t.Context(), t.ID, carrier, stage))
	require.NoError(w.t, w.server.DB.EndStage(w.t.Context(), t.ID, carrier, author.StageState{Stage: stage, State: state, Result: raw, Said: "said " + w.marker, Rounds: 1, Trouble: trouble}))
}

// calls keeps one call of the model.
func (w *world) calls(t author.Turn, stage author.Stage) {
	w.t.Helper()
	call := author.Call{Turn: t.ID, Stage: stage, User: w.boID, Model: "writer-1", Parameters: `{"temperature":0.1}`, Body: `{"messages":[{"role":"user","content":"` + w.marker + ` sent"}]}`, TokensIn: 10, AskedAt: w.server.DB.Now()}
	id, err := w.server.DB.BeginCall(w.t.Context(), carrier, call, author.DefaultSetting().Limits)
	require.NoError(w.t, err)
	call.ID, call.Answer, call.Outcome, call.TokensOut, call.Took = id, w.marker+" came back", author.OK, 1200, time.Second
	require.NoError(w.t, w.server.DB.EndCall(w.t.Context(), call))
}

// wish is an intent with the marker in its words.
func (w *world) wish() author.Intent {
	return author.Intent{Key: "badge", Name: "Badge " + w.marker, Description: "For " + w.marker,
		Inputs: []author.Value{{Name: "last", Type: "text", Means: "the last name"}, {Name: "middle", Type: "text", Optional: true}}, Outputs: []author.Value{{Name: "badge", Type: "text", Means: "on the badge"}},
		Examples: []function.Case{{Name: "a name " + w.marker, Input: map[string]any{"last": "Okafor"}, Output: map[string]any{"badge": "OKAFOR"}}}, Reads: []string{"directory:hr:groups.find"},
		Forbidden: []author.Forbidden{{Says: "no groups " + w.marker, Grant: "directory:*:groups.add"}}, Questions: []author.Question{{Ask: "Which case, " + w.marker + "?"}}}
}

// written is what the model made of it.
func (w *world) written() function.Content {
	in := w.wish()
	return function.Content{Key: in.Key, Name: in.Name, Description: in.Description, Source: "-- " + w.marker + "\nreturn function(input)\n  return {badge = text.upper(input.last)}\nend\n",
		Manifest: function.Manifest{Input: map[string]any{"type": "object"}, Output: map[string]any{"type": "object"}}, Cases: in.Examples}
}

// drafted is a conversation that came to a draft; with gaps it misses a gate.
func (w *world) drafted(gaps ...author.Gap) author.Turn {
	w.t.Helper()
	t := w.asks(postgres.Ask{Kind: author.Request, Text: "badges " + w.marker})
	w.calls(t, author.IntentStage)
	w.ends(t, author.IntentStage, author.NeedsYou, w.wish(), nil)
	require.NoError(w.t, w.server.DB.ConfirmIntent(w.t.Context(), w.boWho, t.ID, w.wish()))
	t = w.takes(t.ID)
	c := w.written()
	left := author.Checks{Content: c, Gaps: gaps, Repairs: 1, Replaced: []string{"a test " + w.marker}}
	if len(gaps) > 0 { // what a page shows is judged anew: 3 of 10 small changes are noticed
		left.Report = function.Examination{Tried: 10, Survivors: slices.Repeat([]function.Line{{Line: 2, Text: "upper became lower"}}, 7)}
	}
	w.ends(t, author.TestsStage, author.Done, author.Tests{Cases: c.Cases}, nil)
	w.ends(t, author.CodeStage, author.Done, author.Code{Source: c.Source, Notes: "note " + w.marker}, nil)
	w.ends(t, author.ChecksStage, author.Done, left, nil)
	d, err := w.server.DB.SaveDraft(w.t.Context(), t.ID, carrier, "writer-1", left)
	require.NoError(w.t, err)
	w.ends(t, author.DraftStage, author.Done, d, nil)
	return t
}

// authorActs are what is done about conversations, and the settings of the model.
func (w *world) authorActs(add func(func() act)) {
	add(func() act {
		return act{route: "POST /system/author", by: w.ada, path: "/system/author", form: providerFields(), records: []string{"setting.save"}}
	})
	add(func() act {
		return act{route: "POST /system/author/test", by: w.ada, path: "/system/author/test", form: providerFields(), records: []string{"author.try"}}
	})
	add(func() act {
		return act{route: "POST /system/author/key", by: w.ada, path: "/system/author/key", form: fields("value", hookKey, "owner", "ada@example.com", "purpose", "functions", "expires_at", "2027-05-01"), records: []string{"credential.set"}}
	})
	add(func() act {
		return act{route: "POST /author", by: w.bo, path: "/author", form: fields("text", "badges", "kind", "request"), records: []string{"author.ask"}}
	})
	open := func() (talk, turn string) {
		turn = w.value(`SELECT id FROM author_turns ORDER BY id DESC LIMIT 1`)
		return "/author/" + w.value(`SELECT conversation_id FROM author_turns WHERE id = $1`, turn), turn
	}
	add(func() act {
		at, turn := open()
		w.ends(w.takes(author.TurnID(turn)), author.IntentStage, author.NeedsYou, w.wish(), nil)
		form := fields("op", "confirm", "name", "Badge", "key", "badge-2", "as.tests", "table")
		row(form, "gives", "f0", "name", "badge", "type", "text")
		return act{route: "POST /author/:id/turns/:turn/confirm", by: w.bo, path: at + "/turns/" + turn + "/confirm", form: form, records: []string{"author.confirm"}}
	})
	add(func() act {
		at, turn := open()
		return act{route: "POST /author/:id/turns/:turn/cancel", by: w.bo, path: at + "/turns/" + turn + "/cancel", form: fields(), records: []string{"author.cancel"}}
	})
	add(func() act {
		at, turn := open()
		return act{route: "POST /author/:id/turns/:turn/retry", by: w.bo, path: at + "/turns/" + turn + "/retry", form: fields(), records: []string{"author.retry"}}
	})
	add(func() act {
		at, turn := open()
		require.NoError(w.t, w.server.DB.CancelTurn(w.t.Context(), w.boWho, author.TurnID(turn)))
		return act{route: "POST /author/:id", by: w.bo, path: at, form: fields("text", "and this", "kind", "follow_up"), records: []string{"author.ask"}}
	})
	drafts := "/api/v1/functions/drafts"
	add(func() act {
		return act{route: "POST " + drafts, by: w.bo, path: drafts, json: obj{"prompt": "badges"}, records: []string{"author.ask"}}
	})
	for _, v := range []struct {
		verb, record string
		json         obj
	}{{"confirm", "author.confirm", obj{}}, {"cancel", "author.cancel", obj{}}, {"retry", "author.retry", obj{}}, {"prompts", "author.ask", obj{"prompt": "and this"}}} {
		add(func() act {
			at, turn := open()
			switch v.verb {
			case "confirm":
				before := author.TurnID(w.value(`SELECT id FROM author_turns WHERE state = 'waiting' ORDER BY id LIMIT 1`))
				require.NoError(w.t, w.server.DB.CancelTurn(w.t.Context(), w.boWho, before)) // of the page, above
				w.ends(w.takes(author.TurnID(turn)), author.IntentStage, author.NeedsYou, w.wish(), nil)
				corrected := w.wish()
				corrected.Key = "badge-3"
				v.json = obj{"intent": corrected}
			case "prompts":
				require.NoError(w.t, w.server.DB.CancelTurn(w.t.Context(), w.boWho, author.TurnID(turn)))
			}
			return act{route: "POST " + drafts + "/:id/" + v.verb, by: w.bo, path: drafts + strings.TrimPrefix(at, "/author") + "/" + v.verb, json: v.json, records: []string{v.record}}
		})
	}
}

func providerFields() url.Values {
	return fields("policy", "on", "base_url", "https://model.example.com/v1", "model", "writer-1", "temperature", "0.2", "mutation", "80", "limits.rounds", "8", "limits.answer_tokens", "8,000", "limits.call_seconds", "120", "limits.calls_per_day", "300", "limits.tokens_per_day", "2000000", "limits.all_per_day", "20000000", "words", "Sales\nFinance\n")
}
