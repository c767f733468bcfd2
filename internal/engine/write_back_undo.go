package engine

import (
	"context"
	"maps"
	"time"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/policy"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

// takeBack gives fields of the HRIS their values back that a run wrote, where they
// are still what it wrote. What HR changed since stays HR's. The record of the
// write is enough: a receipt may be missing after a crash.
func (k *carrier) takeBack(ctx context.Context, e postgres.Effect) error {
	rows, err := k.e.DB.WritesOf(ctx, e.Key)
	if err != nil || len(rows) == 0 {
		return err
	}
	conn, back, err := k.e.open(ctx, k.rel, e.Connection)
	if err != nil {
		return err
	}
	defer back()
	workers, reads := conn.(connector.Workers)
	fields, writes := conn.(connector.WriteBack)
	if !reads || !writes {
		return fault.New(fault.Invalid, "The connection %s has no fields that can be written back.", e.Connection)
	}
	ctx, cancel := context.WithTimeout(ctx, run.DefaultTimeout)
	defer cancel()
	now, err := countedWorkers{k, e.Connection, workers}.Worker(ctx, k.c.Ref.Worker)
	if fault.Is(err, fault.NotFound) {
		return k.undone(ctx, rows) // with the worker the values are gone
	}
	if err != nil {
		return err
	}
	var ours []postgres.FieldWrite
	set, was := map[string]any{}, map[string]any{}
	for _, r := range rows {
		if policy.SameValue(r.Field, now.Attributes[r.Field], r.Value) {
			ours = append(ours, postgres.FieldWrite{Intent: e.Key + ":undo", JoinerID: r.JoinerID, Connection: r.Connection, Worker: r.Worker, Field: r.Field, Flow: r.Flow, Run: r.Run, Node: r.Node,
				Policy: r.Policy, Value: r.Before, Before: r.Value, Echo: k.echoWindow(r)})
			set[r.Field], was[r.Field] = r.Before, now.Attributes[r.Field]
		}
	}
	if len(set) > 0 {
		if err := k.e.DB.IntendWrites(ctx, ours, postgres.WriteUndone); err != nil {
			return err
		}
		err := k.called(ctx, e.Connection, opWriteBack, func(ctx context.Context) error {
			return update(ctx, fields, k.c.Ref.Worker, maps.Clone(set), was)
		})
		if fault.Is(err, fault.Conflict) {
			return fault.Wrap(fault.Unavailable, err, "The worker changed in the HRIS meanwhile.")
		}
		if err != nil {
			return err
		}
	}
	return k.undone(ctx, rows)
}

func (k *carrier) undone(ctx context.Context, rows []postgres.FieldWrite) error {
	var marks []postgres.WriteMark
	for _, r := range rows {
		marks = append(marks, postgres.WriteMark{Intent: r.Intent, Field: r.Field, State: postgres.WriteUndone})
		k.e.Metrics.WriteBack("undone")
	}
	return k.e.DB.MarkWrites(ctx, marks...)
}

// echoWindow is how long an event of the field is our own echo, by the contract
// that the run pins.
func (k *carrier) echoWindow(r postgres.FieldWrite) time.Duration {
	if p, err := k.rel.policy(r.Policy); err == nil && p.WriteBack != nil {
		if row, ok := p.WriteBack.Find(r.Connection, r.Field); ok {
			return row.EchoWindow()
		}
	}
	return policy.WriteBackField{}.EchoWindow()
}
