package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/fault"
	"joinery/internal/postgres"
)

// How many conversations go on at once, how long the pretend model thinks, and how often it
// sends a piece.
const (
	talkers    = 20
	talkThinks = time.Second
	talkEvery  = 50 * time.Millisecond
)

// askable sets the pretend model up.
func askable(ctx context.Context, db *postgres.DB, admin auth.Actor, world string) error {
	s := author.DefaultSetting()
	s.Policy, s.BaseURL, s.Model, s.NoKey = author.On, "http://"+world+"/v1", "pretend", true
	s.Limits.CallsPerDay, s.Limits.CallSeconds = 100_000, 900
	s.Limits.TokensPerDay, s.Limits.AllPerDay = 1_000_000_000, 10_000_000_000
	return db.SaveAuthorSetting(ctx, admin, s)
}

// talk is the pretend model: it thinks, then says the time every so often, and a filter ends
// it, so that nothing is left to be done.
func (w *world) talk(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Content-Type", "text/event-stream")
	say := func(format string, args ...any) {
		_, _ = fmt.Fprintf(rw, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%q}}]}\n\n", fmt.Sprintf(format, args...))
		rw.(http.Flusher).Flush()
	}
	pause := func(d time.Duration) bool {
		select {
		case <-time.After(d):
			return true
		case <-r.Context().Done():
			return false
		}
	}
	if !pause(talkThinks) {
		return
	}
	for end := time.Now().Add(time.Duration(w.talks.Load())); time.Now().Before(end); {
		say("@%d ", time.Now().UnixNano())
		if !pause(talkEvery) {
			return
		}
	}
	_, _ = io.WriteString(rw, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\ndata: [DONE]\n\n")
}

// author measures how long after the provider sent it a piece of an answer reaches the
// browser, with many conversations at once, and what the list of runs takes meanwhile.
func (b *Bench) author(ctx context.Context, r *row) error {
	b.world.talks.Store(int64(b.Length))
	client, err := r.signInAs("builder@bench.example")
	if err != nil {
		return err
	}
	rest, err := b.pages(ctx, r, 2*time.Second)
	if err != nil {
		return err
	}
	look, stop := context.WithCancel(ctx)
	defer stop()
	var hands, pages sync.WaitGroup
	var meanwhile read
	var looked error
	pages.Go(func() { meanwhile, looked = b.pages(look, r, time.Hour) })
	var mu sync.Mutex
	var first, all []float64
	var failed error
	for n := range talkers {
		hands.Go(func() {
			took, err := r.listen(ctx, client, fmt.Sprintf("Request %d of a measurement", n))
			mu.Lock()
			defer mu.Unlock()
			if err == nil && len(took) == 0 {
				err = errors.New("it heard nothing")
			}
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("conversation %d: %w", n, err))
				return
			}
			first, all = append(first, took[0]), append(all, took...)
		})
	}
	hands.Wait()
	stop()
	pages.Wait()
	if failed = errors.Join(failed, looked); failed != nil {
		return fault.Wrap(fault.Internal, failed, "The conversations were not heard to their end: %s.", failed)
	}
	begin, pieces := percentilesOf(first), percentilesOf(all)
	b.keep(Result{Row: r.name, Scenario: "author", Clients: talkers, Done: int64(len(all)), Answer: pieces, EndToEnd: begin, Pages: meanwhile.percentiles})
	fmt.Fprintf(b.Out, "  %d conversations at once: the first piece reaches the browser p50/95/99 %.1f/%.1f/%.1f ms after the provider sent it, any of %d pieces %.1f/%.1f/%.1f ms; run list p50/95 %.1f/%.1f ms, before %.1f/%.1f ms\n",
		len(first), begin.P50, begin.P95, begin.P99, len(all), pieces.P50, pieces.P95, pieces.P99, meanwhile.P50, meanwhile.P95, rest.P50, rest.P95)
	return nil
}

var stamp = regexp.MustCompile(`@(\d{19})`)

// listen asks for a function as a browser does and gives how long each piece of the answer
// took to come, ms.
func (r *row) listen(ctx context.Context, client *http.Client, text string) ([]float64, error) {
	form := url.Values{"text": {text}, "kind": {"request"}}
	if err := sealed(ctx, client, r.site()+"/author", form); err != nil {
		return nil, err
	}
	res, err := client.PostForm(r.site()+"/author", form)
	if err != nil {
		return nil, err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	at := res.Request.URL.Path
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(at, "/author/") {
		return nil, fmt.Errorf("asking for a function led to %s with %s", at, res.Status)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.site()+at+"/live", nil)
	if err != nil {
		return nil, err
	}
	stream := &http.Client{Jar: client.Jar} // without a limit of time
	if res, err = stream.Do(req); err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	var out []float64
	seen := map[string]bool{}
	lines := bufio.NewReader(res.Body)
	for {
		line, err := lines.ReadString('\n')
		now := time.Now().UnixNano()
		for _, m := range stamp.FindAllStringSubmatch(line, -1) {
			if sent, err := strconv.ParseInt(m[1], 10, 64); err == nil && !seen[m[1]] {
				seen[m[1]] = true
				out = append(out, float64(now-sent)/1e6)
			}
		}
		if strings.HasPrefix(line, "event: done") {
			return out, nil
		}
		if err != nil {
			return out, fmt.Errorf("the stream of %s ended early: %w", at, err)
		}
	}
}
