package bench

import (
	"cmp"
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
	`return function() local t = {} while true do t[#t + 1] = ("x"):rep(1000000) end end`,
}

// harmless is what others try: beside it stands what comes of calls, and not of bombs.
const harmless = `return function() return {done = true} end`

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
	var calm, beside, under []float64
	var ended []time.Duration
	phase := b.Length / 2
	for range max(1, int(b.Length/time.Second)) {
		some, err := pace(ctx, reader, r.site()+"/runs", phase)
		if err != nil {
			return err
		}
		calm = append(calm, some...)
		some, _, err = whileTrying(ctx, r, reader, people, phase, time.Second, harmless)
		if err != nil {
			return err
		}
		beside = append(beside, some...)
		some, took, err := whileTrying(ctx, r, reader, people, phase, 0, bombs...)
		if err != nil {
			return err
		}
		under, ended = append(under, some...), append(ended, took...)
	}
	before, calls, after := percentilesOf(calm), percentilesOf(beside), percentilesOf(under)
	b.keep(Result{Row: r.name + ", calm", Scenario: "bombs", Clients: 1, Answer: before, Done: int64(len(calm))})
	b.keep(Result{Row: r.name + ", calls", Scenario: "bombs", Clients: 1, Answer: calls, Done: int64(len(beside))})
	b.keep(Result{Row: r.name + ", bombs", Scenario: "bombs", Clients: 1, Answer: after, Done: int64(len(under))})
	more := func(p percentiles) string {
		return fmt.Sprintf("%.1f/%.1f ms (%+.0f %%/%+.0f %%)", p.P50, p.P95, 100*(p.P50/before.P50-1), 100*(p.P95/before.P95-1))
	}
	fmt.Fprintf(b.Out, "  a page p50/95 %.1f/%.1f ms in the calm, %s beside harmless calls, %s beside bombs; %d bombs ended\n", before.P50, before.P95, more(calls), more(after), len(ended))
	return nil
}

// whileTrying opens pages while people try functions, each of them as often as that at the
// most, and gives what pages took, ms, and how long each function ran.
func whileTrying(ctx context.Context, r *row, reader *http.Client, people []bomber, phase, every time.Duration, sources ...string) ([]float64, []time.Duration, error) {
	trying, stop := context.WithCancel(ctx)
	defer stop()
	var hands sync.WaitGroup
	var mu sync.Mutex
	var ran []time.Duration
	var wrong error // a bomb that is none would make a fine figure
	for i, p := range people {
		hands.Go(func() {
			for n := i; trying.Err() == nil; n++ {
				began := time.Now()
				err := p.burn(ctx, sources[n%len(sources)])
				mu.Lock()
				ran, wrong = append(ran, time.Since(began)), cmp.Or(wrong, err)
				mu.Unlock()
				if err != nil {
					return
				}
				select {
				case <-trying.Done():
				case <-time.After(every - time.Since(began)):
				}
			}
		})
	}
	time.Sleep(200 * time.Millisecond) // until they burn
	took, err := pace(ctx, reader, r.site()+"/runs", phase)
	stop()
	hands.Wait()
	return took, ran, cmp.Or(err, wrong)
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

// burn runs a function from the form and says nothing when it ended as it must.
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
	want := "was ended"
	if source == harmless {
		want = "ended well"
	}
	if !strings.Contains(said.Parts["outcome"], want) {
		return fmt.Errorf("a function is not told of as one that %s: %d %s", want, res.StatusCode, said.Parts["outcome"])
	}
	return nil
}
