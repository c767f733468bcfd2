package engine_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector/fake"
	"joinery/internal/joiner"
	"joinery/internal/review"
)

// streamFlow is a joiner flow with everything that news may change: attributes,
// groups, the day, and whether somebody comes at all.
const streamFlow = `
key: plan
name: Plan
trigger: hired
nodes:
  - id: hired
    type: hris.event
    params: {connection: hr, events: [worker.hired, worker.updated, worker.start_moved, worker.rescinded], poll_every: 1h}
  - id: comes
    type: branch
    params: {when: joiner.status != "rescinded"}
  - id: create
    type: account.ensure
    params: {directory: dir, name: "w{{ joiner.employee_number }}", enabled: false, attributes: {dept: =joiner.department, title: =joiner.title}}
  - id: update
    type: account.update
    params: {directory: dir, account: =steps.create.account_id, attributes: {dept: =joiner.department, title: =joiner.title}}
  - id: dept
    type: switch
    params: {cases: [{when: joiner.department == "Engineering", port: eng}, {when: joiner.department == "Sales", port: sales}]}
  - {id: eng, type: group.add, params: {directory: dir, groups: [engineering]}}
  - {id: sales, type: group.add, params: {directory: dir, groups: [sales]}}
  - {id: all, type: group.add, params: {directory: dir, groups: [all-staff]}}
  - id: first_day
    type: wait.until
    params: {date: joiner.start_date, cancel_when: joiner.status == "rescinded"}
  - {id: enable, type: account.enable, params: {directory: dir}}
  - {id: off, type: stop, params: {outcome: undone, reason: Not coming}}
edges:
  - {from: hired.started, to: comes}
  - {from: comes.yes, to: create}
  - {from: comes.no, to: off}
  - {from: create.created, to: dept}
  - {from: create.existed, to: update}
  - {from: update.changed, to: dept}
  - {from: update.unchanged, to: dept}
  - {from: dept.eng, to: eng}
  - {from: dept.sales, to: sales}
  - {from: dept.default, to: all}
  - {from: eng.done, to: all}
  - {from: sales.done, to: all}
  - {from: all.done, to: first_day}
  - {from: first_day.due, to: enable}
  - {from: first_day.canceled, to: off}
`

// news is one change in the HRIS and the event that tells of it.
type news struct {
	worker, kind string
	attributes   map[string]any
	at           time.Time // when the HRIS has it
}

// newsOf makes the stream of a company: each worker is hired and then changed four times.
func newsOf(r *rand.Rand, begin time.Time, events int) []news {
	const each = 5
	now := map[string]map[string]any{}
	var out []news
	for range each {
		for w := range events / each {
			id := fmt.Sprint("w", w)
			a := maps.Clone(now[id])
			kind := "worker.updated"
			switch n := r.IntN(10); {
			case a == nil:
				kind = "worker.hired"
				a = map[string]any{"employee_number": fmt.Sprint(w), "department": pick(r, "Engineering", "Sales", "Finance"), "title": "Novice", "status": "planned", "time_zone": "UTC",
					"start_date": begin.AddDate(0, 0, 10+r.IntN(40)).Format(time.DateOnly)}
			case a["status"] == "rescinded" && n < 5:
				kind, a["status"] = "worker.hired", "planned" // comes after all
			case n < 4:
				a["department"] = pick(r, "Engineering", "Sales", "Finance")
			case n < 6:
				a["title"] = fmt.Sprint("Title ", r.IntN(5))
			case a["status"] == "rescinded": // another start of somebody rescinded would mean a move
				a["title"] = fmt.Sprint("Title ", r.IntN(5))
			case n < 9:
				kind, a["start_date"] = "worker.start_moved", begin.AddDate(0, 0, 10+r.IntN(40)).Format(time.DateOnly)
			default:
				kind, a["status"] = "worker.rescinded", "rescinded"
			}
			now[id] = a
			out = append(out, news{id, kind, maps.Clone(a), time.Time{}})
		}
	}
	return out
}

func union(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

func pick(r *rand.Rand, all ...string) string { return all[r.IntN(len(all))] }

func (h *house) tells(n news) {
	h.t.Helper()
	require.NoError(h.t, fake.Change(h.dir, func(s *fake.State) {
		s.Workers[n.worker] = joiner.Worker{ID: n.worker, Attributes: n.attributes, ChangedAt: n.at}
	}))
}

// quiet waits until no run is under way or due.
func (h *house) quiet() {
	h.t.Helper()
	for end := time.Now().Add(120 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var busy int
		require.NoError(h.t, h.db.RawScan(h.t.Context(), &busy, `SELECT count(*) FROM runs WHERE state IN ('queued', 'running') OR state = 'waiting' AND wake_at <= $1`, h.clock.Now()))
		if busy == 0 {
			return
		}
		require.True(h.t, time.Now().Before(end), "%d runs are still busy", busy)
		h.e.Kick()
	}
}

// plans are what is still to come: worker → when the run that waits goes on.
func (h *house) plans() map[string]string {
	h.t.Helper()
	var text string
	require.NoError(h.t, h.db.RawScan(h.t.Context(), &text, `SELECT coalesce(jsonb_agg(jsonb_build_array(j.worker, r.wake_at)), '[]')::text FROM runs r JOIN joiners j ON j.id = r.joiner_id WHERE r.state = 'waiting'`))
	var pairs [][2]string
	require.NoError(h.t, json.Unmarshal([]byte(text), &pairs))
	out := map[string]string{}
	for _, p := range pairs {
		require.Empty(h.t, out[p[0]], "two plans of worker %s", p[0])
		out[p[0]] = p[1]
	}
	return out
}

// access is what each worker can do in the directory. An account that is closed and
// in no group is none: whether it was ever made depends on when the news came.
func (h *house) access() map[string]string {
	out := map[string]string{}
	for _, a := range h.state().Accounts {
		groups := slices.Sorted(slices.Values(a.Groups))
		if !a.Enabled && len(groups) == 0 {
			continue
		}
		out[a.Stamp] = fmt.Sprint(a.Name, a.Enabled, groups, a.Attributes["dept"], a.Attributes["title"])
	}
	return out
}

// A shuffled, triplicated stream of HRIS events of which a fifth is lost ends, with
// what the poll recovers, in the same plans and the same directory as the ordered one.
func TestStream_R06_ShuffledTriplicatedLossy(t *testing.T) {
	t.Parallel()
	events, seed := 200, uint64(4711)
	if n, err := strconv.Atoi(os.Getenv("JOINERY_STREAM")); err == nil {
		events = n
	}
	if n, err := strconv.ParseUint(os.Getenv("JOINERY_STREAM_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("JOINERY_STREAM=%d JOINERY_STREAM_SEED=%d", events, seed)
	r := rand.New(rand.NewPCG(seed, 1))
	ordered, lossy := open(t), open(t)
	lossy.clock.now = ordered.clock.now
	stream := newsOf(r, ordered.clock.Now(), events)
	for _, h := range []*house{ordered, lossy} {
		h.live(review.Flow, "plan", streamFlow)
		h.poll() // from here on everything is news
		h.start()
	}

	// In order, one change after the other: each is carried out before the next.
	for i, n := range stream {
		n.at = ordered.clock.Now()
		ordered.tells(n)
		ordered.clock.Forward(time.Second)
		ordered.event(fmt.Sprint("e", i), n.kind, n.worker)
		if i+1 == len(stream) || stream[i+1].worker == stream[0].worker {
			ordered.quiet()
		}
	}

	// The other HRIS is ahead of its events, which come late, three times and in any
	// order, if they come.
	var deliveries []int
	lost := 0
	deliver := func(most int) {
		r.Shuffle(len(deliveries), func(i, j int) { deliveries[i], deliveries[j] = deliveries[j], deliveries[i] })
		for _, i := range deliveries[:most] {
			lossy.event(fmt.Sprint("e", i), stream[i].kind, stream[i].worker)
		}
		deliveries = deliveries[most:]
	}
	for i, n := range stream {
		n.at = lossy.clock.Now()
		lossy.tells(n)
		if r.IntN(5) == 0 {
			lost++
		} else {
			deliveries = append(deliveries, i, i, i)
		}
		if lossy.clock.Forward(time.Second); i%20 == 19 {
			deliver(len(deliveries) / 2)
			if r.IntN(3) == 0 {
				lossy.quiet()
			}
		}
	}
	deliver(len(deliveries))
	lossy.quiet()
	require.Positive(t, lost)
	for _, h := range []*house{ordered, lossy} {
		h.clock.Forward(time.Hour)
		h.poll()
		h.quiet()
	}
	a, b := ordered.plans(), lossy.plans()
	for id := range maps.Keys(union(a, b)) {
		require.Equal(t, a[id], b[id], "worker %s\nordered: %s\nlossy: %s", id, ordered.story(id), lossy.story(id))
	}
	for id, had := range ordered.access() {
		if lossy.access()[id] != had {
			t.Logf("%s: %q, not %q\nordered: %s\nlossy: %s", id, lossy.access()[id], had, ordered.story(id[3:]), lossy.story(id[3:]))
		}
	}
	require.Equal(t, ordered.access(), lossy.access())
	require.NotEmpty(t, ordered.plans())

	// The days come, and everybody who comes can sign in.
	for _, h := range []*house{ordered, lossy} {
		h.clock.Forward(60 * 24 * time.Hour)
		h.e.Kick()
		h.quiet()
		require.Empty(t, h.plans())
		for stamp, n := range h.state().Creates {
			require.Equal(t, 1, n, stamp)
		}
	}
	require.Equal(t, ordered.access(), lossy.access())
	var failed int
	require.NoError(t, lossy.db.RawScan(t.Context(), &failed, `SELECT count(*) FROM runs WHERE state IN ('failed', 'parked')`))
	if failed > 0 {
		for _, r := range lossy.runs() {
			if r.State == "failed" || r.State == "parked" {
				t.Logf("worker %s: %s: %s\n%s", r.Worker, r.State, r.Reason, lossy.story(r.Worker))
			}
		}
	}
	require.Zero(t, failed)
	coming := 0
	last := map[string]news{}
	for _, n := range stream {
		last[n.worker] = n
	}
	for id, n := range last {
		if n.attributes["status"] != "rescinded" {
			coming++
			require.Contains(t, lossy.access()["hr:"+id], "true", "worker %s", id)
		} else {
			require.Empty(t, lossy.access()["hr:"+id])
		}
	}
	require.Len(t, lossy.access(), coming)
}

// story tells what became of a worker, for a failure's message.
func (h *house) story(worker string) string {
	var text string
	require.NoError(h.t, h.db.RawScan(h.t.Context(), &text, `SELECT coalesce(string_agg(r.state || ' ' || r.reason || ' ' || r.round || ' ' || r.created_at || ' ' || coalesce(r.worker->'attributes'->>'status', '') || ' ' || coalesce((SELECT type FROM events e WHERE e.id = r.event_id), ''), E'\n' ORDER BY r.id), 'none')
		|| E'\n' || (SELECT string_agg(e.type || ' ' || e.received_at || ' ' || e.runs::text, E'\n' ORDER BY e.id) FROM events e WHERE e.worker = $1)
		FROM runs r JOIN joiners j ON j.id = r.joiner_id WHERE j.worker = $1`, worker))
	return text
}
