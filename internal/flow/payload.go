package flow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// MaxPayload bounds what is pasted to try a flow with, in bytes.
const MaxPayload = 64 << 10

// Payload is a made-up joiner and event to try a flow with.
type Payload struct {
	// Worker is the HRIS's id of the person.
	Worker string `json:"worker"`
	// Event is what starts the run; absent takes the first that the flow listens to.
	Event *PayloadEvent `json:"event,omitempty"`
	// Joiner are the worker's attributes.
	Joiner map[string]any `json:"joiner"`
}

// PayloadEvent is the event of a payload.
type PayloadEvent struct {
	Type    string   `json:"type"`
	At      string   `json:"at,omitempty"`
	Changed []string `json:"changed,omitempty"`
}

// ReadPayload reads pasted JSON and judges it against what the flow starts with.
func ReadPayload(c Content, raw []byte) (joiner.Worker, *joiner.Event, error) {
	refuse := func(problems ...fault.Problem) (joiner.Worker, *joiner.Event, error) {
		return joiner.Worker{}, nil, fault.Refuse("The payload does not fit what this flow starts with.", problems)
	}
	if len(raw) > MaxPayload {
		return joiner.Worker{}, nil, fault.New(fault.TooLarge, "The payload is larger than 64 KiB.")
	}
	var p Payload
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return refuse(explainPayload(err, raw))
	}
	if _, err := dec.Token(); err == nil {
		return refuse(fault.Problem{Path: "payload", Detail: "There is more text after the JSON. Paste one object."})
	}
	var problems []fault.Problem
	if err := joiner.CheckWorker(p.Worker); err != nil {
		problems = append(problems, fault.Problem{Path: "worker", Detail: fault.Sentence(err)})
	}
	if len(p.Joiner) == 0 {
		problems = append(problems, fault.Problem{Path: "joiner", Detail: `The joiner's attributes are needed, such as {"first_name": "Ada", "last_name": "Lovelace"}.`})
	}
	for _, name := range slices.Sorted(keysOf(p.Joiner)) {
		if detail := wrongAttribute(name, p.Joiner[name]); detail != "" {
			problems = append(problems, fault.Problem{Path: "joiner." + name, Detail: detail})
		}
	}
	event, bad := payloadEvent(c, p)
	problems = append(problems, bad...)
	if len(problems) > 0 {
		return refuse(problems...)
	}
	return joiner.Worker{ID: p.Worker, Attributes: p.Joiner}, event, nil
}

func keysOf(m map[string]any) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func explainPayload(err error, raw []byte) fault.Problem {
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case len(bytes.TrimSpace(raw)) == 0:
		return fault.Problem{Path: "payload", Detail: "The payload is empty."}
	case errors.As(err, &syntax):
		line := 1 + bytes.Count(raw[:min(int(syntax.Offset), len(raw))], []byte("\n"))
		return fault.Problem{Path: "payload", Detail: fmt.Sprintf("This is not JSON: line %d cannot be read (%s).", line, syntax.Error())}
	case errors.As(err, &wrong):
		at := wrong.Field
		if at == "" {
			at = "payload"
		}
		return fault.Problem{Path: at, Detail: fmt.Sprintf("This is a %s; another type is needed.", wrong.Value)}
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fault.Problem{Path: strings.Trim(name, `"`), Detail: "There is no such field. A payload has worker, event (type, at, changed) and joiner; the joiner's attributes stand inside joiner."}
	}
	return fault.Problem{Path: "payload", Detail: "This is not whole JSON. Paste all of it, from { to }."}
}

func wrongAttribute(name string, v any) string {
	switch name {
	case joiner.StartDate, joiner.EndDate:
		if s, ok := v.(string); v != nil && (!ok || s != "" && !isDay(s)) {
			return "A date is written as 2026-12-01."
		}
		return ""
	case joiner.TimeZone:
		s, ok := v.(string)
		if !ok {
			return "A time zone is a text such as Europe/Berlin."
		}
		if _, err := time.LoadLocation(s); err != nil {
			return fmt.Sprintf("%q is not a time zone. Write a name such as Europe/Berlin.", s)
		}
		return ""
	}
	if _, ok := v.(string); !ok && v != nil && slices.Contains(joiner.Known(), name) {
		return "This attribute is a text: put quotes around the value."
	}
	return ""
}

func isDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

func payloadEvent(c Content, p Payload) (*joiner.Event, []fault.Problem) {
	_, listens, ok := c.Listens()
	if !ok {
		if p.Event != nil {
			return nil, []fault.Problem{{Path: "event", Detail: "This flow is not started by events. Leave event out."}}
		}
		return nil, nil
	}
	e := &joiner.Event{Key: "tried", Worker: p.Worker}
	if len(listens) > 0 {
		e.Type = listens[0]
	}
	if p.Event == nil {
		return e, nil
	}
	var problems []fault.Problem
	e.Type, e.Changed = p.Event.Type, p.Event.Changed
	switch {
	case e.Type == "":
		problems = append(problems, fault.Problem{Path: "event.type", Detail: "The type of the event is needed: " + strings.Join(listens, ", ") + "."})
	case !slices.Contains(listens, e.Type):
		problems = append(problems, fault.Problem{Path: "event.type", Detail: fmt.Sprintf("This flow does not start at %q. It listens to %s.", e.Type, strings.Join(listens, ", "))})
	}
	if p.Event.At != "" {
		at, err := time.Parse(time.RFC3339, p.Event.At)
		if err != nil {
			problems = append(problems, fault.Problem{Path: "event.at", Detail: "A moment is written as 2026-12-01T08:00:00Z."})
		}
		e.At = at
	}
	return e, problems
}
