package chaos

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
	"joinery/internal/review"
)

const dayFlow = `
key: day
name: First day
trigger: hired
nodes:
  - {id: hired, type: hris.event, params: {connection: hr, events: [worker.start_moved]}}
  - {id: start, type: wait.until, params: {date: joiner.start_date, time: "00:00"}}
  - {id: create, type: account.ensure, params: {directory: dir, name: =Lower(joiner.first_name + "." + joiner.last_name), attributes: {displayName: =joiner.last_name, name.familyName: =joiner.last_name, name.givenName: =joiner.first_name}}}
edges:
  - {from: hired.started, to: start}
  - {from: start.due, to: create}
`

// startsIn gives a person whose day begins within these hours, and not in the last of them: in the zone where that is so.
func startsIn(hours int) map[string]any {
	begins := time.Now().UTC().Add(time.Duration(hours) * time.Hour)
	offset := (24 - begins.Hour()) % 24
	if offset > 12 {
		offset -= 24
	}
	zone := "UTC"
	switch {
	case offset > 0: // POSIX: the sign is the other way round
		zone = fmt.Sprintf("Etc/GMT-%d", offset)
	case offset < 0:
		zone = fmt.Sprintf("Etc/GMT+%d", -offset)
	}
	return map[string]any{"start_date": begins.Add(time.Duration(offset) * time.Hour).Format(time.DateOnly), "time_zone": zone}
}

// One node's clock is two hours ahead, two hours behind, or a day ahead. Nobody
// starts early, webhooks are judged right, and no lease is lost.
func TestFault_F27_R26_WrongClock(t *testing.T) {
	need(t)
	t.Parallel()
	for _, shift := range []time.Duration{2 * time.Hour, -2 * time.Hour, 24 * time.Hour} {
		t.Run(shift.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.live(review.Flow, dayFlow)
			wrong := w.node("wrong")
			wrong.Shift = shift
			a, b := wrong.start(t), w.node("right").start(t)
			// Somebody whose day begins within the hour after the next, and somebody whose day has begun.
			w.hris.Set("soon", startsIn(2))
			w.deliver("soon", "worker.start_moved", "soon", a.at)
			asleep := func() int {
				return w.count(`SELECT count(*) FROM runs r JOIN steps s ON s.run_id = r.id AND s.node = 'start' AND s.state = 'waiting' AND s.attempts = 0 WHERE r.state = 'waiting' AND r.wake_at > clock_timestamp()`)
			}
			pgtest.Eventually(t, 20*time.Second, "the wait", func() bool { return asleep() == 1 })
			looked := w.count(`SELECT epoch::int FROM runs WHERE flow = 'day'`)
			const people = 20
			for i := range people {
				w.hire(fmt.Sprint(i), []*process{a, b}[i%2].at)
			}
			pgtest.Eventually(t, 60*time.Second, "the others are done", func() bool { return w.count(`SELECT count(*) FROM runs WHERE state = 'succeeded'`) == people })
			time.Sleep(2 * time.Second)
			require.Equal(t, 1, asleep(), "who starts soon waits")
			require.Equal(t, looked, w.count(`SELECT epoch::int FROM runs WHERE flow = 'day'`), "nobody looked early at who starts soon")
			require.Len(t, w.accounts(), people)
			w.check()
			w.keptLeases()
		})
	}
	t.Run("a node that lived by its own clock would be early", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.live(review.Flow, dayFlow)
		wrong := w.node("wrong")
		wrong.Shift, wrong.OwnClock = 4*time.Minute, true
		a := wrong.start(t)
		w.hris.Set("soon", startsIn(2))
		var began time.Time
		require.NoError(t, w.db.RawScan(t.Context(), &began, `SELECT clock_timestamp()`))
		w.deliver("soon", "worker.start_moved", "soon", a.at)
		require.Equal(t, 1, w.count(`SELECT count(*) FROM runs WHERE created_at - interval '4 minutes' BETWEEN $1::timestamptz - interval '10 seconds' AND clock_timestamp() + interval '10 seconds'`, began), "the test's shift takes effect")
	})
}
