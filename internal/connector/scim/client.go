package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"joinery/internal/connector"
	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/secret"
)

const mediaType = "application/scim+json"

// answer is a successful response.
type answer struct {
	resource map[string]any
	list     []any // instead of resource: the bare array that some services send
	location string
	etag     string
}

// refused is a SCIM error by status; its fault is the sentence.
type refused struct {
	status   int
	scimType string
	fault    *fault.Error
}

func (r *refused) Error() string { return r.fault.Error() }
func (r *refused) Unwrap() error { return r.fault }

func status(err error) int {
	var r *refused
	if errors.As(err, &r) {
		return r.status
	}
	return 0
}

// duplicate reports "already exists": 409, or 400 with the type for it.
func duplicate(err error) bool {
	var r *refused
	return errors.As(err, &r) && (r.status == http.StatusConflict || r.scimType == "uniqueness")
}

// call sends one request. Path is below the base address and already escaped.
func (c *conn) call(ctx context.Context, method, path string, query url.Values, body any, ifMatch string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.set.timeout)
	defer cancel()
	if c.cfg.Pace != nil {
		if err := c.cfg.Pace(ctx); err != nil {
			return answer{}, err
		}
	}
	req, key, err := c.request(ctx, method, path, query, body)
	if err != nil {
		return answer{}, err
	}
	if ifMatch != "" {
		req.Header.Set("If-Match", ifMatch)
	}
	resp, err := egress.Send(c.http, req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	data = connector.Hide(data, key)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return answer{}, c.explain(resp, data)
	}
	a := answer{location: resp.Header.Get("Location"), etag: resp.Header.Get("ETag")}
	if len(bytes.TrimSpace(data)) == 0 {
		return a, nil
	}
	if discovery(path) && json.Unmarshal(data, &a.list) == nil && a.list != nil {
		return a, nil
	}
	if err := json.Unmarshal(data, &a.resource); err != nil {
		if method != http.MethodGet {
			// Something in between answered for the service: what was asked for may
			// have been done, so the next try has to look.
			return a, fault.Wrap(fault.Unavailable, err, "%s answered something that is not SCIM, so it is not known whether it did what was asked.", c.set.base.Host)
		}
		return a, fault.Wrap(fault.Invalid, err, "%s answered something that is not SCIM. Check the base address.", c.set.base.Host)
	}
	if a.etag == "" {
		a.etag, _ = get(child(a.resource, "meta"), "version").(string)
	}
	return a, nil
}

func (c *conn) request(ctx context.Context, method, path string, query url.Values, body any) (*http.Request, secret.Value, error) {
	var data io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, secret.Value{}, fault.Wrap(fault.Invalid, err, "An attribute cannot be written as JSON.")
		}
		data = bytes.NewReader(text)
	}
	address := c.set.base.String() + path
	if len(query) > 0 {
		// Some services read + in a query as a plus sign.
		address += "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
	}
	req, err := http.NewRequestWithContext(ctx, method, address, data)
	if err != nil {
		return nil, secret.Value{}, fault.Wrap(fault.Invalid, err, "The address of the service cannot be called.")
	}
	req.Header.Set("Accept", mediaType+", application/json;q=0.9")
	if body != nil {
		req.Header.Set("Content-Type", mediaType)
	}
	name := credToken
	if c.set.basic {
		name = credPassword
	}
	key, err := c.cfg.Secret(ctx, name)
	if err != nil {
		return nil, key, err
	}
	if c.set.basic {
		req.SetBasicAuth(c.set.user, key.Reveal())
	} else {
		req.Header.Set("Authorization", "Bearer "+key.Reveal())
	}
	return req, key, nil
}

// explain turns a refusal into a fault with the service's own words in it.
func (c *conn) explain(resp *http.Response, data []byte) error {
	var body struct {
		Detail   string `json:"detail"`
		ScimType string `json:"scimType"`
	}
	_ = json.Unmarshal(data, &body) // a body that is no JSON just has no detail
	host, said := c.set.base.Host, ""
	if body.Detail != "" {
		said = " It says: " + strings.TrimRight(short(body.Detail), ". ") + "."
	}
	var f *fault.Error
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized:
		f = fault.New(fault.Forbidden, "%s did not accept the %s. It may have expired or been revoked: set a new one with the connection's credentials.", host, c.credential())
	case code == http.StatusForbidden:
		f = fault.New(fault.Forbidden, "%s does not let the %s do this. Give it the right to manage users and groups.%s", host, c.credential(), said)
	case code == http.StatusNotFound:
		f = fault.New(fault.NotFound, "%s has no such entry.%s", host, said)
	case code == http.StatusConflict:
		f = fault.New(fault.Conflict, "%s refused it because something of that kind exists.%s", host, said)
	case code == http.StatusPreconditionFailed:
		f = fault.New(fault.Unavailable, "The entry in %s was changed by someone else at the same moment.", host)
	case code == http.StatusTooManyRequests:
		f = fault.New(fault.Unavailable, "%s asks us to call less often.", host)
	case code == http.StatusNotImplemented:
		f = fault.New(fault.Invalid, "%s does not offer this.%s", host, said)
	case code >= 500 || code == http.StatusRequestTimeout:
		f = fault.New(fault.Unavailable, "%s has a problem of its own just now (%d).%s", host, code, said)
	case code >= 300 && code < 400:
		f = fault.New(fault.Invalid, "%s sends us to another address (%d). Put the final address into the settings.", host, code)
	default:
		f = fault.New(fault.Invalid, "%s refused it (%d).%s", host, code, said)
	}
	f.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), c.cfg.Now())
	return &refused{status: resp.StatusCode, scimType: body.ScimType, fault: f}
}

func (c *conn) credential() string {
	if c.set.basic {
		return "user name and password"
	}
	return "token"
}

// retryAfter reads seconds or a date; never longer than a day.
func retryAfter(text string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32); err == nil {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		d = at.Sub(now)
	}
	return max(0, min(d, 24*time.Hour))
}

// maxPages bounds a walk through a service that cannot filter.
const maxPages = 100

// find lists the resources that match, at most limit of them. The filter is only
// a request: services ignore it, answer 500, or page as they like, so every
// entry is judged here, and without a working filter all pages are read.
func (c *conn) find(ctx context.Context, kind, attribute, value string, limit int, match func(map[string]any) bool) ([]map[string]any, error) {
	filter := attribute + " eq " + quote(value)
	if c.isDeaf(kind, attribute) {
		filter = ""
	}
	out, err := c.list(ctx, kind, filter, limit, match)
	if code := status(err); filter == "" || code != http.StatusBadRequest && code != http.StatusNotImplemented && code != http.StatusInternalServerError {
		return out, err
	}
	out, scanErr := c.list(ctx, kind, "", limit, match)
	if scanErr != nil {
		return nil, err
	}
	if status(err) != http.StatusInternalServerError {
		c.setDeaf(kind, attribute)
	}
	return out, nil
}

func (c *conn) isDeaf(kind, attribute string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deaf[kind+attribute]
}

func (c *conn) setDeaf(kind, attribute string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deaf == nil {
		c.deaf = map[string]bool{}
	}
	c.deaf[kind+attribute] = true
}

func (c *conn) list(ctx context.Context, kind, filter string, limit int, match func(map[string]any) bool) ([]map[string]any, error) {
	var out []map[string]any
	seen := map[string]bool{}
	next := 1
	for range maxPages {
		q := url.Values{"startIndex": {strconv.Itoa(next)}, "count": {strconv.Itoa(c.set.pageSize)}}
		if filter != "" {
			q.Set("filter", filter)
		}
		a, err := c.call(ctx, http.MethodGet, "/"+kind, q, nil, "")
		if err != nil {
			return nil, err
		}
		page, _ := get(a.resource, "Resources").([]any)
		fresh := 0
		for _, x := range page {
			r, _ := x.(map[string]any)
			id := text(r, "id")
			if r == nil || id == "" || seen[id] {
				continue // a service that ignores startIndex gives the same page for ever
			}
			seen[id] = true
			fresh++
			if match(r) {
				if out = append(out, r); len(out) >= limit {
					return out, nil
				}
			}
		}
		next += len(page)
		total, known := get(a.resource, "totalResults").(float64)
		if fresh == 0 || known && next > int(total) {
			return out, nil
		}
	}
	return nil, fault.New(fault.Invalid, "%s cannot search by what we need and holds too many entries to read them all. Ask its maker for filters on externalId and userName.", c.set.base.Host)
}

// quote makes a SCIM filter's string, which is a JSON string.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.TrimRight(b.String(), "\n")
}

// short makes a foreign text fit for a sentence.
func short(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if r := []rune(s); len(r) > 120 {
		return string(r[:120]) + "…"
	}
	return strings.TrimSpace(s)
}
