package bench

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"joinery/internal/fault"
	"joinery/internal/pgserver"
)

// Bench is one measurement of several rows.
type Bench struct {
	// Program is the joinery binary; it is started for each row.
	Program string
	// Dir keeps the PostgreSQL and the logs of the rows.
	Dir string
	// Rows are "joinery" and those of Baselines.
	Rows []string
	// Peers are other engines, measured in turn with the rows.
	Peers       []Peer
	Scenarios   []string
	Clients     []int
	Latencies   []time.Duration
	Length      time.Duration
	Repeats     int
	Joiners     int // of the drain
	Stored      int // runs in the database when lists are measured
	Rate        float64
	Limit       float64
	Checkpoints int
	Out         io.Writer
	// Keep appends each result as a line of JSON; nil keeps none.
	Keep io.Writer

	world   *world
	pg      *pgserver.Server
	pgPID   int
	results []Result
}

// TempDir makes a folder for a measurement that the account of the PostgreSQL
// server can enter too.
func TempDir() (string, error) {
	dir, err := os.MkdirTemp("", "joinery-bench-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

// Scenarios lists what can be measured.
func Scenarios() []string {
	return []string{"throughput", "accept", "drain", "limited", "kill", "steps", "one", "start", "lists", "bombs", "author"}
}

// row is a running row.
type row struct {
	name    string
	joinery bool
	// database is the owner's address of the row's database.
	database string
	log      *os.File
	readyMS  float64
	start    func(ctx context.Context) error

	mu   sync.Mutex
	url  string
	base string
	cmd  *exec.Cmd
}

func (r *row) pid() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd == nil || r.cmd.Process == nil {
		return 0
	}
	return r.cmd.Process.Pid
}

// hook is where webhooks go, and site where pages are.
func (r *row) hook() string { r.mu.Lock(); defer r.mu.Unlock(); return r.url }
func (r *row) site() string { r.mu.Lock(); defer r.mu.Unlock(); return r.base }

// take gives the process to whoever ends it.
func (r *row) take() *exec.Cmd {
	r.mu.Lock()
	defer r.mu.Unlock()
	cmd := r.cmd
	r.cmd = nil
	return cmd
}

func (r *row) kill() {
	if cmd := r.take(); cmd != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = r.log.Close()
	}
}

// Run measures. Rows are measured in turn, again for each repeat, and the table
// shows medians.
func (b *Bench) Run(ctx context.Context) error {
	for _, s := range b.Scenarios {
		if !slices.Contains(Scenarios(), s) {
			return fault.New(fault.Invalid, "There is no scenario %q. There are: %s.", s, strings.Join(Scenarios(), ", "))
		}
	}
	for _, r := range b.Rows {
		if r != "joinery" && !slices.Contains(Baselines(), r) {
			return fault.New(fault.Invalid, "There is no row %q. There are: joinery, %s.", r, strings.Join(Baselines(), ", "))
		}
	}
	var err error
	if b.world, err = newWorld(); err != nil {
		return err
	}
	defer b.world.close()
	if b.pg, err = pgserver.Start(ctx, pgserver.Config{Dir: filepath.Join(b.Dir, "postgres")}); err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = b.pg.Stop(stop)
	}()
	b.pgPID = postmaster(b.pg.Dir())
	var rows []*row
	defer func() {
		for _, r := range rows {
			r.stop()
		}
	}()
	for _, name := range b.Rows {
		r, err := b.row(ctx, name)
		if err != nil {
			return err
		}
		rows = append(rows, r)
	}
	for _, p := range b.Peers {
		r, err := b.peer(ctx, p)
		if err != nil {
			return err
		}
		rows = append(rows, r)
	}
	for n := range b.Repeats {
		fmt.Fprintf(b.Out, "repeat %d of %d\n", n+1, b.Repeats)
		for _, s := range b.Scenarios {
			if err := b.scenario(ctx, s, rows); err != nil {
				return err
			}
		}
	}
	b.table()
	for _, r := range b.results {
		if r.Doubles > 0 || r.Lost > 0 || r.Errors > 0 {
			return fault.New(fault.Internal, "%s had %d accepted joiners without an account at the end, made %d accounts twice and answered %d webhooks with an error: a speed with these is no speed. The first error: %s", r.Row, r.Lost, r.Doubles, r.Errors, r.First)
		}
	}
	return nil
}

func postmaster(data string) int {
	raw, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0
	}
	var pid int
	_, _ = fmt.Sscan(string(raw), &pid)
	return pid
}

// row makes a row's database and starts it.
func (b *Bench) row(ctx context.Context, name string) (*row, error) {
	database := "bench_" + strings.ReplaceAll(name, "-", "_")
	if err := createDatabase(ctx, b.pg.URL(pgserver.Owner, "postgres"), database); err != nil {
		return nil, err
	}
	url := b.pg.URL(pgserver.Owner, database)
	r := &row{name: name, joinery: name == "joinery", database: url}
	if r.joinery {
		if err := furnish(ctx, url, b.world.addr); err != nil {
			return nil, fmt.Errorf("furnish: %w", err)
		}
	}
	r.start = func(ctx context.Context) error {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		addr := ln.Addr().String()
		_ = ln.Close()
		base := "http://" + addr
		args, hook, probe := []string{"serve"}, base+"/hooks/"+hrisKey, base+"/readyz"
		if !r.joinery {
			args, hook, probe = []string{"bench", "--serve", name, "--serve-addr", addr, "--serve-world", b.world.addr, "--checkpoints", fmt.Sprint(b.Checkpoints)}, base+"/hook", base+"/"
		}
		if r.log, err = os.OpenFile(filepath.Join(b.Dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return err
		}
		cmd := exec.Command(b.Program, args...)
		cmd.Env = append(os.Environ(), "DATABASE_URL="+url, "JOINERY_ADDR="+addr, "JOINERY_BASE_URL="+base, "JOINERY_MASTER_KEY="+base64.StdEncoding.EncodeToString(masterKey), "JOINERY_DATA_DIR="+filepath.Join(b.Dir, "data"),
			"JOINERY_ALLOW_HOSTS=127.0.0.1", "JOINERY_LOG_LEVEL=warn")
		cmd.Stdout, cmd.Stderr = r.log, r.log
		began := time.Now()
		if err := cmd.Start(); err != nil {
			return err
		}
		r.mu.Lock()
		r.cmd, r.url, r.base = cmd, hook, base
		r.mu.Unlock()
		if err := answers(ctx, probe, r.joinery, 30*time.Second); err != nil {
			r.stop()
			return fmt.Errorf("%s: %w (log: %s)", name, err, r.log.Name())
		}
		r.readyMS = float64(time.Since(began).Microseconds()) / 1000
		return nil
	}
	for tries := 1; ; tries++ { // another program may take the port before the row does
		err := r.start(ctx)
		if err == nil || tries == 3 || ctx.Err() != nil {
			return r, err
		}
	}
}

// answers waits until a row answers; Joinery must say that it is ready.
func answers(ctx context.Context, url string, ok bool, most time.Duration) error {
	client := &http.Client{Timeout: time.Second}
	for end := time.Now().Add(most); time.Now().Before(end); sleep(ctx, 2*time.Millisecond) {
		res, err := client.Get(url)
		if err != nil {
			continue
		}
		_ = res.Body.Close()
		if !ok || res.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fault.New(fault.Unavailable, "It does not answer.")
}

func (r *row) stop() {
	cmd := r.take()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(os.Interrupt)
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		_ = cmd.Process.Kill()
		<-done
	}
	_ = r.log.Close()
}

func (b *Bench) keep(r Result) {
	b.results = append(b.results, r)
	fmt.Fprintf(b.Out, "  %-11s %-12s c=%-3d lat=%-3gms  %8.1f/s  answer p50/95/99 %.1f/%.1f/%.1f  end to end %.1f/%.1f/%.1f ms  CPU/run %.2f+%.2f (load %.2f) ms  rows/run %.1f, WAL/run %.1f kB  memory %.0f→%.0f MB  errors %d double %d lost %d refused %d %s\n",
		r.Scenario, r.Row, r.Clients, r.LatencyMS, r.PerSecond, r.Answer.P50, r.Answer.P95, r.Answer.P99, r.EndToEnd.P50, r.EndToEnd.P95, r.EndToEnd.P99, r.EngineCPU, r.PgCPU, r.LoadCPU, r.Rows, r.WALKB, r.IdleMB, r.PeakMB,
		r.Errors, r.Doubles, r.Lost, r.Limited, r.First)
	if b.Keep != nil {
		_ = json.NewEncoder(b.Keep).Encode(r)
	}
}
