package connectortest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// HRIS is what the suite needs of a connector to an HR system and its stand-in.
type HRIS struct {
	// Open opens a connection with the right credential and this limit of one call.
	Open    func(t testing.TB, timeout time.Duration) connector.Conn
	Trouble func(Trouble)
	Hire    func() string             // adds a worker and gives its id
	Path    func(id string) string    // the address of one worker, for Trouble
	Update  map[string]any            // a write-back that the system takes
	Stored  func(id, name string) any // what the system holds of an attribute of Update
	Secrets []string                  // what no error may hold: the credential, and how it is sent
}

// RunHRIS is what every connector to an HR system must do, whatever the vendor.
func RunHRIS(t *testing.T, h HRIS) {
	t.Run("workers", func(t *testing.T) { hrisWorkers(t, h) })
	t.Run("trouble", func(t *testing.T) { hrisTrouble(t, h) })
	t.Run("slow", func(t *testing.T) { hrisSlow(t, h) })
	t.Run("write-back", func(t *testing.T) { hrisWriteBack(t, h) })
}

// hrisWorkers: a worker is found by its id and by nothing else, and an id leads
// nowhere else.
func hrisWorkers(t *testing.T, h HRIS) {
	conn := h.Open(t, 5*time.Second)
	workers := conn.(connector.Workers)
	id := h.Hire()
	w, err := workers.Worker(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, id, w.ID)
	require.NotEmpty(t, w.Text(joiner.LastName))
	for name, v := range w.Attributes {
		require.NotNil(t, v, name)
		require.NotEqual(t, "", v, "%s is absent instead of empty", name)
	}
	for _, bad := range []string{"987654321", "", ".", "..", "../" + id, id + "/../" + id, id + "?x=1", id + "#x", id + "%2f..", id + "\n", " " + id, strings.Repeat("9", 500)} {
		got, err := workers.Worker(t.Context(), bad)
		require.Error(t, err, "%q gave %s", bad, got.ID)
		require.False(t, fault.Is(err, fault.Unavailable), "%q will not come to be by trying again: %v", bad, err)
	}
	seen := 0
	for cursor, pages := "", 0; ; pages++ {
		page, next, err := workers.Changed(t.Context(), time.Time{}, cursor)
		require.NoError(t, err)
		for _, w := range page {
			if w.ID == id {
				seen++
			}
		}
		if next == "" {
			break
		}
		require.Less(t, pages, 100, "the pages do not end")
		cursor = next
	}
	require.Equal(t, 1, seen, "a worker is listed once")
	for _, f := range conn.Test(t.Context()) {
		h.clean(t, f.Detail)
	}
}

func (h HRIS) clean(t testing.TB, text string) {
	t.Helper()
	for _, s := range h.Secrets {
		require.NotContains(t, text, s)
	}
}

func hrisTrouble(t *testing.T, h HRIS) {
	workers := h.Open(t, 25*time.Second).(connector.Workers)
	id := h.Hire()
	echo := strings.Join(h.Secrets, " ")
	for name, c := range map[string]struct {
		trouble Trouble
		kind    fault.Kind
		after   time.Duration
	}{
		"401":            {Trouble{Status: 401, Body: echo}, fault.Forbidden, 0},
		"403":            {Trouble{Status: 403, Body: `{"error":"` + echo + `"}`}, fault.Invalid, 0},
		"404":            {Trouble{Status: 404}, fault.NotFound, 0},
		"429":            {Trouble{Status: 429, Header: map[string]string{"Retry-After": "30"}}, fault.Unavailable, 30 * time.Second},
		"500":            {Trouble{Status: 500, Body: "<html>" + echo}, fault.Unavailable, 0},
		"503 with time":  {Trouble{Status: 503, Header: map[string]string{"Retry-After": "7"}}, fault.Unavailable, 7 * time.Second},
		"redirect":       {Trouble{Status: 302, Header: map[string]string{"Location": "https://elsewhere.example/"}}, fault.Invalid, 0},
		"login page":     {Trouble{Status: 200, Body: "<html>" + echo}, fault.Invalid, 0},
		"empty":          {Trouble{Status: 200}, fault.Invalid, 0},
		"a list":         {Trouble{Status: 200, Body: "[]"}, fault.Invalid, 0},
		"a text":         {Trouble{Status: 200, Body: `"` + echo + `"`}, fault.Invalid, 0},
		"not UTF-8":      {Trouble{Status: 200, Body: "{\"id\":\"\xff\"}"}, fault.Invalid, 0},
		"another worker": {Trouble{Status: 200, Body: `{"id":"7"}`}, fault.Invalid, 0},
		"huge":           {Trouble{Status: 200, Body: `{"id":"` + strings.Repeat("1", 9<<20) + `"}`}, fault.TooLarge, 0},
	} {
		c.trouble.Path = h.Path(id)
		h.Trouble(c.trouble)
		_, err := workers.Worker(t.Context(), id)
		require.True(t, fault.Is(err, c.kind), "%s: %v", name, err)
		require.Equal(t, c.after, fault.RetryAfter(err), name)
		require.NotEmpty(t, fault.Sentence(err), name)
		h.clean(t, err.Error())
	}
	_, err := workers.Worker(t.Context(), id)
	require.NoError(t, err, "it answers again")
}

func hrisSlow(t *testing.T, h HRIS) {
	workers := h.Open(t, 300*time.Millisecond).(connector.Workers)
	id := h.Hire()
	silent := make(chan struct{})
	defer close(silent)
	h.Trouble(Trouble{Path: h.Path(id), Wait: silent})
	begun := time.Now()
	_, err := workers.Worker(t.Context(), id)
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.Less(t, time.Since(begun), 5*time.Second, "the limit of one call holds")
	h.Trouble(Trouble{Path: h.Path(id), Wait: silent})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = workers.Worker(ctx, id)
	require.Error(t, err)
}

// hrisWriteBack: what is sent is there, the rest stays, again changes nothing, and
// nothing is written in part when a part is wrong.
func hrisWriteBack(t *testing.T, h HRIS) {
	conn := h.Open(t, 5*time.Second)
	back := conn.(connector.WriteBack)
	id := h.Hire()
	before, err := conn.(connector.Workers).Worker(t.Context(), id)
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, back.UpdateWorker(t.Context(), id, h.Update))
		for name, want := range h.Update {
			require.Equal(t, want, h.Stored(id, name), name)
		}
	}
	require.Error(t, back.UpdateWorker(t.Context(), "987654321", h.Update))
	wrong := map[string]any{"no_such_attribute": "x"}
	for name := range h.Update {
		wrong[name] = "changed@acme.example"
	}
	err = back.UpdateWorker(t.Context(), id, wrong)
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.Contains(t, fault.Sentence(err), "no_such_attribute")
	for name, want := range h.Update {
		require.Equal(t, want, h.Stored(id, name), "nothing is written in part")
	}
	h.Trouble(Trouble{Status: 503, Header: map[string]string{"Retry-After": "9"}})
	err = back.UpdateWorker(t.Context(), id, h.Update)
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.Equal(t, 9*time.Second, fault.RetryAfter(err))
	require.Equal(t, before.Text(joiner.LastName), func() string {
		w, err := conn.(connector.Workers).Worker(t.Context(), id)
		require.NoError(t, err)
		return w.Text(joiner.LastName)
	}())
}
