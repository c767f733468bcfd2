package hrisrest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"joinery/internal/connector"
	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/secret"
)

// maxAnswer bounds one answer of the HRIS.
const maxAnswer = 8 << 20

// call sends one request and gives the parsed answer and its ETag.
func (c *conn) call(ctx context.Context, method, path string, query url.Values, body any, etag string) (any, string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.set.timeout)
	defer cancel()
	if c.cfg.Pace != nil {
		if err := c.cfg.Pace(ctx); err != nil {
			return nil, "", err
		}
	}
	var data io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, "", fault.Wrap(fault.Invalid, err, "A value cannot be written as JSON.")
		}
		data = bytes.NewReader(raw)
	}
	address := c.set.base.String() + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, data)
	if err != nil {
		return nil, "", fault.Wrap(fault.Invalid, err, "The address of the HRIS cannot be called.")
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if etag != "" {
		req.Header.Set("If-Match", etag)
	}
	key, err := c.signIn(ctx, req)
	if err != nil {
		return nil, "", err
	}
	resp, err := egress.Send(c.http, req)
	if err != nil {
		var f *fault.Error
		if errors.As(err, &f) {
			return nil, "", f
		}
		return nil, "", fault.Wrap(fault.Unavailable, err, "The HRIS at %s could not be reached.", c.set.base.Host)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		var f *fault.Error
		if errors.As(err, &f) {
			return nil, "", f
		}
		return nil, "", fault.Wrap(fault.Unavailable, err, "The answer of the HRIS at %s broke off.", c.set.base.Host)
	}
	if len(raw) > maxAnswer {
		return nil, "", fault.New(fault.TooLarge, "The HRIS answered more than 8 MiB.")
	}
	raw = connector.Hide(raw, key)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, "", c.explain(resp, raw)
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, resp.Header.Get("ETag"), nil
	}
	if !utf8.Valid(raw) {
		return nil, "", fault.New(fault.Invalid, "The HRIS answered text that is not valid UTF-8.")
	}
	var out any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		return nil, "", fault.Wrap(fault.Invalid, err, "The HRIS at %s answered something that is not JSON. Check the addresses.", c.set.base.Host)
	}
	return out, resp.Header.Get("ETag"), nil
}

func (c *conn) signIn(ctx context.Context, req *http.Request) (secret.Value, error) {
	name := credToken
	if c.set.auth == "basic" {
		name = credPassword
	}
	key, err := c.cfg.Secret(ctx, name)
	if err != nil {
		return key, err
	}
	switch c.set.auth {
	case "basic":
		req.SetBasicAuth(c.set.user, key.Reveal())
	case "header":
		req.Header.Set(c.set.header, key.Reveal())
	default:
		req.Header.Set("Authorization", "Bearer "+key.Reveal())
	}
	return key, nil
}

// explain turns a refusal into a fault, with the HRIS's own words when it has some.
func (c *conn) explain(resp *http.Response, raw []byte) error {
	host, said := c.set.base.Host, ""
	var body map[string]any
	if json.Unmarshal(raw, &body) == nil {
		for _, k := range []string{"detail", "message", "error_description", "error", "title"} {
			if s, ok := body[k].(string); ok && s != "" {
				said = " It says: " + strings.TrimRight(short(s), ". ") + "."
				break
			}
		}
	}
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return fault.New(fault.Forbidden, "The HRIS at %s does not accept the credentials.%s", host, said)
	case resp.StatusCode == http.StatusForbidden:
		return fault.New(fault.Invalid, "The HRIS at %s does not let this account do that.%s", host, said)
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone:
		return fault.New(fault.NotFound, "The HRIS at %s has nothing at this address.%s", host, said)
	case resp.StatusCode == http.StatusPreconditionFailed || resp.StatusCode == http.StatusConflict:
		return fault.New(fault.Conflict, "The worker changed in the HRIS meanwhile.%s", said)
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout || resp.StatusCode >= 500:
		return &fault.Error{Kind: fault.Unavailable, Sentence: fmt.Sprintf("The HRIS at %s answered %d.%s", host, resp.StatusCode, said), RetryAfter: retryAfter(resp.Header.Get("Retry-After"), c.cfg.Now)}
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return fault.New(fault.Invalid, "The HRIS at %s sends us elsewhere (%d). Write the final base address.", host, resp.StatusCode)
	}
	return fault.New(fault.Invalid, "The HRIS at %s refused with %d.%s", host, resp.StatusCode, said)
}

func retryAfter(text string, now func() time.Time) time.Duration {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return min(time.Duration(n)*time.Second, time.Hour)
	}
	if t, err := http.ParseTime(text); err == nil && now != nil {
		return max(0, min(t.Sub(now()), time.Hour))
	}
	return 0
}

func short(s string) string {
	s = strings.ToValidUTF8(strings.Join(strings.Fields(s), " "), "�")
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return s
}
