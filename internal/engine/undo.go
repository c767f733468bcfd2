package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

// receiptBody is what undoing needs of a receipt.
type receiptBody struct {
	Existed bool               `json:"existed"`
	Changed bool               `json:"changed"`
	Account string             `json:"account"`
	Group   string             `json:"group"`
	Name    string             `json:"name"`
	Changes []connector.Change `json:"changes"`
}

// undo takes back what a run did, newest first. An account it made is disabled
// and not deleted: somebody may have put data into it. What cannot be taken back
// (a message, a request) is left and said.
func (k *carrier) undo(ctx context.Context) {
	effects, err := k.undoable(ctx)
	if err != nil {
		k.stopped(ctx, err)
		return
	}
	left := 0
	var kept []string
	for _, e := range effects {
		k.e.reached(BeforeUndo)
		if k.e.stopping() {
			return // given back; another process goes on
		}
		done, why, err := k.undoOne(ctx, e)
		if err != nil {
			var later *waitError
			if errors.As(err, new(lostError)) || errors.Is(err, context.Canceled) {
				k.stopped(ctx, err)
				return
			}
			if fault.Is(err, fault.Unavailable) || errors.As(err, &later) {
				at := k.e.Now().Add(run.DefaultFirst * 5)
				if later != nil {
					at = later.until
				}
				cp := postgres.Checkpoint{State: run.Waiting, WakeAt: &at, WaitingFor: "another try to undo: " + fault.Sentence(err)}
				if err := k.checkpoint(ctx, &cp); err != nil {
					k.stopped(ctx, err)
				}
				return
			}
			k.e.Log.Error("undoing stopped", "run", k.c.ID, "node", e.Node, "connection", e.Connection, "kind", fault.KindOf(err), "err", err)
			k.end(ctx, run.Failed, fmt.Sprintf("Undoing stopped at %s in %s: %s", e.Operation, e.Connection, fault.Sentence(err)))
			return
		}
		if why != "" {
			kept = append(kept, why)
		} else if !done {
			left++
		}
		k.e.reached(AfterUndo)
		if err := k.e.DB.MarkUndone(ctx, k.c.ID, k.e.Owner, k.c.Epoch, e.Key, false); err != nil {
			k.stopped(ctx, err)
			return
		}
	}
	cp := postgres.Checkpoint{State: run.Compensated, Reason: "What this run did was undone.", Acts: []postgres.Act{k.act("run.compensated", map[string]any{"effects": len(effects), "left": left})}}
	if left > 0 {
		cp.Reason = fmt.Sprintf("What this run did was undone, except %d messages or requests that cannot be taken back.", left)
	}
	for _, why := range kept {
		cp.Reason += " One membership was not given back. " + why
	}
	for id, row := range k.c.Steps {
		if row.State == run.StepSucceeded || row.State == run.StepFailed {
			row.State = run.StepUndone
			cp.Steps = append(cp.Steps, row)
			k.c.Steps[id] = row
		}
	}
	if err := k.checkpoint(ctx, &cp); err != nil {
		k.stopped(ctx, err)
	}
}

// undoable lists what is to be undone: what this run did, or, when the flow itself
// says so, all that its runs did for the joiner.
func (k *carrier) undoable(ctx context.Context) ([]postgres.Effect, error) {
	for _, n := range k.rel.content.Nodes {
		row := k.c.Steps[n.ID]
		if spec, ok := k.e.Nodes.Spec(n.Type); ok && spec.Ends && n.Params["outcome"] == "undone" && (row.State == run.StepSucceeded || row.State == run.StepUndone) {
			return k.e.DB.UndoableOf(ctx, k.c.Flow, k.c.JoinerID)
		}
	}
	return k.e.DB.Undoable(ctx, k.c.ID)
}

// undoOne takes back one effect; false when it is none that can be, and why an
// invariant of the flow forbids it.
func (k *carrier) undoOne(ctx context.Context, e postgres.Effect) (done bool, why string, err error) {
	var r receiptBody
	if err := json.Unmarshal(e.Receipt, &r); err != nil {
		return false, "", fmt.Errorf("read receipt: %w", err)
	}
	if !r.Changed && e.Operation != opWriteBack && !(e.Operation == opAdopt && r.Account == "") {
		return true, "", nil
	}
	if e.Operation == opMail || e.Operation == opHTTP {
		return false, "", nil
	}
	if e.Operation == opWriteBack {
		return true, "", k.takeBack(ctx, e)
	}
	conn, back, err := k.e.open(ctx, k.rel, e.Connection)
	if err != nil {
		return false, "", err
	}
	defer back()
	if r.Account != "" {
		// It may have another id than when that was done.
		now, err := k.e.DB.AccountNow(ctx, k.c.JoinerID, e.Connection, r.Account)
		if err != nil {
			return false, "", err
		}
		if now != "" {
			r.Account = now
		}
	}
	if e.Operation == opAdopt {
		return true, "", k.giveAccountBack(ctx, e, r, conn)
	}
	dir, ok := conn.(connector.Directory)
	if !ok {
		return false, "", fault.New(fault.Invalid, "The connection %s has no accounts and groups.", e.Connection)
	}
	dir = countedDirectory{k, e.Connection, dir}
	ctx, cancel := context.WithTimeout(ctx, run.DefaultTimeout)
	defer cancel()
	switch e.Operation {
	case opCreate, opEnable:
		_, err = dir.SetEnabled(ctx, r.Account, false)
	case opDisable:
		_, err = dir.SetEnabled(ctx, r.Account, true)
	case opAdd:
		_, err = dir.EnsureNotMember(ctx, r.Group, r.Account)
	case opRemove:
		if why, err = k.forbidsAgain(ctx, dir, e.Connection, r.Group); err != nil || why != "" {
			return false, why, err
		}
		_, err = dir.EnsureMember(ctx, r.Group, r.Account)
	case opRename:
		_, err = connector.Rename(ctx, dir, r.Account, r.Name)
	case opMove:
		err = k.undoMove(ctx, dir, e.Connection, r)
	case opUpdate:
		set := map[string]any{}
		for _, c := range r.Changes {
			set[c.Attribute] = c.Before
		}
		_, err = dir.UpdateAccount(ctx, r.Account, set)
	}
	return true, "", err
}
