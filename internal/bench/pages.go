package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"slices"
	"time"
)

// read is what pages took, ms.
type read struct {
	percentiles
	Max   float64 `json:"max"`
	Pages int     `json:"pages"`
}

func (r read) String() string { return fmt.Sprintf("%.1f/%.1f/%.1f", r.P50, r.P95, r.Max) }

// pages has a reader open the run list ten times a second for a while. The reader is a
// process of its own: in the one that sends joiners it would wait for its turn behind a
// hundred of them, which no reader does.
func (b *Bench) pages(ctx context.Context, r *row, most time.Duration) (out read, err error) {
	cmd := exec.Command(b.Program, "bench", "--read", r.site())
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, os.Stderr
	until, err := cmd.StdinPipe()
	if err != nil {
		return out, err
	}
	if err := cmd.Start(); err != nil {
		return out, fmt.Errorf("start a reader: %w", err)
	}
	sleep(ctx, most)
	_ = until.Close()
	if err := cmd.Wait(); err != nil {
		return out, fmt.Errorf("the reader of pages ended: %w", err)
	}
	return out, json.Unmarshal(said.Bytes(), &out)
}

// ReadPages opens the run list of a row ten times a second until its input ends, signed
// in, and writes how long the answers took.
func ReadPages(site string, until io.Reader, out io.Writer) error {
	r := &row{base: site}
	client, err := r.signIn()
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(context.Background())
	defer end()
	go func() { _, _ = io.Copy(io.Discard, until); end() }()
	var times []float64
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			longest := 0.0
			if len(times) > 0 {
				longest = slices.Max(times)
			}
			return json.NewEncoder(out).Encode(read{percentilesOf(times), longest, len(times)})
		case <-tick.C:
		}
		took, err := open(context.Background(), client, site+"/runs")
		if err != nil {
			return err
		}
		times = append(times, took)
	}
}

func newBrowser() *http.Client {
	jar, _ := cookiejar.New(nil) // without options it cannot fail
	return &http.Client{Jar: jar, Timeout: time.Minute}
}
