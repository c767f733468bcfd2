package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/function"
	"joinery/internal/review"
)

// functionSetting is the setting with the rules for functions. The database reads it
// too, before a function goes live.
const functionSetting = "functions"

// FunctionRules are what an installation asks of functions.
type FunctionRules struct {
	// Second are kinds of grants that need a second reviewer: directory:groups.add.
	Second []string `json:"second"`
	// AllowReduced lets functions run where their workers cannot be shut in fully.
	AllowReduced bool `json:"allow_reduced_sandbox"`
}

// looser says whether rules ask for less than others.
func (r FunctionRules) looser(than FunctionRules) bool {
	return r.AllowReduced && !than.AllowReduced || slices.ContainsFunc(than.Second, func(k string) bool { return !slices.Contains(r.Second, k) })
}

func (r FunctionRules) same(as FunctionRules) bool { return !r.looser(as) && !as.looser(r) }

// FunctionSetting are the rules that hold, and looser ones that somebody proposed.
type FunctionSetting struct {
	Rules    FunctionRules  `json:"rules"`
	Proposed *FunctionRules `json:"proposed,omitempty"`
	ByID     string         `json:"by_id,omitempty"`
	ByName   string         `json:"by_name,omitempty"`
}

// FunctionSetting gives the rules for functions.
func (db *DB) FunctionSetting(ctx context.Context) (FunctionSetting, error) {
	return functionRules(ctx, db.pool, "")
}

func functionRules(ctx context.Context, q querier, lock string) (s FunctionSetting, err error) {
	var raw []byte
	err = q.QueryRow(ctx, `SELECT value FROM settings WHERE key = $1 `+lock, functionSetting).Scan(&raw)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, nil
	}
	if err != nil {
		return s, asFault(fmt.Errorf("read rules for functions: %w", err))
	}
	return s, json.Unmarshal(raw, &s)
}

// SetFunctionRules changes the rules. Stricter ones hold at once; looser ones are
// proposed, until another administrator agrees.
func (db *DB) SetFunctionRules(ctx context.Context, by Actor, want FunctionRules) (proposed bool, err error) {
	known := map[string]bool{}
	for _, s := range function.Sensitives() {
		known[s.Kind] = true
	}
	slices.Sort(want.Second)
	want.Second = slices.Compact(append([]string{}, want.Second...))
	for _, k := range want.Second {
		if !known[k] {
			return false, problem("second", fmt.Sprintf("There is no capability %q that could need a second reviewer.", clipText(k, 60)))
		}
	}
	return proposed, db.changeFunctionRules(ctx, by, "setting.save", func(s *FunctionSetting) error {
		if proposed = want.looser(s.Rules); proposed {
			s.Proposed, s.ByID, s.ByName = &want, by.UserID, by.Name
			return nil
		}
		*s = FunctionSetting{Rules: want}
		return nil
	})
}

// AgreeFunctionRules makes proposed rules hold. want is what the second person saw.
func (db *DB) AgreeFunctionRules(ctx context.Context, by Actor, want FunctionRules) error {
	return db.changeFunctionRules(ctx, by, "setting.agree", func(s *FunctionSetting) error {
		switch {
		case s.Proposed == nil || !s.Proposed.same(want):
			return fault.New(fault.Conflict, "These rules are not proposed any more. Look at them again.")
		case by.UserID == s.ByID || by.UserID == "" || by.Lent:
			return fault.New(fault.Forbidden, "You proposed these rules, so another administrator has to agree.")
		}
		*s = FunctionSetting{Rules: *s.Proposed}
		return nil
	})
}

func (db *DB) changeFunctionRules(ctx context.Context, by Actor, action string, change func(*FunctionSetting) error) error {
	if !by.Can(auth.SettingsManage) {
		return fault.New(fault.Forbidden, "Only an administrator changes the rules for functions.")
	}
	return db.ptx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('settings|' || $1, 1))`, functionSetting); err != nil {
			return err
		}
		s, err := functionRules(ctx, tx, "FOR UPDATE")
		if err != nil {
			return err
		}
		if err := change(&s); err != nil {
			return err
		}
		raw, err := json.Marshal(s)
		if err != nil {
			return fmt.Errorf("write rules for functions: %w", err)
		}
		_, err = tx.Exec(ctx, `INSERT INTO settings (key, value, updated_by) VALUES ($1, $2, $3) ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = now(), updated_by = excluded.updated_by`, functionSetting, string(raw), by.ID)
		if err != nil {
			return fmt.Errorf("save rules for functions: %w", err)
		}
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: action, Kind: "setting", ID: functionSetting, Detail: map[string]any{"rules": s.Rules, "proposed": s.Proposed}})
	})
}

// newerOf finds the newest revision of a function when it is later than the one that
// is reviewed and holds something else: code that its author still edits is not
// approved. 0 for the other kinds.
func newerOf(tx *gorm.DB, r review.Review) (newer int, err error) {
	if r.Kind != review.Function {
		return 0, nil
	}
	err = tx.Raw(`SELECT coalesce((SELECT v.revision FROM artifacts a JOIN revisions v ON v.kind = a.kind AND v.key = a.key AND v.revision = a.head
		WHERE a.kind = ? AND a.key = ? AND a.head > ? AND v.hash <> ?), 0)`, r.Kind, r.Key, r.Revision, r.Hash).Scan(&newer).Error
	return newer, asFault(err)
}

// secondOf finds whether a review needs a second reviewer, and who said yes.
func (db *DB) secondOf(tx *gorm.DB, r review.Review) (review.Second, error) {
	var out review.Second
	if r.Kind != review.Function {
		return out, nil
	}
	if err := tx.Raw(`SELECT DISTINCT approver_id FROM approvals WHERE review_id = ? AND hash = ? ORDER BY 1`, r.ID, r.Hash).Scan(&out.By).Error; err != nil {
		return out, asFault(fmt.Errorf("read approvals: %w", err))
	}
	var raw []string
	if err := tx.Raw(`SELECT value::text FROM settings WHERE key = ?`, functionSetting).Scan(&raw).Error; err != nil {
		return out, asFault(fmt.Errorf("read rules for functions: %w", err))
	}
	var s FunctionSetting
	if len(raw) == 0 {
		return out, nil
	}
	if err := json.Unmarshal([]byte(raw[0]), &s); err != nil {
		return out, fmt.Errorf("read rules for functions: %w", err)
	}
	rev, err := findRevision(tx, r.Kind, r.Key, r.Revision)
	if err != nil {
		return out, err
	}
	c, err := function.Decode([]byte(rev.Content))
	if err != nil {
		return out, err
	}
	out.Why = function.NeedSecond(c.Manifest, s.Rules.Second)
	return out, nil
}
