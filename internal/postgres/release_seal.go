package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"joinery/internal/auth"
	"joinery/internal/review"
)

// sealedText is what a release's seal is of: all that decides what runs by it.
func sealedText(r review.Release) string {
	var b strings.Builder
	for _, f := range []string{r.ID, string(r.Kind), r.Key, strconv.Itoa(r.Revision), r.Hash, string(r.How), r.Root} {
		b.WriteString(strconv.Itoa(len(f)))
		b.WriteByte(':')
		b.WriteString(f)
	}
	return b.String()
}

const releaseMark = "release"

// seal marks a release that the rules have just made live.
func (db *DB) seal(tx *gorm.DB, r review.Release) error {
	if db.sealer == nil {
		return nil
	}
	err := tx.Exec(`INSERT INTO release_seals (release_id, mark) VALUES (?, ?) ON CONFLICT (release_id) DO UPDATE SET mark = excluded.mark`, r.ID, db.sealer.Mark(releaseMark, sealedText(r))).Error
	if err != nil {
		return fmt.Errorf("seal release: %w", err)
	}
	return nil
}

// madeHere reports whether this installation made a release live.
func (db *DB) madeHere(tx *gorm.DB, r review.Release) (bool, error) {
	if db.sealer == nil {
		return true, nil
	}
	var marks [][]byte
	if err := tx.Raw(`SELECT mark FROM release_seals WHERE release_id = ?`, r.ID).Scan(&marks).Error; err != nil {
		return false, asFault(fmt.Errorf("read seal: %w", err))
	}
	return len(marks) == 1 && db.sealer.Marked(releaseMark, sealedText(r), marks[0]), nil
}

// SealReleases seals the releases that are from before there were seals, as they
// stand, and puts that on record. It is done once for a database; after the loss of
// the master key its owner may ask for it again (DELETE FROM release_sealing).
func (db *DB) SealReleases(ctx context.Context) (int, error) {
	if db.sealer == nil {
		return 0, nil
	}
	n := 0
	err := db.tx(ctx, func(tx *gorm.DB) error {
		n = 0
		var done bool
		if err := tx.Raw(`SELECT EXISTS (SELECT 1 FROM release_sealing)`).Scan(&done).Error; err != nil || done {
			return err
		}
		if err := tx.Exec(`SELECT pg_advisory_xact_lock(7402915)`).Error; err != nil {
			return err
		}
		res := tx.Exec(`INSERT INTO release_sealing (once) VALUES (true) ON CONFLICT DO NOTHING`)
		if res.Error != nil || res.RowsAffected == 0 {
			return res.Error // another process did it
		}
		all, err := scanReleases(tx, `ORDER BY seq`)
		if err != nil {
			return err
		}
		for _, r := range all {
			if err := db.seal(tx, r); err != nil {
				return err
			}
		}
		n = len(all)
		return appendAudit(tx, Act{Actor: auth.Engine(), Action: "release.sealed_as_found", Kind: "release", Detail: map[string]any{"releases": n}})
	})
	return n, asFault(err)
}
