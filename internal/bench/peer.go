package bench

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"joinery/internal/fault"
	"joinery/internal/pgserver"
)

// Peer is another engine beside ours: a command that serves the standard job, and the
// address that takes its webhooks. Its command finds the pretend directory in
// BENCH_WORLD, a database of its own in PGHOST, PGPORT, PGUSER and PGDATABASE, and a
// folder of its own, which it finds again when it is started again, in BENCH_DIR.
type Peer struct{ Name, URL, Command string }

// ParsePeer reads "name address command …".
func ParsePeer(text string) (Peer, error) {
	f := strings.SplitN(strings.TrimSpace(text), " ", 3)
	if len(f) < 3 || !strings.HasPrefix(f[1], "http://127.0.0.1:") || f[0] == "joinery" || slices.Contains(Baselines(), f[0]) {
		return Peer{}, fault.New(fault.Invalid, "%q is not a peer. Write its name, its address on 127.0.0.1 and its command: nodered http://127.0.0.1:1880/joiner ./start.sh", text)
	}
	return Peer{Name: f[0], URL: f[1], Command: f[2]}, nil
}

// peer starts another engine. It is measured like the baselines: the same webhooks,
// the same directory, the same cores.
func (b *Bench) peer(ctx context.Context, p Peer) (*row, error) {
	database := "peer_" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, p.Name)
	if err := createDatabase(ctx, b.pg.URL(pgserver.Owner, "postgres"), database); err != nil {
		return nil, err
	}
	host := filepath.Dir(b.pg.Dir())
	if u := b.pg.URL(pgserver.Owner, database); strings.Contains(u, "host=") {
		host = between(u, "host=", "&")
	}
	dir := filepath.Join(b.Dir, database)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	r := &row{name: p.Name, database: b.pg.URL(pgserver.Owner, database)}
	r.start = func(ctx context.Context) error {
		var err error
		if r.log, err = os.OpenFile(filepath.Join(b.Dir, p.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return err
		}
		cmd := exec.Command("sh", "-c", p.Command)
		cmd.Env = append(os.Environ(), "BENCH_WORLD=http://"+b.world.addr, "PGHOST="+host, "PGPORT=5432", "PGUSER="+pgserver.Owner, "PGDATABASE="+database, "BENCH_DIR="+dir)
		cmd.Stdout, cmd.Stderr = r.log, r.log
		began := time.Now()
		if err := cmd.Start(); err != nil {
			return err
		}
		r.mu.Lock()
		r.cmd, r.url, r.base = cmd, p.URL, p.URL
		r.mu.Unlock()
		first, err := takes(ctx, p.URL, 3*time.Minute)
		if err != nil {
			r.stop()
			return fmt.Errorf("%s: %w (log: %s)", p.Name, err, r.log.Name())
		}
		r.readyMS = float64(first.Sub(began).Microseconds()) / 1000
		return nil
	}
	return r, r.start(ctx)
}

// takes waits until an engine takes joiners, many in a row: some register their
// webhooks twice while they start. It gives when it took the first of these.
func takes(ctx context.Context, url string, most time.Duration) (first time.Time, err error) {
	client := &http.Client{Timeout: 10 * time.Second}
	good := 0
	for end := time.Now().Add(most); time.Now().Before(end) && ctx.Err() == nil; sleep(ctx, 50*time.Millisecond) {
		res, err := client.Post(url, "application/json", strings.NewReader(body("probe-1")))
		if err != nil {
			good = 0
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode/100 != 2 {
			good = 0
			continue
		}
		if good++; good == 1 {
			first = time.Now()
		}
		if good == 60 {
			return first, nil
		}
	}
	return first, fault.New(fault.Unavailable, "It takes no joiner.")
}

func between(text, from, to string) string {
	_, rest, _ := strings.Cut(text, from)
	out, _, _ := strings.Cut(rest, to)
	return strings.NewReplacer("%2F", "/", "%2f", "/").Replace(out)
}
