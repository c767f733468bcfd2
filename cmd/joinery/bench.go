package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"joinery/internal/bench"
	"joinery/internal/fault"
	"joinery/internal/pgserver"
)

type benchCmd struct {
	Rows        []string        `default:"joinery,river-plain,batch" help:"What is measured, each in a process of its own."`
	Peer        []string        `sep:"none" help:"Another engine beside them: \"name http://127.0.0.1:1880/joiner command\" (see internal/bench/peers). May be given several times."`
	Scenario    []string        `default:"throughput,accept" help:"throughput, accept, drain, limited, kill, steps, one, start, lists, bombs, author."`
	Clients     []int           `default:"100" help:"Joiners under way at once (throughput)."`
	Latency     []time.Duration `default:"0s,20ms" help:"How long the pretend directory takes for a call (throughput)."`
	Length      time.Duration   `default:"6s" help:"How long each row is measured."`
	Repeats     int             `default:"3" help:"The table shows medians."`
	Joiners     int             `default:"10000" help:"How many a drain brings in."`
	Stored      int             `default:"1000000" help:"How many runs are stored when lists are measured."`
	Rate        float64         `default:"500" help:"Webhooks a second (accept)."`
	Limit       float64         `default:"100" help:"Creates a second that the directory allows (limited)."`
	Checkpoints int             `default:"3" help:"Durable steps of the baselines: 3 for the standard job, 40 for the scenario steps."`
	Dir         string          `type:"path" help:"Where the PostgreSQL of the measurement and the logs go; a temporary folder unless given."`
	Out         string          `type:"path" help:"Append each result to this file as a line of JSON."`

	Serve      string `hidden:""`
	ServeAddr  string `hidden:""`
	ServeWorld string `hidden:""`
	Read       string `hidden:""`
}

// Run measures Joinery beside its baselines. It starts a PostgreSQL of its own and
// touches no other.
func (c benchCmd) Run(ctx context.Context, t *tool) error {
	if c.Serve != "" {
		return bench.ServeBaseline(ctx, c.Serve, t.env("DATABASE_URL"), c.ServeWorld, c.ServeAddr, c.Checkpoints)
	}
	if c.Read != "" {
		return bench.ReadPages(c.Read, os.Stdin, t.out)
	}
	if c.Checkpoints < 2 || c.Repeats < 1 || c.Length < time.Second || c.Joiners < 1 || c.Rate <= 0 || c.Limit <= 0 {
		return usageError{fault.New(fault.Invalid, "A measurement needs at least 2 checkpoints, 1 repeat, 1s, 1 joiner, and a rate and limit above 0.")}
	}
	var peers []bench.Peer
	for _, text := range c.Peer {
		p, err := bench.ParsePeer(text)
		if err != nil {
			return usageError{err}
		}
		peers = append(peers, p)
	}
	if !pgserver.Present() {
		fmt.Fprintln(t.errs, "PostgreSQL is not installed; installing it once.")
		if err := pgserver.Obtain(ctx, t.errs); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if c.Dir == "" {
		if c.Dir, err = bench.TempDir(); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(c.Dir) }()
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	b := &bench.Bench{Program: self, Dir: c.Dir, Rows: c.Rows, Peers: peers, Scenarios: c.Scenario, Clients: c.Clients, Latencies: c.Latency, Length: c.Length, Repeats: c.Repeats, Joiners: c.Joiners, Stored: c.Stored,
		Rate: c.Rate, Limit: c.Limit, Checkpoints: c.Checkpoints, Out: t.out}
	if c.Out != "" {
		f, err := os.OpenFile(c.Out, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return fault.New(fault.Invalid, "The file %s cannot be written.", c.Out)
		}
		defer func() { _ = f.Close() }()
		b.Keep = f
	}
	return b.Run(ctx)
}
