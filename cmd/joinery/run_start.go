package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/run"
)

type runStartCmd struct {
	Flow     string        `required:"" help:"Key of a live flow."`
	Worker   string        `help:"The worker's id in the HRIS." xor:"who" required:""`
	Input    string        `type:"path" help:"JSON file with the worker: {\"worker\": \"4711\"}." xor:"who" required:""`
	Simulate bool          `help:"Read, but write nothing; list what would change."`
	Wait     bool          `help:"Wait until the run ends or waits."`
	Timeout  time.Duration `default:"5m" help:"How long --wait waits."`
	As       string        `help:"E-mail address of who starts it. Without it, the first active administrator."`
}

// Run starts a run. A server that uses the same database carries it.
func (c runStartCmd) Run(ctx context.Context, t *tool) error {
	worker := c.Worker
	if c.Input != "" {
		raw, err := os.ReadFile(c.Input)
		if err != nil {
			return usageError{fault.New(fault.Invalid, "The file %s cannot be read.", c.Input)}
		}
		var in struct {
			Worker string `json:"worker"`
		}
		if err := json.Unmarshal(raw, &in); err != nil || in.Worker == "" {
			return fault.New(fault.Invalid, "%s does not name a worker. It looks like {\"worker\": \"4711\"}.", c.Input)
		}
		worker = in.Worker
	}
	h, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	by, err := h.author(ctx, c.As)
	if err != nil {
		return err
	}
	mode, needs := run.Live, auth.RunStart
	if c.Simulate {
		mode, needs = run.Simulate, auth.RunSimulate
	}
	if !by.Can(needs) {
		return fault.New(fault.Forbidden, "%s may not do that: it needs the permission %s.", by.Email, needs)
	}
	id, err := h.db.StartRun(ctx, by, c.Flow, worker, mode)
	if err != nil {
		return err
	}
	fmt.Fprintln(t.out, id)
	if !c.Wait {
		return nil
	}
	return t.await(ctx, h, string(id), c.Timeout)
}

func (t *tool) await(ctx context.Context, h *house, id string, most time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		d, err := h.db.RunDetail(ctx, id)
		if err != nil {
			return err
		}
		if d.State.Terminal() || d.State == run.Waiting || d.State == run.Parked {
			fmt.Fprintf(t.out, "%s", d.State)
			for _, text := range []string{d.Reason, d.WaitingFor} {
				if text != "" {
					fmt.Fprintf(t.out, ": %s", text)
				}
			}
			fmt.Fprintln(t.out)
			for _, s := range d.Steps {
				fmt.Fprintf(t.out, "  %-24s %-10s %s%s\n", s.Node, s.State, s.Port, s.Error)
			}
			if d.State == run.Failed || d.State == run.Canceled {
				return errSilent
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "The run is still %s. Is a server running on this database?", d.State)
		case <-tick.C:
		}
	}
}
