package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"joinery/internal/artifact"
	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/review"
)

// AnyBase saves on top of whatever is newest.
const AnyBase = -1

// Save is one content to become a revision.
type Save struct {
	Doc     artifact.Doc
	Message string
	// Base is the revision the author started from: 0 for a new artifact, AnyBase
	// to save on top of whatever is there.
	Base int
	// Via says by which way it came: "console", "api", "cli".
	Via string
	// Restored is the revision whose content this is, when it is brought back.
	Restored int
}

// Saved tells what became of it.
type Saved struct {
	Revision int
	Hash     string
	// New is false when the content equals the newest revision's: nothing was written.
	New bool
	// Problems keep the revision from being submitted, not from being saved.
	Problems []fault.Problem
}

// SaveRevision keeps content as the newest revision. An unchanged content makes
// no revision. fault.Conflict when Base is not the newest any more.
func (db *DB) SaveRevision(ctx context.Context, by Actor, s Save) (Saved, error) {
	out, err := db.SaveTogether(ctx, by, []Save{s})
	if err != nil {
		return Saved{}, err
	}
	return out[0], nil
}

// SaveTogether keeps several contents as the newest revisions, all of them or none.
// They are locked in one order, so two that save the same do not wait for each other.
func (db *DB) SaveTogether(ctx context.Context, by Actor, all []Save) ([]Saved, error) {
	if by.UserID == "" {
		return nil, fault.New(fault.Forbidden, "Only a person can write a revision.")
	}
	for _, s := range all {
		if len(s.Message) > 2000 {
			return nil, fault.New(fault.Invalid, "The message may have up to 2,000 characters.")
		}
	}
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(all[a].Doc.Kind, all[b].Doc.Kind), cmp.Compare(all[a].Doc.Key, all[b].Doc.Key))
	})
	var out []Saved
	err := db.tx(ctx, func(tx *gorm.DB) (err error) {
		out = make([]Saved, len(all))
		for _, i := range order {
			if out[i], err = saveRevision(tx, by, all[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, s := range all {
		if out[i].Problems, err = db.Problems(ctx, s.Doc.Kind, s.Doc.Content); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func saveRevision(tx *gorm.DB, by Actor, s Save) (Saved, error) {
	d := s.Doc
	if d.Kind == review.Connection && d.Key == author.CredentialPlace {
		return Saved{}, problem("key", "This key is kept for the language model. Choose another key.")
	}
	err := tx.Exec(`INSERT INTO artifacts (kind, key, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, d.Kind, d.Key, d.Name).Error
	if err != nil {
		return Saved{}, fmt.Errorf("add artifact: %w", err)
	}
	head, hash, err := lockArtifact(tx, d.Kind, d.Key)
	if err != nil {
		return Saved{}, err
	}
	if s.Base != AnyBase && s.Base != head {
		if s.Base == 0 {
			return Saved{}, fault.New(fault.Conflict, "There is already a %s with the key %q. Choose another key.", d.Kind, d.Key)
		}
		return Saved{}, fault.New(fault.Conflict, "This %s changed after you opened it: it is now at revision %d, and you started from %d. Compare the two and save again.", d.Kind, head, s.Base)
	}
	out := Saved{Revision: head, Hash: d.Hash}
	if hash == d.Hash {
		return out, nil
	}
	out.Revision, out.New = head+1, true
	err = tx.Exec(`INSERT INTO revisions (kind, key, revision, content, hash, message, author_id, author_name, via, restored) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		d.Kind, d.Key, out.Revision, string(d.Content), d.Hash, strings.TrimSpace(s.Message), by.UserID, by.Name, s.Via, s.Restored).Error
	if err != nil {
		return Saved{}, fmt.Errorf("add revision: %w", err)
	}
	if err := tx.Exec(`UPDATE artifacts SET head = ?, name = ?, updated_at = now() WHERE kind = ? AND key = ?`, out.Revision, d.Name, d.Kind, d.Key).Error; err != nil {
		return Saved{}, fmt.Errorf("move head: %w", err)
	}
	return out, appendAudit(tx, Act{Actor: by, Action: "revision.save", Kind: string(d.Kind), ID: d.Key,
		Detail: map[string]any{"revision": out.Revision, "hash": d.Hash, "via": s.Via, "restored": s.Restored}})
}

// RestoreRevision brings an earlier content back as a new revision.
func (db *DB) RestoreRevision(ctx context.Context, by Actor, kind review.Kind, key string, number, base int, via string) (Saved, error) {
	if number <= 0 {
		return Saved{}, fault.New(fault.Invalid, "Say which revision to restore.")
	}
	rev, err := db.Revision(ctx, kind, key, number)
	if err != nil {
		return Saved{}, err
	}
	doc, err := db.artifacts.Read(kind, key, []byte(rev.Content))
	if err != nil {
		return Saved{}, err
	}
	return db.SaveRevision(ctx, by, Save{Doc: doc, Message: fmt.Sprintf("Restore revision %d", number), Base: base, Via: via, Restored: number})
}

// Problems finds what keeps content from being submitted, knowing which
// connections there are.
// Policies and functions that come with it, and are not there yet, count as there.
func (db *DB) Problems(ctx context.Context, kind review.Kind, content []byte, beside ...artifact.Doc) ([]fault.Problem, error) {
	known, err := db.known(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range beside {
		switch d.Kind {
		case review.Policy:
			known.Policies[d.Key] = db.artifacts.PolicyType(d.Content)
			delete(known.Contracts, d.Key)
			if fields := db.artifacts.Contract(d.Content); fields != nil {
				known.Contracts[d.Key] = fields
			}
		case review.Function:
			known.Functions[d.Key] = true
		}
	}
	k := artifact.Known{Known: known}
	if k.Schemas, err = db.schemas(ctx, kind, content); err != nil {
		return nil, err
	}
	return db.artifacts.Check(kind, content, k), nil
}

// known gives what content may name: connections and what they can do, policies
// and their types.
func (db *DB) known(ctx context.Context) (flow.Known, error) {
	out := flow.Known{Policies: map[string]string{}, Contracts: map[string]map[string][]string{}}
	var err error
	if out.Connections, err = db.connectionCapabilities(ctx); err != nil {
		return out, err
	}
	functions, err := db.newest(ctx, review.Function)
	if err != nil {
		return out, err
	}
	out.Functions = map[string]bool{}
	for key := range functions {
		out.Functions[key] = true
	}
	contents, err := db.newest(ctx, review.Policy)
	for key, content := range contents {
		out.Policies[key] = db.artifacts.PolicyType(content)
		if fields := db.artifacts.Contract(content); fields != nil {
			out.Contracts[key] = fields
		}
	}
	return out, err
}

// newest gives the live content of each artifact of a kind, or the head's where
// none is live.
func (db *DB) newest(ctx context.Context, kind review.Kind) (map[string][]byte, error) {
	var rows []struct{ Key, Content string }
	err := db.gorm.WithContext(ctx).Raw(`SELECT a.key, r.content FROM artifacts a JOIN revisions r ON r.kind = a.kind AND r.key = a.key AND r.revision =
		coalesce((SELECT revision FROM live_releases l WHERE l.kind = a.kind AND l.key = a.key), a.head) WHERE a.kind = ?`, kind).Scan(&rows).Error
	if err != nil {
		return nil, asFault(fmt.Errorf("read what is newest: %w", err))
	}
	out := map[string][]byte{}
	for _, r := range rows {
		out[r.Key] = []byte(r.Content)
	}
	return out, nil
}

func (db *DB) connectionCapabilities(ctx context.Context) (map[string][]string, error) {
	contents, err := db.newest(ctx, review.Connection)
	out := map[string][]string{}
	for key, content := range contents {
		out[key] = db.artifacts.Capabilities(content)
	}
	return out, err
}

// lockArtifact takes the artifact's row for the rest of the transaction, so that
// saving, reviewing and releasing one artifact happen one after another.
func lockArtifact(tx *gorm.DB, kind review.Kind, key string) (head int, hash string, err error) {
	var rows []struct {
		Head int
		Hash string
	}
	err = tx.Table("artifacts").Select("head").Clauses(clause.Locking{Strength: "UPDATE"}).Where("kind = ? AND key = ?", kind, key).Scan(&rows).Error
	if err != nil {
		return 0, "", fmt.Errorf("lock artifact: %w", err)
	}
	if len(rows) == 0 {
		return 0, "", noArtifact(kind, key)
	}
	head = rows[0].Head
	err = tx.Raw(`SELECT coalesce((SELECT hash FROM revisions WHERE kind = ? AND key = ? AND revision = ?), '')`, kind, key, head).Scan(&hash).Error
	return head, hash, err
}
