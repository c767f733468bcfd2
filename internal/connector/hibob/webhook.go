package hibob

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"joinery/internal/connector"
	"joinery/internal/connector/hris"
	"joinery/internal/fault"
	"joinery/internal/joiner"
)

const headerSignature = "Bob-Signature"

// Bob repeats a delivery for three days. Its scheme signs no time of sending, so
// the event's own time is looked at: older ones are replays that must not start
// anything once their keys are forgotten.
const (
	oldest   = 7 * 24 * time.Hour
	youngest = time.Hour
)

// ContentTypes lists the accepted media types. Bob tries a new webhook with a
// bare text first.
func (Type) ContentTypes() []string { return []string{"application/json", "text/plain"} }

// Received is the only status that Bob takes for an answer.
func (Type) Received() int { return http.StatusOK }

// ping tells Bob's try of a new webhook. Bob makes it before anybody can know the
// secret, so it is the one thing that needs no signature; it does nothing.
func ping(body []byte) bool {
	switch strings.TrimSpace(string(body)) {
	case "Ping test", `"Ping test"`:
		return true
	}
	var m map[string]any
	return len(body) < 100 && json.Unmarshal(body, &m) == nil && len(m) == 1 && m["text"] == "Ping test"
}

// Verify checks Bob's signature: HMAC-SHA-512 of the raw body, in base64.
func (Type) Verify(_ map[string]any, signers []connector.Signer, d connector.Delivery) (string, error) {
	if ping(d.Body) {
		return "", nil
	}
	switch len(d.Header.Values(headerSignature)) {
	case 0:
		return "", fault.New(fault.Unauthenticated, "The delivery is not signed: Bob-Signature is needed.")
	case 1:
	default:
		return "", fault.New(fault.Unauthenticated, "The header Bob-Signature is there twice.")
	}
	signature, err := base64.StdEncoding.DecodeString(strings.TrimSpace(d.Header.Get(headerSignature)))
	if err != nil || len(signature) != sha512.Size {
		return "", fault.New(fault.Unauthenticated, "The signature of the delivery is not one of Bob's: 64 bytes in base64.")
	}
	if len(signers) == 0 {
		return "", fault.New(fault.Unauthenticated, "This connection has no webhook secret yet. Set it under Credentials.")
	}
	matched := ""
	for _, s := range signers {
		h := hmac.New(sha512.New, []byte(s.Value.Reveal()))
		h.Write(d.Body)
		if hmac.Equal(h.Sum(nil), signature) && matched == "" {
			matched = s.ID
		}
	}
	if matched == "" {
		return "", fault.New(fault.Unauthenticated, "The signature does not match. The secret here must be the one Bob shows at this webhook.")
	}
	var b body
	if json.Unmarshal(d.Body, &b) == nil {
		if at, ok := hris.Moment(b.TriggeredAt); ok && (d.At.Sub(at) > oldest || at.Sub(d.At) > youngest) {
			return "", fault.New(fault.Unauthenticated, "The event is older than the seven days in which Bob repeats itself, or from the future. Check the clocks.")
		}
	}
	return matched, nil
}

// body is an event of Bob's webhooks, version 2.
type body struct {
	Type        string `json:"type"`
	TriggeredAt string `json:"triggeredAt"`
	TriggeredBy any    `json:"triggeredBy"`
	Version     string `json:"version"`
	Data        struct {
		Employee any   `json:"employeeId"`
		Updates  []any `json:"fieldUpdates"`
	} `json:"data"`
}

// Events parses a verified body. Of it only the employee's id, the names of
// changed fields and the time are used.
func (Type) Events(in map[string]any, d connector.Delivery) ([]joiner.Event, error) {
	if ping(d.Body) {
		return nil, nil
	}
	if !utf8.Valid(d.Body) {
		return nil, fault.New(fault.Invalid, "The body is not valid UTF-8.")
	}
	var b body
	dec := json.NewDecoder(bytes.NewReader(d.Body))
	dec.UseNumber()
	if err := dec.Decode(&b); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "The body is not the JSON of a Bob webhook.")
	}
	if dec.More() {
		return nil, fault.New(fault.Invalid, "The body holds more than one JSON document.")
	}
	if b.Type == "" {
		return nil, fault.New(fault.Invalid, "The event has no type.")
	}
	v := connector.Values(connector.WithDefaults(Type{}.Info().Settings, in))
	kind := v.Map("types")[b.Type]
	if kind == "" {
		return nil, nil // about time off, tasks and the like
	}
	e := joiner.Event{Key: hris.Key(b.Type, hris.Plain(b.Data.Employee), b.TriggeredAt, string(d.Body)), Type: kind, Worker: hris.Plain(b.Data.Employee)}
	if e.Worker == "" && b.Version != "v2" {
		return nil, fault.New(fault.Invalid, "This is an event of Bob's older webhooks (v1). Make a new webhook in Bob; new ones are v2.")
	}
	if err := hris.CheckWorker(e.Worker); err != nil {
		return nil, err
	}
	e.At, _ = hris.Moment(b.TriggeredAt)
	if own, by := v.Text("own_actor"), hris.Plain(b.TriggeredBy); own != "" && by != "" {
		e.Actor = joiner.ActorOther
		if by == own {
			e.Actor = joiner.ActorOurs
		}
	}
	if ids := updates(b.Data.Updates); len(ids) > 0 {
		var finer string
		if e.Changed, finer = hris.Changed(v.Map("fields"), ids); kind == "worker.updated" {
			e.Type = finer
		}
	}
	return []joiner.Event{e}, nil
}

// updates reads the ids of changed fields, written bare or as objects.
func updates(list []any) []string {
	var out []string
	for _, x := range list {
		switch u := x.(type) {
		case string:
			out = append(out, u)
		case map[string]any:
			for _, k := range []string{"id", "fieldId"} {
				if s, ok := u[k].(string); ok {
					out = append(out, s)
				}
			}
		}
	}
	return out
}
