package web

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/time/rate"

	"joinery/internal/auth"
	"joinery/internal/canon"
	"joinery/internal/connector"
	"joinery/internal/engine"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

// Bounds of trying: a person's rate, and how many go on at once in this process.
const (
	tryRate  = rate.Limit(0.5)
	tryBurst = 20
	tryMost  = 4
)

// tries bounds how much is tried.
type tries struct {
	mu     sync.Mutex
	limits map[string]*rate.Limiter
	at     int
}

// enter takes a place; a person over their rate, or a busy process, is asked to wait.
func (t *tries) enter(person string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.limits == nil {
		t.limits = map[string]*rate.Limiter{}
	}
	l := t.limits[person]
	if l == nil {
		l = rate.NewLimiter(tryRate, tryBurst)
		t.limits[person] = l
	}
	switch {
	case t.at >= tryMost:
		return &fault.Error{Kind: fault.TooMany, Sentence: "Several flows are being tried at this moment. Try again in a few seconds.", RetryAfter: 3 * time.Second}
	case !l.Allow():
		return &fault.Error{Kind: fault.TooMany, Sentence: "You have tried flows very often in the last minute. Wait a moment.", RetryAfter: 5 * time.Second}
	}
	t.at++
	return nil
}

func (t *tries) leave() { t.mu.Lock(); defer t.mu.Unlock(); t.at-- }

// tryBody is what the canvas posts.
type tryBody struct {
	// Content is the flow as it is on the canvas; absent tries the newest revision.
	Content json.RawMessage `json:"content"`
	Joiner  string          `json:"joiner"`
	Event   string          `json:"event"`
	Payload json.RawMessage `json:"payload"`
	Until   flow.NodeID     `json:"until"`
	// Pins are kept by whoever draws; they are no content.
	Pins map[flow.NodeID]engine.Pin `json:"pins"`
	// Signoffs says approved, rejected or expired, by node.
	Signoffs map[flow.NodeID]string `json:"signoffs"`
	// Live false asks no outside system.
	Live *bool `json:"live"`
}

// tried is a node's part in the answer.
type triedStep struct {
	State   string          `json:"state"`
	Port    string          `json:"port"`
	Output  any             `json:"output"`
	Changes []engine.Change `json:"changes"`
	Log     []string        `json:"log"`
	MS      float64         `json:"ms"`
	Error   string          `json:"error"`
	At      string          `json:"at,omitempty"`
	Pinned  bool            `json:"pinned,omitempty"`
	// Passed is what a live run would wait for, People whom it would ask.
	Passed  []string `json:"passed,omitempty"`
	People  []string `json:"people,omitempty"`
	Asked   []string `json:"asked,omitempty"`
	Unasked []string `json:"unasked,omitempty"`
}

type triedFlow struct {
	State   string               `json:"state"`
	Reason  string               `json:"reason"`
	Partial bool                 `json:"partial"`
	Joiner  string               `json:"joiner"`
	Worker  string               `json:"worker"`
	Label   string               `json:"label"`
	ReadAt  string               `json:"read_at,omitempty"`
	MS      float64              `json:"ms"`
	Steps   map[string]triedStep `json:"steps"`
	Changes []engine.Change      `json:"changes"`
	Asked   []string             `json:"asked"`
	Unasked []string             `json:"unasked"`
}

// canvasTry is POST /flows/:key/canvas/try.
func (s *Server) canvasTry(c *fiber.Ctx, who auth.Actor) error {
	var b tryBody
	if err := readJSON(c, &b); err != nil {
		return err
	}
	a, err := s.DB.Artifact(c.UserContext(), review.Flow, c.Params("key"))
	if err != nil {
		return err
	}
	ask := engine.Try{Content: b.Content, Joiner: b.Joiner, Event: b.Event, Payload: b.Payload, Live: b.Live == nil || *b.Live, Trial: engine.Trial{Until: b.Until, Pins: b.Pins}}
	if string(ask.Payload) == "null" {
		ask.Payload = nil
	}
	if ask.Signoffs, err = decisions(b.Signoffs); err != nil {
		return err
	}
	if len(b.Content) > 0 && string(b.Content) != "null" {
		if !who.Can(auth.ArtifactWrite) {
			return fault.New(fault.Forbidden, "Trying a flow that is not saved needs the permission %s. Try the newest revision instead.", auth.ArtifactWrite)
		}
		read, err := flow.Decode(b.Content)
		if err != nil {
			return err
		}
		if read.Key != a.Key {
			return fault.New(fault.Invalid, "This is the flow %q, and the address is that of %s.", clip(read.Key, 80), a.Key)
		}
	} else if ask.Content, err = s.headContent(c.UserContext(), a); err != nil {
		return err
	}
	got, err := s.tryFlow(c.UserContext(), who, a, ask)
	if err != nil {
		return err
	}
	return sendJSON(c, http.StatusOK, triedAnswer(got, who))
}

func (s *Server) headContent(ctx context.Context, a postgres.Artifact) ([]byte, error) {
	rev, err := s.DB.Revision(ctx, review.Flow, a.Key, a.Head)
	return []byte(rev.Content), err
}

func decisions(words map[flow.NodeID]string) (map[flow.NodeID]node.Decision, error) {
	out := map[flow.NodeID]node.Decision{}
	for id, word := range words {
		d := node.Decision{By: "simulation"}
		switch word {
		case "approved":
			d.Approved = true
		case "rejected":
		case "expired":
			d.Expired = true
		default:
			return nil, fault.Refuse("A sign-off is taken for approved, rejected or expired.", []fault.Problem{{Path: "signoffs." + string(id), Detail: "Write approved, rejected or expired."}})
		}
		out[id] = d
	}
	return out, nil
}

// tryFlow tries within the bounds, and puts it on record: it may read a person's data.
func (s *Server) tryFlow(ctx context.Context, who auth.Actor, a postgres.Artifact, ask engine.Try) (engine.Tried, error) {
	if s.Try == nil {
		return engine.Tried{}, fault.New(fault.Unavailable, "No engine runs beside this site, so flows cannot be tried here.")
	}
	if (ask.Joiner != "" || ask.Event != "") && !who.Can(auth.RunRead) {
		return engine.Tried{}, fault.New(fault.Forbidden, "You may not see joiners. Paste a payload instead.")
	}
	if err := s.tries.enter(who.UserID); err != nil {
		return engine.Tried{}, err
	}
	defer s.tries.leave()
	hash, err := canon.Hash(ask.Content)
	if err != nil {
		return engine.Tried{}, err
	}
	ask.Personal = who.Can(auth.PersonalRead)
	ask.Approved = a.Live != nil && a.Live.Hash == hash
	got, err := s.Try(ctx, ask)
	if err != nil {
		return got, err
	}
	return got, s.DB.RecordTry(ctx, who, a.Key, hash, got.Joiner, string(ask.Until), ask.Personal)
}

func triedAnswer(got engine.Tried, who auth.Actor) triedFlow {
	asked, unasked := got.Asked()
	out := triedFlow{State: string(got.State), Reason: got.Reason, Partial: got.Partial, Joiner: got.Joiner, Worker: got.Ref.Worker, Label: got.Label, MS: milliseconds(got.Took),
		Steps: map[string]triedStep{}, Changes: []engine.Change{}, Asked: orEmpty(asked), Unasked: orEmpty(unasked)}
	if !got.ReadAt.IsZero() {
		out.ReadAt = stamp(got.ReadAt)
	}
	for _, st := range got.Steps {
		t := triedStep{State: string(st.State), Port: st.Port, Output: redact(jsonValues(st.Output), who), Changes: seenChanges(st.Changes, who), Log: orEmpty(st.Log), MS: milliseconds(st.Took), Error: st.Error,
			Pinned: st.Pinned, Passed: st.Passed, People: st.People, Asked: st.Asked, Unasked: st.Unasked}
		if !st.Began.IsZero() {
			t.At = stamp(st.Began)
		}
		out.Steps[string(st.Node)] = t
		out.Changes = append(out.Changes, t.Changes...)
	}
	return out
}

// seenChanges are changes as a reader may see them.
func seenChanges(changes []engine.Change, who auth.Actor) []engine.Change {
	out := []engine.Change{}
	for _, c := range changes {
		attrs := make([]connector.Change, 0, len(c.Attributes))
		for _, x := range c.Attributes {
			attrs = append(attrs, connector.Change{Attribute: x.Attribute, Before: redactOne(x.Attribute, x.Before, who), After: redactOne(x.Attribute, x.After, who)})
		}
		c.Attributes = attrs
		out = append(out, c)
	}
	return out
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
