package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// bombs are functions that burn what they can get: time, and memory in two ways.
var bombs = []string{
	`return function() while true do end end`,
	`return function() local t = {} while true do t[#t + 1] = {t, {}, {}} end end`,
	`return function() local s = "x" while true do s = s .. s end end`,
}

const bombers = 3 // one more than pages may use workers

// bombs measures what the pages of others take while people try functions that burn
// all they get, beside what they take in the calm, ms. Both take turns, so that what else
// the machine does meets both.
func (b *Bench) bombs(ctx context.Context, r *row) error {
	people, err := b.bombPeople(ctx, r)
	if err != nil {
		return err
	}
	reader, err := r.signIn()
	if err != nil {
		return err
	}
	var calm, under []float64
	var ended []time.Duration
	phase := b.Length / 2
	for range max(1, int(b.Length/time.Second)) {
		some, err := pace(ctx, reader, r.site()+"/runs", phase)
		if err != nil {
			return err
		}
		calm = append(calm, some...)
		burning, stop := context.WithCancel(ctx)
		var hands sync.WaitGroup
		var mu sync.Mutex
		for i, p := range people {
			hands.Go(func() {
				for n := i; burning.Err() == nil; n++ {
					began := time.Now()
					if p.burn(ctx, bombs[n%len(bombs)]) == nil {
						mu.Lock()
						ended = append(ended, time.Since(began))
						mu.Unlock()
					}
				}
			})
		}
		time.Sleep(200 * time.Millisecond) // until they burn
		some, err = pace(ctx, reader, r.site()+"/runs", phase)
		stop()
		hands.Wait()
		if err != nil {
			return err
		}
		under = append(under, some...)
	}
	if len(ended) == 0 {
		return fmt.Errorf("no bomb ended: %s", r.name)
	}
	before, after := percentilesOf(calm), percentilesOf(under)
	b.keep(Result{Row: r.name + ", calm", Scenario: "bombs", Clients: 1, Answer: before, Done: int64(len(calm))})
	b.keep(Result{Row: r.name + ", bombs", Scenario: "bombs", Clients: 1, Answer: after, Done: int64(len(under))})
	fmt.Fprintf(b.Out, "  a page p50/95 %.1f/%.1f ms in the calm, %.1f/%.1f ms beside bombs (%+.0f %%/%+.0f %%); %d bombs ended\n",
		before.P50, before.P95, after.P50, after.P95, 100*(after.P50/before.P50-1), 100*(after.P95/before.P95-1), len(ended))
	return nil
}

// pace opens a page fifty times a second.
func pace(ctx context.Context, client *http.Client, address string, length time.Duration) ([]float64, error) {
	var out []float64
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(length); time.Now().Before(end); {
		select {
		case <-ctx.Done():
			return out, ctx.Err()
		case <-tick.C:
		}
		took, err := open(ctx, client, address)
		if err != nil {
			return out, err
		}
		out = append(out, took)
	}
	return out, nil
}

// open gives how long a page takes, ms.
func open(ctx context.Context, client *http.Client, address string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s answered %s: %w", address, res.Status, err)
	}
	return float64(time.Since(began).Microseconds()) / 1000, nil
}

// bomber is a signed-in builder with a function's form open.
type bomber struct {
	client *http.Client
	at     string
	form   url.Values
}

func (b *Bench) bombPeople(ctx context.Context, r *row) ([]bomber, error) {
	var out []bomber
	for n := range bombers {
		client, err := r.signInAs("builder@bench.example")
		if err != nil {
			return nil, err
		}
		key := fmt.Sprintf("bomb-%d-%d", n, time.Now().UnixMilli())
		form := url.Values{"name": {key}, "key": {key}, "from": {"empty"}}
		if err := sealed(ctx, client, r.site()+"/functions/new", form); err != nil {
			return nil, err
		}
		res, err := client.PostForm(r.site()+"/functions", form)
		if err != nil {
			return nil, err
		}
		_ = res.Body.Close()
		p := bomber{client: client, at: r.site() + "/functions/" + key, form: url.Values{"name": {key}, "base": {"1"}, "op": {"run"}}}
		if err := sealed(ctx, client, p.at, p.form); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

var csrf = regexp.MustCompile(`name="_csrf" value="([^"]+)"`)

// sealed puts a page's token against forged forms into a form.
func sealed(ctx context.Context, client *http.Client, page string, form url.Values) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	found := csrf.FindSubmatch(body)
	if err != nil || found == nil {
		return fmt.Errorf("%s answered %s without a form: %w", page, res.Status, err)
	}
	form.Set("_csrf", string(found[1]))
	return nil
}

// burn runs a bomb from the form and says nothing when it ended as bombs must.
func (p bomber) burn(ctx context.Context, source string) error {
	form := url.Values{"source": {source}}
	for k, v := range p.form {
		form[k] = v
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.at+"/draft", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	var said struct{ Parts map[string]string }
	if err := json.NewDecoder(res.Body).Decode(&said); err != nil {
		return err
	}
	if !strings.Contains(said.Parts["outcome"], "was ended") {
		return fmt.Errorf("a bomb was not ended: %d %s", res.StatusCode, said.Parts["outcome"])
	}
	return nil
}
