package flow

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
)

func TestReadPayload(t *testing.T) {
	t.Parallel()
	c := Content{Trigger: "t", Nodes: []Node{{ID: "t", Type: KindEvent, Params: map[string]any{"connection": "hr", "events": []any{"worker.hired", "worker.updated"}}}}}
	manual := Content{Trigger: "t", Nodes: []Node{{ID: "t", Type: KindManual, Params: map[string]any{"connection": "hr"}}}}
	for name, k := range map[string]struct {
		flow Content
		text string
		path string // where it is refused; "" when it is taken
		say  string
	}{
		"a joiner and an event":      {c, `{"worker":"7","event":{"type":"worker.updated","changed":["department"]},"joiner":{"first_name":"Ada","start_date":"2026-12-01"}}`, "", ""},
		"no event is the first one":  {c, `{"worker":"7","joiner":{"first_name":"Ada"}}`, "", ""},
		"own attributes of any type": {c, `{"worker":"7","joiner":{"first_name":"Ada","grade":7,"tags":["a"]}}`, "", ""},
		"started by hand":            {manual, `{"worker":"7","joiner":{"first_name":"Ada"}}`, "", ""},
		"an event nobody listens to": {manual, `{"worker":"7","event":{"type":"worker.hired"},"joiner":{"first_name":"Ada"}}`, "event", "not started by events"},
		"another event":              {c, `{"worker":"7","event":{"type":"worker.terminated"},"joiner":{"a":"b"}}`, "event.type", "It listens to worker.hired, worker.updated"},
		"no worker":                  {c, `{"joiner":{"first_name":"Ada"}}`, "worker", "1 to 200"},
		"no joiner":                  {c, `{"worker":"7"}`, "joiner", "attributes are needed"},
		"attributes outside":         {c, `{"worker":"7","first_name":"Ada"}`, "first_name", "inside joiner"},
		"a number for a name":        {c, `{"worker":"7","joiner":{"first_name":7}}`, "joiner.first_name", "quotes"},
		"a wrong date":               {c, `{"worker":"7","joiner":{"start_date":"1.12.2026"}}`, "joiner.start_date", "2026-12-01"},
		"a wrong zone":               {c, `{"worker":"7","joiner":{"time_zone":"CET/Berlin"}}`, "joiner.time_zone", "Europe/Berlin"},
		"a list":                     {c, `[1]`, "payload", "array"},
		"cut off":                    {c, `{"worker":"7",`, "payload", "not"},
		"no JSON":                    {c, "{\n  worker: 7}", "payload", "line 2"},
		"two objects":                {c, `{"worker":"7","joiner":{"a":"b"}} {}`, "payload", "more text"},
		"nothing":                    {c, "  ", "payload", "empty"},
		"a wrong moment":             {c, `{"worker":"7","event":{"type":"worker.hired","at":"today"},"joiner":{"a":"b"}}`, "event.at", "2026-12-01T08"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, e, err := ReadPayload(k.flow, []byte(k.text))
			if k.path == "" {
				require.NoError(t, err, "%v", fault.Problems(err))
				require.Equal(t, "7", w.ID)
				require.Equal(t, k.flow.Nodes[0].Type == KindEvent, e != nil)
				return
			}
			problems := fault.Problems(err)
			require.NotEmpty(t, problems, "%v", err)
			require.Equal(t, k.path, problems[0].Path)
			require.Contains(t, problems[0].Detail, k.say)
		})
	}
}
