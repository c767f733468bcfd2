package bamboohr

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"joinery/internal/connector"
	"joinery/internal/connector/hris"
	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// BambooHR's headers.
const (
	headerSignature = "X-Bamboohr-Signature"
	headerTimestamp = "X-Bamboohr-Timestamp"
)

// window is how far a delivery's timestamp may be from now.
const window = 5 * time.Minute

const maxEvents = 500

const formEncoded = "application/x-www-form-urlencoded"

// ContentTypes lists the accepted media types.
func (Type) ContentTypes() []string { return []string{"application/json", formEncoded} }

// Verify checks BambooHR's signature: HMAC-SHA-256 in hex over the raw body
// followed by the timestamp header, with nothing in between.
func (Type) Verify(_ map[string]any, signers []connector.Signer, d connector.Delivery) (string, error) {
	for _, name := range []string{headerSignature, headerTimestamp} {
		switch len(d.Header.Values(name)) {
		case 0:
			return "", fault.New(fault.Unauthenticated, "The delivery is not signed: X-BambooHR-Signature and X-BambooHR-Timestamp are needed.")
		case 1:
		default:
			return "", fault.New(fault.Unauthenticated, "The header %s is there twice.", name)
		}
	}
	stamp := d.Header.Get(headerTimestamp)
	at, ok := moment(stamp)
	if !ok {
		return "", fault.New(fault.Unauthenticated, "The timestamp of the delivery is not a time.")
	}
	if age := d.At.Sub(at); age > window || age < -window {
		return "", fault.New(fault.Unauthenticated, "The timestamp of the delivery is more than %s from now. Check the clocks; the sender has to sign again when it repeats.", window)
	}
	signature, err := hex.DecodeString(strings.TrimSpace(d.Header.Get(headerSignature)))
	if err != nil || len(signature) != sha256.Size {
		return "", fault.New(fault.Unauthenticated, "The signature of the delivery is not one of BambooHR's: 64 hexadecimal digits.")
	}
	if len(signers) == 0 {
		return "", fault.New(fault.Unauthenticated, "This connection has no webhook private key yet. Set it under Credentials.")
	}
	matched := ""
	for _, s := range signers {
		if hmac.Equal(sign(s.Value.Reveal(), stamp, d.Body), signature) && matched == "" {
			matched = s.ID
		}
	}
	if matched == "" {
		return "", fault.New(fault.Unauthenticated, "The signature does not match. The private key here must be the one BambooHR showed when this webhook was made; each webhook has its own.")
	}
	return matched, nil
}

func sign(key, stamp string, body []byte) []byte {
	h := hmac.New(sha256.New, []byte(key))
	h.Write(body)
	h.Write([]byte(stamp))
	return h.Sum(nil)
}

// moment reads the timestamp header: seconds, or a written time.
func moment(text string) (time.Time, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(n, 0), true
	}
	return hris.Moment(text)
}

// body is both of BambooHR's forms: one event, or (its older field-based
// webhooks) a list of employees with what was done to each.
type body struct {
	Type      string `json:"type"`
	Timestamp string `json:"timestamp"`
	Data      struct {
		Employee any      `json:"employeeId"`
		Changed  []string `json:"changedFields"`
	} `json:"data"`
	Employees []struct {
		ID        any      `json:"id"`
		Action    string   `json:"action"`
		Timestamp string   `json:"timestamp"`
		Changed   []string `json:"changedFields"`
	} `json:"employees"`
}

// Events parses a verified body. Of it only the ids, the names of changed fields
// and the time are used.
func (Type) Events(in map[string]any, d connector.Delivery) ([]joiner.Event, error) {
	b, err := parse(d)
	if err != nil {
		return nil, err
	}
	v := connector.Values(connector.WithDefaults(Type{}.Info().Settings, in))
	r := reader{fields: v.Map("fields"), types: v.Map("types")}
	switch {
	case b.Type != "":
		r.add(key(b.Timestamp, d), b.Type, b.Timestamp, b.Data.Employee, b.Data.Changed)
	case b.Employees == nil:
		return nil, fault.New(fault.Invalid, "The body is neither an event nor a list of employees as BambooHR sends them.")
	case len(b.Employees) > maxEvents:
		return nil, fault.New(fault.Invalid, "A delivery may hold up to %d employees.", maxEvents)
	}
	for i, e := range b.Employees {
		r.add(fmt.Sprintf("%s/%d", key(e.Timestamp, d), i), "employee."+strings.ToLower(e.Action), e.Timestamp, e.ID, e.Changed)
	}
	return r.events, r.err
}

// reader collects events until one is wrong.
type reader struct {
	fields, types map[string]string
	events        []joiner.Event
	err           error
}

func (r *reader) add(key, kind, stamp string, worker any, changed []string) {
	ours := r.types[kind]
	if ours == "" || r.err != nil {
		return // about the company, or nothing that anybody asked for
	}
	e := joiner.Event{Key: key, Type: ours, Worker: hris.Plain(worker)}
	if err := hris.CheckWorker(e.Worker); err != nil {
		r.events, r.err = nil, err
		return
	}
	e.At, _ = hris.Moment(stamp)
	if len(changed) > 0 {
		var finer string
		if e.Changed, finer = hris.Changed(r.fields, changed); ours == "worker.updated" {
			e.Type = finer
		}
	}
	r.events = append(r.events, e)
}

// key tells one event from another. BambooHR gives none; a body with the event's
// own time in it is the same when it is sent again, so the body is enough. Without
// one the time of sending keeps two like changes apart.
func key(stamp string, d connector.Delivery) string {
	if stamp != "" {
		return hris.Key(string(d.Body))
	}
	return hris.Key(d.Header.Get(headerTimestamp), string(d.Body))
}

func parse(d connector.Delivery) (body, error) {
	var b body
	if !utf8.Valid(d.Body) {
		return b, fault.New(fault.Invalid, "The body is not valid UTF-8.")
	}
	if media, _, err := mime.ParseMediaType(d.Header.Get("Content-Type")); err == nil && media == formEncoded {
		return parseForm(d.Body)
	}
	dec := json.NewDecoder(bytes.NewReader(d.Body))
	dec.UseNumber()
	if err := dec.Decode(&b); err != nil {
		return b, fault.Wrap(fault.Invalid, err, "The body is not the JSON of a BambooHR webhook.")
	}
	if dec.More() {
		return b, fault.New(fault.Invalid, "The body holds more than one JSON document.")
	}
	return b, nil
}

func parseForm(raw []byte) (body, error) {
	var b body
	q, err := url.ParseQuery(string(raw))
	if err != nil {
		return b, fault.Wrap(fault.Invalid, err, "The body is not a form.")
	}
	if q.Get("type") == "" {
		return b, fault.New(fault.Invalid, "The form has no event. Choose JSON as the format of field-based webhooks.")
	}
	b.Type, b.Timestamp, b.Data.Employee = q.Get("type"), q.Get("timestamp"), q.Get("data[employeeId]")
	for i := 0; i < maxEvents && q.Has(fmt.Sprintf("data[changedFields][%d]", i)); i++ {
		b.Data.Changed = append(b.Data.Changed, q.Get(fmt.Sprintf("data[changedFields][%d]", i)))
	}
	return b, nil
}
