package author

import (
	"context"
	"encoding/json"

	"joinery/internal/flow"
	"joinery/internal/function"
	"joinery/internal/secret"
)

// Store keeps turns while they are worked on. owner names the process that carries the
// turn: what comes from another one changes nothing and gives
// fault.Conflict.
type Store interface {
	// BeginStage sets a stage running, SaySoFar keeps what was said, and EndStage ends
	// it; the turn's state follows from its stages.
	BeginStage(ctx context.Context, t TurnID, owner string, s Stage) error
	SaySoFar(ctx context.Context, t TurnID, owner string, s Stage, said string, rounds int) error
	EndStage(ctx context.Context, t TurnID, owner string, s StageState) error
	// BeginCall keeps what is going out, after the budget was asked; trouble of the kind
	// Budget when it is used up.
	BeginCall(ctx context.Context, owner string, c Call, l Limits) (id string, err error)
	EndCall(ctx context.Context, c Call) error
	// HoldBack records that a call was not made because of what its text held.
	HoldBack(ctx context.Context, c Call, found []Leak) error
	// SaveDraft saves what the checks left as a revision of the turn's owner and binds it.
	SaveDraft(ctx context.Context, t TurnID, owner, model string, left Checks) (Draft, error)
	// Earlier gives the turns of a conversation before one, oldest first.
	Earlier(ctx context.Context, t Turn) ([]Turn, error)
}

// Runtime reads functions and runs their cases where code can do nothing else; deep
// also tries small changes of the source.
type Runtime interface {
	Look(ctx context.Context, c function.Content, deep bool) (function.Examination, error)
}

// World is what the model may look up: names and shapes, never data of people.
type World interface {
	// Library describes what code may call, one line a function.
	Library() string
	Nodes() []flow.Spec
	Connections(ctx context.Context) ([]Connection, error)
	Functions(ctx context.Context) ([]Named, error)
	Function(ctx context.Context, key string) (function.Content, error)
	Policies(ctx context.Context) ([]Named, error)
	// PolicyShape gives a policy's structure: the names of its fields and the types of
	// their values.
	PolicyShape(ctx context.Context, key string) (json.RawMessage, error)
}

// Named is one artifact in a list.
type Named struct {
	Key         string `json:"key"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// Connection is what is told of a connection: what it can do, and the names and types
// of its fields.
type Connection struct {
	Key          string   `json:"key"`
	Kind         string   `json:"kind"`
	Capabilities []string `json:"capabilities"`
	Fields       []Field  `json:"fields,omitempty"`
}

// Field is one attribute of a connection's accounts.
type Field struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Multi    bool   `json:"multi,omitempty"`
	ReadOnly bool   `json:"read_only,omitempty"`
}

// Filter finds what must not go out: values of people's records and secrets that the
// console knows. found is empty when the text may go. ordinary says of what was
// found that it tells nothing.
type Filter interface {
	Leaks(ctx context.Context, text string, ordinary func(found string) bool) (found []Leak, err error)
}

// Leak is one thing in an outgoing text that must not go out.
type Leak struct {
	// What it is: "a mail address of a person", "a credential".
	What string
	// Word is the text itself; empty for secrets.
	Word string
}

// Settings gives the setting that holds and the model's key.
type Settings interface {
	AuthorSetting(ctx context.Context) (Setting, error)
	AuthorKey(ctx context.Context, s Setting) (secret.Value, error)
}
