package policy

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"joinery/internal/joiner"
)

func TestEcho(t *testing.T) {
	mail := OwnWrite{ID: "w1", Field: "work_email", Hash: ValueHash("work_email", "a@x")}
	number := OwnWrite{ID: "w2", Field: "employee_number", Hash: ValueHash("employee_number", "77")}
	told := mail
	told.Told = "e0"
	for name, c := range map[string]struct {
		e      joiner.Event
		writes []OwnWrite
		of     []string
	}{
		"our field":                          {joiner.Event{Key: "e1", Changed: []string{"work_email"}}, []OwnWrite{mail}, []string{"w1"}},
		"both of ours":                       {joiner.Event{Key: "e1", Changed: []string{"work_email", "employee_number"}}, []OwnWrite{mail, number}, []string{"w1", "w2"}},
		"ours and another":                   {joiner.Event{Key: "e1", Changed: []string{"work_email", "title"}}, []OwnWrite{mail}, nil},
		"a second event about our field":     {joiner.Event{Key: "e1", Changed: []string{"work_email"}}, []OwnWrite{told}, nil},
		"the same event again":               {joiner.Event{Key: "e0", Changed: []string{"work_email"}}, []OwnWrite{told}, []string{"w1"}},
		"with the value that we wrote":       {joiner.Event{Key: "e1", Changed: []string{"work_email"}, Values: map[string]any{"work_email": "A@X"}}, []OwnWrite{told}, []string{"w1"}},
		"with another value":                 {joiner.Event{Key: "e1", Changed: []string{"work_email"}, Values: map[string]any{"work_email": "b@x"}}, []OwnWrite{mail}, nil},
		"another value, though by us":        {joiner.Event{Key: "e1", Actor: joiner.ActorOurs, Changed: []string{"work_email"}, Values: map[string]any{"work_email": "b@x"}}, []OwnWrite{mail}, nil},
		"by us":                              {joiner.Event{Key: "e1", Actor: joiner.ActorOurs, Changed: []string{"work_email"}}, []OwnWrite{told}, []string{"w1"}},
		"by somebody else":                   {joiner.Event{Key: "e1", Actor: joiner.ActorOther, Changed: []string{"work_email"}}, []OwnWrite{mail}, nil},
		"by us, and no word of what":         {joiner.Event{Key: "e1", Actor: joiner.ActorOurs}, []OwnWrite{mail}, []string{"w1"}},
		"by us, and every write told before": {joiner.Event{Key: "e1", Actor: joiner.ActorOurs}, []OwnWrite{told}, nil},
		"no word of what or who":             {joiner.Event{Key: "e1"}, []OwnWrite{mail}, nil},
		"nothing was written":                {joiner.Event{Key: "e1", Changed: []string{"work_email"}}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			of, echo := Echo(c.e, c.writes)
			require.Equal(t, c.of != nil, echo)
			if echo {
				require.Equal(t, c.of, of)
			}
		})
	}
}

// Whatever is written and told: an event with a field that we did not write, or
// with a value that we did not write, is never taken for our echo.
func TestEcho_NeverHidesAChangeOfHR(t *testing.T) {
	fields := rapid.SampledFrom([]string{"work_email", "employee_number", "phone", "title"})
	rapid.Check(t, func(t *rapid.T) {
		var writes []OwnWrite
		own := map[string]map[string]bool{}
		for i := range rapid.IntRange(0, 4).Draw(t, "writes") {
			f, v := fields.Draw(t, "field"), rapid.StringMatching(`[a-c]`).Draw(t, "value")
			writes = append(writes, OwnWrite{ID: string(rune('a' + i)), Field: f, Hash: ValueHash(f, v), Told: rapid.SampledFrom([]string{"", "e0"}).Draw(t, "told")})
			if own[f] == nil {
				own[f] = map[string]bool{}
			}
			own[f][v] = true
		}
		e := joiner.Event{Key: "e1", Actor: rapid.SampledFrom([]string{"", joiner.ActorOurs, joiner.ActorOther}).Draw(t, "actor"), Values: map[string]any{}}
		foreign := false
		for range rapid.IntRange(1, 3).Draw(t, "changed") {
			f := fields.Draw(t, "changed field")
			e.Changed = append(e.Changed, f)
			if rapid.Bool().Draw(t, "tells the value") {
				e.Values[f] = rapid.StringMatching(`[a-c]`).Draw(t, "new value")
			}
		}
		for _, f := range e.Changed {
			v, told := e.Values[f].(string)
			foreign = foreign || own[f] == nil || told && !own[f][v]
		}
		if _, echo := Echo(e, writes); echo && (foreign || e.Actor == joiner.ActorOther) {
			t.Fatalf("%+v was taken for an echo of %+v", e, writes)
		}
	})
}
