package hrisrest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// window is how far a delivery's timestamp may be from now (Standard Webhooks).
const window = 5 * time.Minute

const maxEvents = 100

// ContentTypes lists the accepted media types.
func (Type) ContentTypes() []string { return []string{"application/json"} }

// Verify checks a Standard Webhooks signature over the raw bytes: HMAC-SHA-256 of
// "id.timestamp.body", compared in constant time, for each secret in force.
func (Type) Verify(_ map[string]any, signers []connector.Signer, d connector.Delivery) (string, error) {
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		if len(d.Header.Values(name)) > 1 {
			return "", fault.New(fault.Unauthenticated, "The header %s is there twice.", name)
		}
	}
	id, stamp, signature := d.Header.Get("webhook-id"), d.Header.Get("webhook-timestamp"), d.Header.Get("webhook-signature")
	if id == "" || stamp == "" || signature == "" {
		return "", fault.New(fault.Unauthenticated, "The delivery is not signed: webhook-id, webhook-timestamp and webhook-signature are needed (Standard Webhooks).")
	}
	if len(id) > 256 || len(signature) > 4096 {
		return "", fault.New(fault.Unauthenticated, "The signature headers are too long.")
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return "", fault.New(fault.Unauthenticated, "The timestamp of the delivery is not a number of seconds.")
	}
	if age := d.At.Sub(time.Unix(seconds, 0)); age > window || age < -window {
		return "", fault.New(fault.Unauthenticated, "The timestamp of the delivery is more than %s from now. Check the clocks; the sender has to sign again when it repeats.", window)
	}
	if len(signers) == 0 {
		return "", fault.New(fault.Unauthenticated, "This connection has no webhook secret yet. Set it under Credentials.")
	}
	matched := ""
	for _, s := range signers {
		wh, err := webhook(s.Value.Reveal())
		if err != nil {
			continue
		}
		// The time was judged above, by the injected clock.
		if wh.VerifyIgnoringTimestamp(d.Body, d.Header) == nil && matched == "" {
			matched = s.ID
		}
	}
	if matched == "" {
		return "", fault.New(fault.Unauthenticated, "The signature does not match. The secret here and in the HRIS must be the same.")
	}
	return matched, nil
}

// webhook reads a secret: whsec_ and base64, or base64, or plain text.
func webhook(secret string) (*standard.Webhook, error) {
	if text, ok := strings.CutPrefix(secret, "whsec_"); ok {
		return standard.NewWebhook("whsec_" + text)
	}
	if raw, err := base64.StdEncoding.DecodeString(secret); err == nil && len(raw) >= 16 {
		return standard.NewWebhookRaw(raw)
	}
	if secret == "" {
		return nil, errors.New("no secret")
	}
	return standard.NewWebhookRaw([]byte(secret))
}

// Events parses a verified body: one event, or {"events": […]}.
func (Type) Events(in map[string]any, d connector.Delivery) ([]joiner.Event, error) {
	if connector.Values(in).Text("event_type") == "" {
		in = connector.WithDefaults(Type{}.Info().Settings, in)
	}
	v := connector.Values(in) // the rest of the settings is of no use here, and reading it costs more than all else
	s := settings{eventType: v.Text("event_type"), eventWorker: v.Text("event_worker"), eventAt: v.Text("event_at"), eventChanged: v.Text("event_changed"), types: v.Map("types"),
		eventActor: v.Text("event_actor"), ownActor: v.Text("own_actor"), eventValues: v.Text("event_values")}
	if m, named := in["fields"].(map[string]any); named && !sameNames(m) {
		s.fields = v.Map("fields")
	}
	if !utf8.Valid(d.Body) {
		return nil, fault.New(fault.Invalid, "The body is not valid UTF-8.")
	}
	dec := json.NewDecoder(bytes.NewReader(d.Body))
	dec.UseNumber()
	var body any
	if err := dec.Decode(&body); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "The body is not JSON.")
	}
	if dec.More() {
		return nil, fault.New(fault.Invalid, "The body holds more than one JSON document.")
	}
	m, ok := body.(map[string]any)
	if !ok {
		return nil, fault.New(fault.Invalid, "The body is not a JSON object.")
	}
	id := d.Header.Get("webhook-id")
	list, several := m["events"].([]any)
	if !several {
		e, err := s.event(m, id)
		if err != nil || e.Type == "" {
			return nil, err
		}
		return []joiner.Event{e}, nil
	}
	if len(list) > maxEvents {
		return nil, fault.New(fault.Invalid, "A delivery may hold up to %d events.", maxEvents)
	}
	var out []joiner.Event
	for i, x := range list {
		m, ok := x.(map[string]any)
		if !ok {
			return nil, fault.New(fault.Invalid, "Event %d is not a JSON object.", i+1)
		}
		e, err := s.event(m, fmt.Sprintf("%s/%d", id, i))
		if err != nil {
			return nil, err
		}
		if e.Type != "" {
			out = append(out, e)
		}
	}
	return out, nil
}

// event reads one event. A ping gives none.
func (s settings) event(m map[string]any, key string) (joiner.Event, error) {
	kind, ok := at(m, s.eventType).(string)
	if !ok || kind == "" {
		return joiner.Event{}, fault.New(fault.Invalid, "The event has no type where the settings say (%q).", s.eventType)
	}
	if kind == "ping" || kind == "webhook.test" {
		return joiner.Event{}, nil
	}
	if ours, ok := s.types[kind]; ok {
		kind = ours
	}
	e := joiner.Event{Key: key, Type: kind, Worker: plain(at(m, s.eventWorker))}
	if e.Worker == "" {
		return joiner.Event{}, fault.New(fault.Invalid, "The event names no worker where the settings say (%q).", s.eventWorker)
	}
	if t, err := time.Parse(time.RFC3339, plain(at(m, s.eventAt))); err == nil && s.eventAt != "" {
		e.At = t
	}
	if s.eventChanged != "" {
		list, _ := at(m, s.eventChanged).([]any)
		for _, x := range list {
			if name, ok := x.(string); ok {
				e.Changed = append(e.Changed, s.attribute(name))
			}
		}
	}
	if who := plain(at(m, s.eventActor)); s.eventActor != "" && s.ownActor != "" && who != "" {
		e.Actor = joiner.ActorOther
		if who == s.ownActor {
			e.Actor = joiner.ActorOurs
		}
	}
	if told, ok := at(m, s.eventValues).(map[string]any); ok && s.eventValues != "" {
		e.Values = map[string]any{}
		for name, v := range told {
			if n, number := v.(json.Number); number {
				v = n.String()
			}
			e.Values[s.attribute(name)] = v
		}
	}
	return e, nil
}

// sameNames reports whether the HRIS calls all fields as Joinery does.
func sameNames(fields map[string]any) bool {
	for ours, theirs := range fields {
		if ours != theirs {
			return false
		}
	}
	return true
}

// attribute gives Joinery's name of a field of the HRIS; its own where there is none.
func (s settings) attribute(name string) string {
	for ours, theirs := range s.fields {
		if theirs == name {
			return ours
		}
	}
	return name
}

// Sign makes the headers of a delivery, for the demo HRIS and tests.
func Sign(secret, id string, at time.Time, body []byte) (map[string]string, error) {
	wh, err := webhook(secret)
	if err != nil {
		return nil, err
	}
	signature, err := wh.Sign(id, at, body)
	if err != nil {
		return nil, err
	}
	return map[string]string{"webhook-id": id, "webhook-timestamp": strconv.FormatInt(at.Unix(), 10), "webhook-signature": signature}, nil
}
