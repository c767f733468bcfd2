package postgres

import (
	"time"

	"joinery/internal/flow"
	"joinery/internal/joiner"
	"joinery/internal/run"
)

// Hands are those of the engine in this process. A new joiner's run is put into
// them by the transaction that accepts it, so it need not be queued, found and
// claimed; when the process dies, its lease ends like any other.
type Hands struct {
	Owner string
	// Room reserves up to n places and gives how many.
	Room func(n int) int
	// Take gets the runs that are ours now and gives back all places reserved for
	// them; asked is when their leases began at the earliest.
	Take func(runs []Claimed, reserved int, asked time.Time)
}

// Into sets the hands that new runs go into; nil for none.
func (db *DB) Into(h *Hands) { db.hands.Store(h) }

// take marks the runs that go into our hands: those that no other run can come
// before, because their joiner is new.
func (b *acceptance) take(h *Hands) {
	type one struct{ joiner, flow string }
	seen := map[one]bool{}
	var all []*newRun
	for i := range b.items {
		for n := range b.runs[i] {
			r := &b.runs[i][n]
			if r.merged {
				continue
			}
			key := one{b.joiners[i], r.of.key}
			if !b.known[b.joiners[i]] && !seen[key] && r.of.parked == "" && r.of.room < 0 {
				all = append(all, r)
			}
			seen[key] = true
		}
	}
	if len(all) == 0 {
		return
	}
	b.room = h.Room(len(all))
	for _, r := range all[:b.room] {
		r.owner = h.Owner
	}
}

// taken gives the runs that went into our hands.
func (b *acceptance) taken(kept bool) []Claimed {
	if !kept {
		return nil
	}
	var out []Claimed
	for i, it := range b.items {
		for _, r := range b.runs[i] {
			if r.owner == "" || r.merged {
				continue
			}
			e := it.Event
			out = append(out, Claimed{ID: run.ID(r.id), Epoch: 1, Flow: r.of.key, Release: r.of.release, Revision: r.of.revision, Mode: run.Live, JoinerID: b.joiners[i],
				Ref: joiner.Ref{Connection: it.Connection, Worker: e.Worker}, Event: &e, StartedAt: b.now, Steps: map[flow.NodeID]StepRow{}, Moments: map[flow.NodeID]time.Time{}, Trace: it.Trace})
		}
	}
	return out
}
