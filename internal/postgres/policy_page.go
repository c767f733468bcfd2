package postgres

import (
	"context"
	"fmt"

	"joinery/internal/artifact"
	"joinery/internal/fault"
	"joinery/internal/review"
)

// PolicyRow is a policy as the list shows it.
type PolicyRow struct {
	Artifact
	// Type is the type of the newest revision.
	Type string
	// Problems are those of the newest revision.
	Problems []fault.Problem
	// Warnings are what somebody should look at: rows that ran out or will soon.
	Warnings []fault.Problem
	// Flows are the live flows that use it.
	Flows []Dependent
}

// Policies lists policies by key, after a key. next is "" at the end.
func (db *DB) Policies(ctx context.Context, q, after string, limit int) (page []PolicyRow, next string, err error) {
	all, next, err := db.Artifacts(ctx, review.Policy, q, after, limit)
	if err != nil || len(all) == 0 {
		return nil, next, err
	}
	known, err := db.known(ctx)
	if err != nil {
		return nil, "", err
	}
	keys := make([]string, len(all))
	for i, a := range all {
		keys[i] = a.Key
	}
	contents, err := db.heads(ctx, keys)
	if err != nil {
		return nil, "", err
	}
	uses, err := db.policyUses(ctx, keys)
	if err != nil {
		return nil, "", err
	}
	for _, a := range all {
		content := contents[a.Key]
		k := artifact.Known{Known: known}
		if k.Schemas, err = db.schemas(ctx, review.Policy, content); err != nil {
			return nil, "", err
		}
		page = append(page, PolicyRow{Artifact: a, Type: db.artifacts.PolicyType(content), Flows: uses[a.Key], Problems: db.artifacts.Check(review.Policy, content, k),
			Warnings: db.artifacts.Warnings(review.Policy, content, k, db.now())})
	}
	return page, next, nil
}

// heads gives the newest content of each policy.
func (db *DB) heads(ctx context.Context, keys []string) (map[string][]byte, error) {
	var rows []struct{ Key, Content string }
	err := db.gorm.WithContext(ctx).Raw(`SELECT a.key, r.content FROM artifacts a JOIN revisions r ON r.kind = a.kind AND r.key = a.key AND r.revision = a.head
		WHERE a.kind = ? AND a.key IN ?`, review.Policy, keys).Scan(&rows).Error
	if err != nil {
		return nil, asFault(fmt.Errorf("read policies: %w", err))
	}
	out := map[string][]byte{}
	for _, r := range rows {
		out[r.Key] = []byte(r.Content)
	}
	return out, nil
}

// policyUses gives the live flows that pin each policy.
func (db *DB) policyUses(ctx context.Context, keys []string) (map[string][]Dependent, error) {
	var rows []struct {
		Policy string
		Dependent
	}
	err := db.gorm.WithContext(ctx).Raw(`SELECT p->>'key' AS policy, a.key, a.name, (p->>'revision')::int AS pinned,
		p->>'release' = (SELECT x.id FROM live_releases x WHERE x.kind = ? AND x.key = p->>'key') AS current
		FROM live_releases l JOIN artifacts a ON a.kind = l.kind AND a.key = l.key, jsonb_array_elements(l.pins::jsonb) p
		WHERE p->>'kind' = ? AND p->>'key' IN ? ORDER BY a.key`, review.Policy, review.Policy, keys).Scan(&rows).Error
	if err != nil {
		return nil, asFault(fmt.Errorf("read the uses of policies: %w", err))
	}
	out := map[string][]Dependent{}
	for _, r := range rows {
		out[r.Policy] = append(out[r.Policy], r.Dependent)
	}
	return out, nil
}
