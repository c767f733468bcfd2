package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"joinery/internal/audit"
)

type auditVerifyCmd struct{}

// Run verifies the chain against itself and the checkpoints outside the database.
func (auditVerifyCmd) Run(ctx context.Context, t *tool) error {
	h, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	raw, err := os.ReadFile(h.checkpointFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	checkpoints, err := audit.ReadCheckpoints(raw, h.checkpointKey())
	if err != nil {
		return fmt.Errorf("%s: %w", h.checkpointFile(), err)
	}
	report, err := h.db.VerifyAudit(ctx, checkpoints)
	if err != nil {
		return err
	}
	if report.Broken != nil {
		fmt.Fprintf(t.errs, "The audit chain is broken. First broken record: number %d (event %d): %s.\n", report.Broken.Seq, report.Broken.Event, report.Broken.Detail)
		return errSilent
	}
	fmt.Fprintf(t.out, "The audit chain is whole: %d records, %d checkpoints, %d records not sealed yet. Last hash %s.\n", report.Records, len(checkpoints), report.Unsealed, report.Head)
	return nil
}
