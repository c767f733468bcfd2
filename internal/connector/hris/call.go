// Package hris is what the connectors to HR vendors have in common: careful
// calls of a JSON API, and how dates, states, time zones and events of a vendor
// become Joinery's. It knows no vendor.
package hris

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"joinery/internal/connector"
	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/secret"
)

// maxAnswer bounds one answer when the caller sets no other bound.
const maxAnswer = 8 << 20

// API calls one vendor's JSON API.
type API struct {
	Vendor string // as sentences name it
	Base   *url.URL
	HTTP   *http.Client
	Pace   func(ctx context.Context) error
	Now    func() time.Time
	// Timeout bounds one call; MaxAnswer its answer in bytes (0: 8 MiB).
	Timeout   time.Duration
	MaxAnswer int64
	// SignIn puts the credential on a request and gives what must never be read
	// in an answer: the secret, and user and secret as basic sign-in joins them.
	SignIn func(ctx context.Context, req *http.Request) ([]secret.Value, error)
	// Says finds the vendor's own words in a refusal; "" when there are none.
	Says func(header http.Header, body []byte) string
	// Forbidden is what to do about 403, as a sentence.
	Forbidden string
	// Wait is how long to leave a vendor alone whose 429 names no time.
	Wait time.Duration
}

// Answer is what came back: the parsed JSON (nil when empty) and the status.
type Answer struct {
	Status int
	Body   any
}

// Call sends one request below the base address and reads the JSON answer.
// Statuses other than 2xx and 304 are faults: 401 Forbidden, 403 Invalid, 404 NotFound,
// 409 Invalid, 408, 429 and 5xx Unavailable with the wait the vendor asks for.
func (a *API) Call(ctx context.Context, method, path string, query url.Values, body any) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	if a.Pace != nil {
		if err := a.Pace(ctx); err != nil {
			return Answer{}, err
		}
	}
	req, hidden, err := a.request(ctx, method, path, query, body)
	if err != nil {
		return Answer{}, err
	}
	resp, err := a.HTTP.Do(req)
	if err != nil {
		var f *fault.Error
		if errors.As(err, &f) {
			return Answer{}, f
		}
		return Answer{}, fault.Wrap(fault.Unavailable, err, "%s at %s could not be reached.", a.Vendor, a.Base.Host)
	}
	defer func() { _ = resp.Body.Close() }()
	limit := a.MaxAnswer
	if limit <= 0 {
		limit = maxAnswer
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		var f *fault.Error
		if errors.As(err, &f) {
			return Answer{}, f
		}
		return Answer{}, fault.Wrap(fault.Unavailable, err, "The answer of %s broke off.", a.Vendor)
	}
	if int64(len(raw)) > limit {
		return Answer{}, fault.New(fault.TooLarge, "%s answered more than %d MiB.", a.Vendor, limit>>20)
	}
	for _, v := range hidden {
		raw = connector.Hide(raw, v)
	}
	if resp.StatusCode == http.StatusNotModified {
		return Answer{Status: resp.StatusCode}, nil
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return Answer{}, a.explain(resp, raw, hidden)
	}
	out := Answer{Status: resp.StatusCode}
	if len(bytes.TrimSpace(raw)) == 0 {
		return out, nil
	}
	out.Body, err = a.parse(raw)
	return out, err
}

func (a *API) request(ctx context.Context, method, path string, query url.Values, body any) (*http.Request, []secret.Value, error) {
	var data io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, nil, fault.Wrap(fault.Invalid, err, "A value cannot be written as JSON.")
		}
		data = bytes.NewReader(raw)
	}
	address := a.Base.String() + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, data)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Invalid, err, "The address of %s cannot be called.", a.Vendor)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	hidden, err := a.SignIn(ctx, req)
	return req, hidden, err
}

func (a *API) parse(raw []byte) (any, error) {
	if !utf8.Valid(raw) {
		return nil, fault.New(fault.Invalid, "%s answered text that is not valid UTF-8.", a.Vendor)
	}
	var out any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "%s answered something that is not JSON. Check the address (%s) and what stands in between.", a.Vendor, a.Base.Host)
	}
	return out, nil
}

func (a *API) explain(resp *http.Response, raw []byte, hidden []secret.Value) error {
	said := ""
	if a.Says != nil {
		text := []byte(a.Says(resp.Header, raw))
		for _, v := range hidden {
			text = connector.Hide(text, v)
		}
		if s := strings.TrimRight(Short(string(text)), ". "); s != "" {
			said = " It says: " + s + "."
		}
	}
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized:
		return fault.New(fault.Forbidden, "%s does not accept the credential. It may have been revoked, or its user disabled: set a new one with the connection's credentials.%s", a.Vendor, said)
	case code == http.StatusForbidden:
		return fault.New(fault.Invalid, "%s does not allow this. %s%s", a.Vendor, a.Forbidden, said)
	case code == http.StatusNotFound || code == http.StatusGone:
		return fault.New(fault.NotFound, "%s has nothing at this address.%s", a.Vendor, said)
	case code == http.StatusConflict:
		// Not fault.Conflict, which says that the worker changed meanwhile: these
		// vendors mean a value that they will not take, now or later.
		return fault.New(fault.Invalid, "%s refused a value, because it is taken or not a value of this field.%s", a.Vendor, said)
	case code == http.StatusTooManyRequests:
		return &fault.Error{Kind: fault.Unavailable, Sentence: fmt.Sprintf("%s asks us to call less often.%s", a.Vendor, said), RetryAfter: cmp.Or(egress.RetryAfter(resp.Header, a.Now()), a.Wait)}
	case code == http.StatusRequestTimeout || code >= 500:
		return &fault.Error{Kind: fault.Unavailable, Sentence: fmt.Sprintf("%s has a problem of its own just now (%d).%s", a.Vendor, code, said), RetryAfter: egress.RetryAfter(resp.Header, a.Now())}
	case code >= 300 && code < 400:
		return fault.New(fault.Invalid, "%s sends us to another address (%d). Check the settings of the connection.", a.Vendor, code)
	}
	return fault.New(fault.Invalid, "%s refused with %d.%s", a.Vendor, resp.StatusCode, said)
}

// Short makes a foreign text fit for a sentence.
func Short(s string) string {
	s = strings.ToValidUTF8(strings.Join(strings.Fields(s), " "), "�")
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return s
}
