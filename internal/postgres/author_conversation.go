package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/review"
)

// Ask is something to be asked of the model: in a conversation, or in a new one about
// a function. Without a function it asks for a new one.
type Ask struct {
	Conversation author.ConversationID
	Function     string
	Kind         author.Kind
	Text         string
}

// AskAuthor begins a turn, and a conversation where it is the first.
func (db *DB) AskAuthor(ctx context.Context, by Actor, a Ask) (author.ConversationID, author.TurnID, error) {
	if !by.Can(auth.ArtifactWrite) {
		return "", "", fault.New(fault.Forbidden, "Only people who may write functions can ask for one. Ask an administrator for the role builder.")
	}
	a.Text = strings.TrimSpace(strings.ReplaceAll(a.Text, "\x00", ""))
	if n := len([]rune(a.Text)); n == 0 || n > 10_000 {
		return "", "", problem("text", "Say in 1 to 10,000 characters what you want.")
	}
	if err := db.authorMayBeAsked(ctx); err != nil {
		return "", "", err
	}
	turn := author.TurnID(newID("at_"))
	err := db.ptx(ctx, func(tx pgx.Tx) error {
		var err error
		if a.Conversation == "" {
			err = db.startConversation(ctx, tx, by, &a)
		} else {
			err = joinConversation(ctx, tx, by, &a)
		}
		if err != nil {
			return err
		}
		if err := fewOpen(ctx, tx, by); err != nil {
			return err
		}
		if err := db.addTurn(ctx, tx, turn, &a); err != nil {
			return err
		}
		return appendAuditTx(ctx, tx, Act{Actor: by, Action: "author.ask", Kind: "conversation", ID: string(a.Conversation),
			Detail: map[string]any{"turn": turn, "kind": a.Kind, "function": a.Function}})
	})
	return a.Conversation, turn, err
}

func (db *DB) authorMayBeAsked(ctx context.Context) error {
	s, err := db.AuthorSetting(ctx)
	switch {
	case err != nil:
		return err
	case s.Policy == author.Off:
		return fault.New(fault.Forbidden, "The function author is switched off here. An administrator can switch it on under Settings.")
	case !s.Ready():
		return fault.New(fault.Invalid, "No language model is set up. An administrator can set one up under Settings.")
	}
	return nil
}

// mostOpen is how many things one person may have under way, so that others are not kept
// waiting.
const mostOpen = 25

func fewOpen(ctx context.Context, tx pgx.Tx, by Actor) error {
	var open int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM author_turns t JOIN author_conversations c ON c.id = t.conversation_id WHERE t.state IN ('waiting', 'running') AND c.owner_id = $1`, by.UserID).Scan(&open)
	if err == nil && open >= mostOpen {
		err = fault.New(fault.TooMany, "You have %d requests under way. Wait for one, or cancel one.", open)
	}
	return err
}

func (db *DB) startConversation(ctx context.Context, tx pgx.Tx, by Actor, a *Ask) error {
	a.Conversation = author.ConversationID(newID("ac_"))
	title := a.Text
	if line, _, more := strings.Cut(title, "\n"); more {
		title = line
	}
	_, err := tx.Exec(ctx, `INSERT INTO author_conversations (id, owner_id, owner_name, title, function_key, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6)`,
		a.Conversation, by.UserID, by.Name, clipText(title, 120), a.Function, db.now())
	return err
}

// joinConversation locks a conversation for its owner's next turn.
func joinConversation(ctx context.Context, tx pgx.Tx, by Actor, a *Ask) error {
	var owner, function string
	err := tx.QueryRow(ctx, `SELECT owner_id, function_key FROM author_conversations WHERE id = $1 FOR UPDATE`, a.Conversation).Scan(&owner, &function)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fault.New(fault.NotFound, "There is no such conversation.")
	case err != nil:
		return err
	case owner != by.UserID:
		return fault.New(fault.Forbidden, "This is another person's conversation. Begin one of your own about this function.")
	}
	a.Function = function
	return nil
}

func (db *DB) addTurn(ctx context.Context, tx pgx.Tx, id author.TurnID, a *Ask) error {
	base, content := 0, ""
	if a.Function != "" {
		err := tx.QueryRow(ctx, `SELECT r.revision, r.content FROM artifacts a JOIN revisions r ON r.kind = a.kind AND r.key = a.key AND r.revision = a.head
			WHERE a.kind = 'function' AND a.key = $1`, a.Function).Scan(&base, &content)
		if errors.Is(err, pgx.ErrNoRows) {
			return noArtifact(review.Function, a.Function)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case a.Kind == author.Request && base > 0:
		a.Kind = author.FollowUp
	case a.Kind == author.FollowUp && base == 0:
		a.Kind = author.Request
	case a.Kind.Stages() == nil:
		return problem("kind", "Ask for a function, a change, more tests, or an explanation.")
	case base == 0 && a.Kind != author.Request:
		return problem("kind", "There is no function yet that this could be about.")
	}
	var number int
	err := tx.QueryRow(ctx, `INSERT INTO author_turns (id, conversation_id, number, kind, ask, state, base_revision, content, due_at, created_at)
		VALUES ($1, $2, (SELECT coalesce(max(number), 0) + 1 FROM author_turns WHERE conversation_id = $2), $3, $4, 'waiting', $5, $6, $7, $7) RETURNING number`,
		id, a.Conversation, a.Kind, a.Text, base, content, db.now()).Scan(&number)
	if fault.Is(asFault(err), fault.Conflict) {
		return fault.New(fault.Conflict, "What you asked before is still under way. Wait for it, answer it, or cancel it.")
	}
	if err != nil {
		return err
	}
	for i, s := range a.Kind.Stages() {
		if _, err := tx.Exec(ctx, `INSERT INTO author_stages (turn_id, stage, position, state) VALUES ($1, $2, $3, 'waiting')`, id, s, i); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `UPDATE author_conversations SET updated_at = $2 WHERE id = $1`, a.Conversation, db.now())
	return err
}

const conversationSQL = `SELECT id, owner_id, owner_name, title, function_key, created_at, updated_at FROM author_conversations`

func scanConversation(row pgx.CollectableRow) (c author.Conversation, err error) {
	err = row.Scan(&c.ID, &c.OwnerID, &c.OwnerName, &c.Title, &c.Function, &c.CreatedAt, &c.UpdatedAt)
	return c, err
}

// AuthorConversations lists conversations, newest first: of one owner, about one
// function, or all ("" is any). before is the id after which to go on.
func (db *DB) AuthorConversations(ctx context.Context, owner, function, before string, limit int) ([]author.Conversation, error) {
	rows, err := db.pool.Query(ctx, conversationSQL+` WHERE ($1 = '' OR owner_id = $1) AND ($2 = '' OR function_key = $2) AND ($3 = '' OR id < $3) ORDER BY id DESC LIMIT $4`,
		owner, function, before, pageSize(limit))
	if err != nil {
		return nil, asFault(fmt.Errorf("list conversations: %w", err))
	}
	out, err := pgx.CollectRows(rows, scanConversation)
	return out, asFault(err)
}

// AuthorConversation finds one, with its turns and their stages.
func (db *DB) AuthorConversation(ctx context.Context, id author.ConversationID) (c author.Conversation, turns []author.Turn, err error) {
	rows, err := db.pool.Query(ctx, conversationSQL+` WHERE id = $1`, id)
	if err == nil {
		c, err = pgx.CollectExactlyOneRow(rows, scanConversation)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return c, nil, fault.New(fault.NotFound, "There is no such conversation.")
	}
	if err != nil {
		return c, nil, asFault(fmt.Errorf("read conversation: %w", err))
	}
	turns, err = db.authorTurns(ctx, `t.conversation_id = $1`, id)
	return c, turns, err
}

// AuthorTurn finds one turn with its stages.
func (db *DB) AuthorTurn(ctx context.Context, id author.TurnID) (author.Turn, error) {
	all, err := db.authorTurns(ctx, `t.id = $1`, id)
	if err == nil && len(all) == 0 {
		err = fault.New(fault.NotFound, "There is no such turn of a conversation.")
	}
	if err != nil {
		return author.Turn{}, err
	}
	return all[0], nil
}

// Earlier gives the turns of a conversation before one, oldest first.
func (db *DB) Earlier(ctx context.Context, t author.Turn) ([]author.Turn, error) {
	return db.authorTurns(ctx, `t.conversation_id = $1 AND t.number < $2`, t.Conversation, t.Number)
}

func (db *DB) authorTurns(ctx context.Context, where string, args ...any) ([]author.Turn, error) {
	rows, err := db.pool.Query(ctx, `SELECT t.id, t.conversation_id, c.owner_id, t.number, t.kind, t.ask, t.state, c.function_key, t.base_revision, t.content, t.created_at, t.ended_at,
		s.stage, s.state, s.result, s.said, s.rounds, s.trouble, s.started_at, s.ended_at
		FROM author_turns t JOIN author_conversations c ON c.id = t.conversation_id JOIN author_stages s ON s.turn_id = t.id WHERE `+where+` ORDER BY t.number, s.position`, args...)
	if err != nil {
		return nil, asFault(fmt.Errorf("read turns: %w", err))
	}
	defer rows.Close()
	var out []author.Turn
	for rows.Next() {
		var t author.Turn
		var s author.StageState
		var content, result, trouble string
		var started, ended *time.Time
		err := rows.Scan(&t.ID, &t.Conversation, &t.OwnerID, &t.Number, &t.Kind, &t.Ask, &t.State, &t.Function, &t.BaseRevision, &content, &t.CreatedAt, &t.EndedAt,
			&s.Stage, &s.State, &result, &s.Said, &s.Rounds, &trouble, &started, &ended)
		if err != nil {
			return nil, asFault(fmt.Errorf("read turns: %w", err))
		}
		if s.Trouble, err = readTrouble(trouble); err != nil {
			return nil, err
		}
		t.Content, s.Result, s.StartedAt, s.EndedAt = []byte(content), []byte(result), started, ended
		if n := len(out); n == 0 || out[n-1].ID != t.ID {
			out = append(out, t)
		}
		last := &out[len(out)-1]
		last.Stages = append(last.Stages, s)
	}
	return out, asFault(rows.Err())
}
