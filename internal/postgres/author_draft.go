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
	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/review"
)

// ViaAuthor marks revisions that came out of a conversation with the model.
const ViaAuthor = "author"

// SaveDraft saves content as a revision that the turn's owner writes, by the owner's own
// permission and on the revision that the turn began with, and binds it to the turn. The
// same turn saves once.
func (db *DB) SaveDraft(ctx context.Context, id author.TurnID, owner, model string, left author.Checks) (author.Draft, error) {
	c, gaps := left.Content, left.Gaps
	if err := db.authorMayBeAsked(ctx); err != nil {
		return author.Draft{}, err
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return author.Draft{}, fmt.Errorf("write function: %w", err)
	}
	doc, err := db.artifacts.Read(review.Function, c.Key, raw)
	if err != nil {
		return author.Draft{}, err
	}
	if gaps == nil {
		gaps = []author.Gap{}
	}
	missed, err := json.Marshal(gaps)
	if err != nil {
		return author.Draft{}, fmt.Errorf("write gaps: %w", err)
	}
	var noticed *int
	if n := left.Report.Noticed(); !slices.ContainsFunc(gaps, func(g author.Gap) bool { return g.Gate != author.GateMutation }) {
		noticed = &n
	}
	out := author.Draft{Function: c.Key, Hash: doc.Hash, Gaps: gaps}
	err = db.tx(ctx, func(tx *gorm.DB) error {
		t, by, err := draftedTurn(tx, id, owner)
		if err != nil {
			return err
		}
		if done, err := boundTo(tx, id, &out); done || err != nil {
			return err
		}
		saved, err := saveRevision(tx, by, Save{Doc: doc, Message: clipText(t.Ask, 500), Base: t.BaseRevision, Via: ViaAuthor})
		if err != nil {
			return err
		}
		out.Revision, out.New = saved.Revision, saved.New
		if err := tx.Exec(`UPDATE author_conversations SET function_key = ?, updated_at = ? WHERE id = ?`, c.Key, db.now(), t.ConversationID).Error; err != nil {
			return err
		}
		if !saved.New {
			return nil
		}
		err = tx.Exec(`INSERT INTO author_revisions (key, revision, hash, conversation_id, turn_id, model, gaps, noticed, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			c.Key, saved.Revision, doc.Hash, t.ConversationID, id, model, storable(string(missed)), noticed, db.now()).Error
		if err != nil {
			return fmt.Errorf("bind revision: %w", err)
		}
		return appendAudit(tx, Act{Actor: by, Action: "author.draft", Kind: string(review.Function), ID: c.Key,
			Detail: map[string]any{"revision": saved.Revision, "hash": doc.Hash, "conversation": t.ConversationID, "turn": id, "model": model, "gaps": len(gaps)}})
	})
	return out, err
}

type draftTurn struct {
	ConversationID string
	OwnerID        string
	Ask            string
	BaseRevision   int
}

// draftedTurn locks a turn that this process carries, and gives its owner as who acts.
func draftedTurn(tx *gorm.DB, id author.TurnID, owner string) (t draftTurn, by Actor, err error) {
	var rows []draftTurn
	err = tx.Raw(`SELECT t.conversation_id, c.owner_id, t.ask, t.base_revision FROM author_turns t JOIN author_conversations c ON c.id = t.conversation_id
		WHERE t.id = ? AND t.owner = ? AND t.state = 'running' FOR UPDATE OF t`, id, owner).Scan(&rows).Error
	if err != nil {
		return t, by, fmt.Errorf("lock turn: %w", err)
	}
	if len(rows) == 0 {
		return t, by, errNotOurs()
	}
	var users []userRow
	if err := tx.Raw(`SELECT `+userColumns+` FROM users WHERE id = ? AND active`, rows[0].OwnerID).Scan(&users).Error; err != nil {
		return t, by, fmt.Errorf("find who asked: %w", err)
	}
	if len(users) == 1 {
		by = users[0].user().Actor()
	}
	if !by.Can(auth.ArtifactWrite) {
		return t, by, fault.New(fault.Forbidden, "Who asked may not write functions any more, so nothing was saved.")
	}
	return rows[0], by, nil
}

// boundTo finds what the turn saved before.
func boundTo(tx *gorm.DB, id author.TurnID, out *author.Draft) (bool, error) {
	var rows []struct {
		Key, Hash string
		Revision  int
	}
	err := tx.Raw(`SELECT key, hash, revision FROM author_revisions WHERE turn_id = ? AND hash = ?`, id, out.Hash).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return false, err
	}
	out.Function, out.Hash, out.Revision, out.New = rows[0].Key, rows[0].Hash, rows[0].Revision, true
	return true, nil
}

const bindingSQL = `SELECT key, revision, hash, conversation_id, turn_id, model, gaps, noticed, at FROM author_revisions`

func scanBinding(row pgx.CollectableRow) (b author.Binding, err error) {
	var gaps string
	if err = row.Scan(&b.Function, &b.Revision, &b.Hash, &b.Conversation, &b.Turn, &b.Model, &gaps, &b.Noticed, &b.At); err != nil {
		return b, err
	}
	return b, json.Unmarshal([]byte(gaps), &b.Gaps)
}

// AuthorBindings lists the revisions of a function that came out of conversations, from
// one revision to another, newest first.
func (db *DB) AuthorBindings(ctx context.Context, key string, from, to int) ([]author.Binding, error) {
	rows, err := db.pool.Query(ctx, bindingSQL+` WHERE key = $1 AND revision BETWEEN $2 AND $3 ORDER BY revision DESC`, key, from, to)
	if err != nil {
		return nil, asFault(fmt.Errorf("list bindings: %w", err))
	}
	out, err := pgx.CollectRows(rows, scanBinding)
	return out, asFault(err)
}

// AuthorBinding finds the newest binding of a content by its hash; false when it came
// from a person's hand.
func (db *DB) AuthorBinding(ctx context.Context, hash string) (author.Binding, bool, error) {
	rows, err := db.pool.Query(ctx, bindingSQL+` WHERE hash = $1 ORDER BY at DESC LIMIT 1`, hash)
	if err != nil {
		return author.Binding{}, false, asFault(fmt.Errorf("find binding: %w", err))
	}
	b, err := pgx.CollectExactlyOneRow(rows, scanBinding)
	if errors.Is(err, pgx.ErrNoRows) {
		return b, false, nil
	}
	return b, err == nil, asFault(err)
}
