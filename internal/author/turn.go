package author

import (
	"slices"
	"time"
)

// ConversationID and TurnID are ids of the store.
type (
	ConversationID string
	TurnID         string
)

// Conversation is about one function; Function is empty until there is a draft.
type Conversation struct {
	ID        ConversationID
	OwnerID   string
	OwnerName string
	Title     string
	Function  string
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Kind says what a turn asks for.
type Kind string

// The kinds of turn.
const (
	Request   Kind = "request"    // a new function
	FollowUp  Kind = "follow_up"  // a change of the function there is
	Explain   Kind = "explain"    // what the function does
	Why       Kind = "why"        // why a test fails
	MoreTests Kind = "more_tests" // more tests for the function there is
)

// Stage is one part of the work on a turn.
type Stage string

// The stages.
const (
	IntentStage Stage = "intent" // what was understood, to be confirmed
	TestsStage  Stage = "tests"  // the tests that say the same
	CodeStage   Stage = "code"   // Lua that passes them
	ChecksStage Stage = "checks" // the gates, and what was repaired
	DraftStage  Stage = "draft"  // the revision that was saved
	AnswerStage Stage = "answer" // words only: nothing is saved
)

// Stages are the stages that a kind of turn goes through, in order; nil for none.
func (k Kind) Stages() []Stage {
	switch k {
	case Request, FollowUp:
		return []Stage{IntentStage, TestsStage, CodeStage, ChecksStage, DraftStage}
	case MoreTests:
		return []Stage{TestsStage, ChecksStage, DraftStage}
	case Explain, Why:
		return []Stage{AnswerStage}
	}
	return nil
}

// State is how far a turn or a stage is.
type State string

// The states.
const (
	Waiting   State = "waiting"
	Running   State = "running"
	NeedsYou  State = "needs_you"
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Ended says that nothing more happens by itself or by an answer.
func (s State) Ended() bool { return s == Done || s == Failed || s == Cancelled }

// Turn is one thing that was asked.
type Turn struct {
	ID           TurnID
	Conversation ConversationID
	// OwnerID asked, and is who writes the draft.
	OwnerID string
	Number  int
	Kind    Kind
	Ask     string
	State   State
	// Function is the key that the conversation is about, and BaseRevision and Content
	// the function as it was when this was asked; empty for a new one.
	Function     string
	BaseRevision int
	Content      []byte
	CreatedAt    time.Time
	EndedAt      *time.Time
	Stages       []StageState
}

// StageState is how far a stage is and what came of it.
type StageState struct {
	Stage Stage
	State State
	// Result is Intent, Tests, Code, Checks, Draft or Answer as JSON; empty before.
	Result []byte
	// Said is what the model said so far: text of a stranger, shown as it is.
	Said      string
	Rounds    int
	Trouble   *Trouble
	StartedAt *time.Time
	EndedAt   *time.Time
}

// Over says that the turn has ended.
func (t Turn) Over() bool { return t.State.Ended() }

// At finds a stage of the turn; nil where its kind has none.
func (t *Turn) At(s Stage) *StageState {
	i := slices.IndexFunc(t.Stages, func(x StageState) bool { return x.Stage == s })
	if i < 0 {
		return nil
	}
	return &t.Stages[i]
}

// Next is the first stage that is not done; nil when all are.
func (t *Turn) Next() *StageState {
	for i := range t.Stages {
		if t.Stages[i].State != Done {
			return &t.Stages[i]
		}
	}
	return nil
}

// Call is one call of the model as it is kept: the exact text that went out, and what
// came back.
type Call struct {
	ID    string
	Turn  TurnID
	Stage Stage
	User  string
	Model string
	// Parameters are those of the body that are not text: temperature, limits.
	Parameters string
	// Body is what was sent, without the key.
	Body   string
	Answer string
	// Outcome is "" while it is under way, OK, or the kind of trouble.
	Outcome   string
	Trouble   string
	TokensIn  int
	TokensOut int
	// Estimated says that the provider did not tell the tokens: they are counted by
	// the length of the text.
	Estimated bool
	AskedAt   time.Time
	Took      time.Duration
}

// OK is the outcome of a call that was answered in full.
const OK = "ok"

// Usage is what a person has used of the model on a day.
type Usage struct {
	Calls     int
	TokensIn  int64
	TokensOut int64
}

// Binding says out of which turn a revision came.
type Binding struct {
	Function     string
	Revision     int
	Hash         string
	Conversation ConversationID
	Turn         TurnID
	Model        string
	// Gaps are those that it missed when it was saved, and Noticed how many of a hundred
	// small changes its tests notice; nil where that was not found out.
	Gaps    []Gap
	Noticed *int
	At      time.Time
}
