package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// person is what the webhook of the baselines holds.
type person struct {
	EmployeeID string `json:"employeeId"`
	FirstName  string `json:"firstName"`
	LastName   string `json:"lastName"`
	Department string `json:"department"`
}

// username is the job's rule; the flow of the Joinery row has it as an expression.
func username(p person) string {
	clean := func(s string, most int) string {
		var b strings.Builder
		for _, r := range strings.ToLower(s) {
			if (unicode.IsLetter(r) || unicode.IsDigit(r)) && b.Len() < most {
				b.WriteRune(r)
			}
		}
		return b.String()
	}
	return clean(p.FirstName, 1) + clean(p.LastName, 12) + clean(p.EmployeeID, 64)
}

// directory is the baselines' client.
type directory struct {
	base   string
	client *http.Client
}

func newDirectory(base string) *directory {
	return &directory{base: base, client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512, DisableCompression: true}}}
}

func (d *directory) exists(ctx context.Context, name string) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.base+"/users/"+name, nil)
	if err != nil {
		return false, err
	}
	res, err := d.client.Do(req)
	if err != nil {
		return false, err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusNotFound {
		return false, fmt.Errorf("lookup: %s", res.Status)
	}
	return res.StatusCode == http.StatusOK, nil
}

func (d *directory) create(ctx context.Context, name string, p person) (string, error) {
	raw, err := json.Marshal(map[string]string{"userName": name, "employeeId": p.EmployeeID, "displayName": p.FirstName + " " + p.LastName, "department": p.Department})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.base+"/users", bytes.NewReader(raw))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := d.client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	var out struct{ ID string }
	err = json.NewDecoder(res.Body).Decode(&out)
	if res.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("create: %s", res.Status)
	}
	return out.ID, err
}

// keep writes one checkpoint of a baseline's run.
type keep func(n int, name string, value any) error

// work is the job in k checkpoints: at least the lookup and the create.
func (d *directory) work(ctx context.Context, p person, k int, put keep) error {
	n := 0
	save := func(name string, v any) error { n++; return put(n, name, v) }
	u := username(p)
	if k >= 3 {
		if err := save("username", u); err != nil {
			return err
		}
	}
	found, err := d.exists(ctx, u)
	if err != nil {
		return err
	}
	if err := save("lookup", found); err != nil {
		return err
	}
	id, err := d.create(ctx, u, p)
	if err != nil {
		return err
	}
	if err := save("create", id); err != nil {
		return err
	}
	for n < k {
		if err := save("extra", "ok"); err != nil {
			return err
		}
	}
	return nil
}
