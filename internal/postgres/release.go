package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/review"
)

// release makes a revision live. The caller holds the artifact's lock.
func (db *DB) release(tx *gorm.DB, by Actor, kind review.Kind, key string, number int, how review.How, reason string) (review.Release, error) {
	rev, err := findRevision(tx, kind, key, number)
	if err != nil {
		return review.Release{}, err
	}
	pins, err := db.pins(tx, kind, []byte(rev.Content))
	if err != nil {
		return review.Release{}, err
	}
	text, root, err := review.BillOfMaterials(rev.Hash, pins)
	if err != nil {
		return review.Release{}, err
	}
	out := review.Release{ID: newID("rl_"), Kind: kind, Key: key, Revision: number, Hash: rev.Hash, How: how, Reason: strings.TrimSpace(reason), By: by.Name, At: db.now(), Pins: pins, Root: root}
	err = tx.Exec(`INSERT INTO releases (id, kind, key, revision, hash, how, reason, by_id, by_name, pins, root) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		out.ID, kind, key, number, rev.Hash, how, out.Reason, by.UserID, by.Name, text, root).Error
	if err != nil {
		return review.Release{}, fmt.Errorf("release: %w", err)
	}
	if err := db.seal(tx, out); err != nil {
		return review.Release{}, err
	}
	return out, appendAudit(tx, Act{Actor: by, Action: "release." + string(how), Kind: string(kind), ID: key,
		Detail: map[string]any{"release": out.ID, "revision": number, "hash": rev.Hash, "root": root}})
}

// pins finds the live release of everything that content uses, and of what that
// uses in turn.
func (db *DB) pins(tx *gorm.DB, kind review.Kind, content []byte) ([]review.Pin, error) {
	uses, err := db.artifacts.Uses(kind, content)
	if err != nil {
		return nil, err
	}
	var out []review.Pin
	for i := 0; i < len(uses); i++ {
		u := uses[i]
		if slices.Contains(uses[:i], u) {
			continue
		}
		var rows []review.Pin
		err := tx.Raw(`SELECT kind, key, id AS release, revision, hash FROM releases WHERE kind = ? AND key = ? ORDER BY seq DESC LIMIT 1`, u.Kind, u.Key).Scan(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("find pins: %w", err)
		}
		if len(rows) == 0 {
			return nil, fault.New(fault.Conflict, "The %s %s, which this uses, is not live yet. Have it approved first.", u.Kind, u.Key)
		}
		out = append(out, rows[0])
		if u.Kind == review.Connection {
			continue
		}
		rev, err := findRevision(tx, u.Kind, u.Key, rows[0].Revision)
		if err != nil {
			return nil, err
		}
		more, err := db.artifacts.Uses(u.Kind, []byte(rev.Content))
		if err != nil {
			return nil, err
		}
		uses = append(uses, more...)
	}
	return out, nil
}

// Rollback makes an earlier approved revision live again.
func (db *DB) Rollback(ctx context.Context, by Actor, kind review.Kind, key string, number int, reason string) (review.Release, error) {
	return db.releaseAgain(ctx, by, kind, key, reason, func(a Artifact, tx *gorm.DB) (int, review.How, error) {
		if a.Live == nil {
			return 0, "", fault.New(fault.Conflict, "Nothing of this %s is live, so there is nothing to roll back.", kind)
		}
		if a.Live.Revision == number {
			return 0, "", fault.New(fault.Conflict, "Revision %d is the live one.", number)
		}
		rev, err := findRevision(tx, kind, key, number)
		if err != nil {
			return 0, "", err
		}
		if !rev.Approved {
			return 0, "", fault.New(fault.Conflict, "Revision %d was never approved, so it cannot be rolled back to. Submit it for review.", number)
		}
		return number, review.ByRollback, nil
	})
}

// RefreshPins releases the live revision again with the newest releases of what it uses.
func (db *DB) RefreshPins(ctx context.Context, by Actor, kind review.Kind, key, reason string) (review.Release, error) {
	return db.releaseAgain(ctx, by, kind, key, reason, func(a Artifact, tx *gorm.DB) (int, review.How, error) {
		if a.Live == nil {
			return 0, "", fault.New(fault.Conflict, "Nothing of this %s is live.", kind)
		}
		rev, err := findRevision(tx, kind, key, a.Live.Revision)
		if err != nil {
			return 0, "", err
		}
		pins, err := db.pins(tx, kind, []byte(rev.Content))
		if err != nil {
			return 0, "", err
		}
		_, root, err := review.BillOfMaterials(rev.Hash, pins)
		if err != nil {
			return 0, "", err
		}
		if root == a.Live.Root {
			return 0, "", fault.New(fault.Conflict, "It uses the newest releases already.")
		}
		b, err := db.backtestOf(tx, kind, key, a.Live.Revision)
		if err == nil {
			err = b.MayRelease()
		}
		if err != nil {
			return 0, "", err
		}
		return a.Live.Revision, review.ByRefresh, nil
	})
}

// BreakGlass makes a revision live without approval. It is flagged everywhere
// until a second person ratifies it.
func (db *DB) BreakGlass(ctx context.Context, by Actor, kind review.Kind, key string, number int, reason string) (review.Release, error) {
	rev, err := db.Revision(ctx, kind, key, number)
	if err != nil {
		return review.Release{}, err
	}
	problems, err := db.Problems(ctx, kind, []byte(rev.Content))
	if err != nil {
		return review.Release{}, err
	}
	if err := fault.Refuse(fmt.Sprintf("Revision %d cannot go live before its problems are solved.", rev.Number), problems); err != nil {
		return review.Release{}, err
	}
	return db.releaseAgain(ctx, by, kind, key, reason, func(Artifact, *gorm.DB) (int, review.How, error) { return rev.Number, review.ByBreakGlass, nil })
}

func (db *DB) releaseAgain(ctx context.Context, by Actor, kind review.Kind, key, reason string, rule func(a Artifact, tx *gorm.DB) (int, review.How, error)) (review.Release, error) {
	if by.UserID == "" {
		return review.Release{}, fault.New(fault.Forbidden, "Only a person can release.")
	}
	if err := review.CheckReason(reason); err != nil {
		return review.Release{}, err
	}
	var out review.Release
	err := db.tx(ctx, func(tx *gorm.DB) error {
		if _, _, err := lockArtifact(tx, kind, key); err != nil {
			return err
		}
		a, err := findArtifact(tx, kind, key)
		if err != nil {
			return err
		}
		number, how, err := rule(a, tx)
		if err != nil {
			return err
		}
		out, err = db.release(tx, by, kind, key, number, how, reason)
		return err
	})
	return out, err
}

// Ratify is a second person's word on a release that went live without approval.
func (db *DB) Ratify(ctx context.Context, by Actor, releaseID, comment string) error {
	return db.tx(ctx, func(tx *gorm.DB) error {
		found, err := scanReleases(tx, `WHERE id = ?`, releaseID)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fault.New(fault.NotFound, "There is no such release.")
		}
		return ratify(tx, by, found[0], comment)
	})
}

// RatifyLive ratifies what is live of an artifact. seen is the release the person
// looked at; "" when they name none.
func (db *DB) RatifyLive(ctx context.Context, by Actor, kind review.Kind, key, seen, comment string) (review.Release, error) {
	var out review.Release
	err := db.tx(ctx, func(tx *gorm.DB) error {
		if _, _, err := lockArtifact(tx, kind, key); err != nil {
			return err
		}
		a, err := findArtifact(tx, kind, key)
		if err != nil {
			return err
		}
		if a.Live != nil && seen != "" && seen != a.Live.ID {
			return fault.New(fault.Conflict, "Another release is live than the one you saw: %s. Look at it first.", a.Live.ID)
		}
		if !a.Unratified {
			return fault.New(fault.Conflict, "No release of this %s waits to be ratified.", kind)
		}
		out = *a.Live
		return ratify(tx, by, out, comment)
	})
	return out, err
}

func ratify(tx *gorm.DB, by Actor, r review.Release, comment string) error {
	if by.UserID == "" {
		return fault.New(fault.Forbidden, "Only a person can ratify.")
	}
	if len(comment) > 10_000 {
		return problem("comment", "A comment may have up to 10,000 characters.")
	}
	err := tx.Exec(`INSERT INTO ratifications (release_id, by_id, by_name, comment) VALUES (?, ?, ?, ?)`, r.ID, by.UserID, by.Name, strings.TrimSpace(comment)).Error
	if err != nil {
		return fmt.Errorf("ratify: %w", err)
	}
	return appendAudit(tx, Act{Actor: by, Action: "release.ratify", Kind: string(r.Kind), ID: r.Key, Detail: map[string]any{"release": r.ID}})
}

// Releases lists an artifact's releases, newest first.
func (db *DB) Releases(ctx context.Context, kind review.Kind, key string) ([]review.Release, error) {
	return scanReleases(db.gorm.WithContext(ctx), `WHERE kind = ? AND key = ? ORDER BY seq DESC LIMIT 200`, kind, key)
}

// Release finds a release and its content, and proves both. One that was changed
// behind the rules of the database is refused, and put on record once.
func (db *DB) Release(ctx context.Context, id string) (review.Release, []byte, error) {
	tx := db.gorm.WithContext(ctx)
	r, content, err := storedRelease(tx, id)
	if err != nil {
		return review.Release{}, nil, err
	}
	var approved bool
	err = tx.Raw(`SELECT EXISTS (SELECT 1 FROM approvals a WHERE a.kind = ? AND a.key = ? AND a.revision = ? AND a.hash = ? AND NOT wrote(a.kind, a.key, a.revision, a.approver_id))`,
		r.Kind, r.Key, r.Revision, r.Hash).Scan(&approved).Error
	if err != nil {
		return review.Release{}, nil, asFault(fmt.Errorf("find approval: %w", err))
	}
	sealed, err := db.madeHere(tx, r)
	if err != nil {
		return review.Release{}, nil, err
	}
	if err := r.Prove(content, approved, sealed); err != nil {
		db.alarm(ctx, r, err)
		return review.Release{}, nil, err
	}
	return r, content, nil
}

// storedRelease is a release as it is stored, to be shown and not to be run.
func storedRelease(tx *gorm.DB, id string) (review.Release, []byte, error) {
	found, err := scanReleases(tx, `WHERE id = ?`, id)
	if err != nil {
		return review.Release{}, nil, err
	}
	if len(found) == 0 {
		return review.Release{}, nil, fault.New(fault.NotFound, "There is no such release.")
	}
	rev, err := findRevision(tx, found[0].Kind, found[0].Key, found[0].Revision)
	return found[0], []byte(rev.Content), err
}

// alarm puts a changed release on record, once for each process that meets it.
func (db *DB) alarm(ctx context.Context, r review.Release, why error) {
	if _, known := db.alarms.LoadOrStore(r.ID, true); known {
		return
	}
	db.log.Error("a release was changed in the database", "release", r.ID, "kind", r.Kind, "key", r.Key, "err", why)
	err := db.tx(ctx, func(tx *gorm.DB) error {
		return appendAudit(tx, Act{Actor: auth.Engine(), Action: "release.tampered", Kind: string(r.Kind), ID: r.Key, Detail: map[string]any{"release": r.ID, "revision": r.Revision}})
	})
	if err != nil {
		db.alarms.Delete(r.ID)
		db.log.Error("recording a changed release failed", "release", r.ID, "err", err)
	}
}

func scanReleases(tx *gorm.DB, where string, args ...any) ([]review.Release, error) {
	var rows []struct {
		ID, Kind, Key, Hash, How, Reason, ByName, Pins, Root string
		Revision                                             int
		At                                                   time.Time
	}
	if err := tx.Raw(`SELECT id, kind, key, revision, hash, how, reason, by_name, pins, root, at FROM releases `+where, args...).Scan(&rows).Error; err != nil {
		return nil, asFault(fmt.Errorf("read releases: %w", err))
	}
	var out []review.Release
	for _, r := range rows {
		out = append(out, review.Release{ID: r.ID, Kind: review.Kind(r.Kind), Key: r.Key, Revision: r.Revision, Hash: r.Hash, How: review.How(r.How),
			Reason: r.Reason, By: r.ByName, At: r.At, Pins: readPins(r.Pins), Root: r.Root})
	}
	return out, nil
}

// Dependents lists the flows whose live release pins an artifact, and whether
// they pin its live release.
func (db *DB) Dependents(ctx context.Context, kind review.Kind, key string) ([]Dependent, error) {
	var rows []Dependent
	err := db.gorm.WithContext(ctx).Raw(`SELECT a.key, a.name, (p->>'revision')::int AS pinned,
		p->>'release' = (SELECT x.id FROM live_releases x WHERE x.kind = ? AND x.key = ?) AS current
		FROM live_releases l JOIN artifacts a ON a.kind = l.kind AND a.key = l.key, jsonb_array_elements(l.pins::jsonb) p
		WHERE p->>'kind' = ? AND p->>'key' = ? ORDER BY a.key`, kind, key, kind, key).Scan(&rows).Error
	return rows, asFault(err)
}

// Dependent is a flow whose live release uses an artifact.
type Dependent struct {
	Key     string
	Name    string
	Pinned  int
	Current bool
}
