package bench

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"time"
)

// pages opens the run list ten times a second for a while, signed in, and gives
// how long the answers took, ms.
func (b *Bench) pages(ctx context.Context, r *row, most time.Duration) (percentiles, error) {
	client, err := r.signIn()
	if err != nil {
		return percentiles{}, err
	}
	var times []float64
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(most); time.Now().Before(end); {
		select {
		case <-ctx.Done():
			return percentilesOf(times), nil
		case <-tick.C:
		}
		begin := time.Now()
		res, err := client.Get(r.base + "/runs")
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			times = append(times, float64(time.Since(begin).Microseconds())/1000)
		}
	}
	return percentilesOf(times), nil
}

func newBrowser() *http.Client {
	jar, _ := cookiejar.New(nil) // without options it cannot fail
	return &http.Client{Jar: jar, Timeout: time.Minute}
}
