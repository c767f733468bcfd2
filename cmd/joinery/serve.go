package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"joinery/internal/demo"
	"joinery/internal/fault"
	"joinery/internal/first"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/web"
)

type serveCmd struct {
	Demo bool `help:"Add a demo company: an HRIS, a directory and two people to try the review path with."`
}

// Run serves until it is interrupted.
func (s serveCmd) Run(ctx context.Context, t *tool) error {
	if t.env("GOGC") == "" {
		debug.SetGCPercent(400) // a small heap that turns over fast: a quarter of the collections for some megabytes
	}
	began := time.Now()
	h, err := t.wire(ctx, true)
	if err != nil {
		return err
	}
	defer h.close()
	ln, err := net.Listen("tcp", h.cfg.Addr)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "The console cannot listen on %s: another program uses it. Stop that one, or set JOINERY_ADDR.", h.cfg.Addr)
	}
	defer func() { _ = ln.Close() }()
	smtp, banner := h.cfg.SMTPURL, ""
	var company *demo.Company
	if s.Demo {
		if company, err = startDemo(ctx, h); err != nil {
			return err
		}
		defer func() {
			stop, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = company.Stop(stop)
		}()
		banner = "This is a demo: it comes with a pretend HRIS at " + company.HRISURL + " and a pretend directory at " + company.DirectoryURL + "."
		if smtp == "" {
			smtp = company.MailURL
		}
	}
	send, err := mailer(smtp)
	if err != nil {
		return err
	}
	pages := &first.First{}
	eng := h.engine(pages, send)
	before, err := succeed(ctx, h.cfg.DataDir, eng.Owner, h.db)
	if err != nil {
		// The runs of the one before are taken over when their leases end.
		h.cfg.Log.Warn("the engine's file in the data folder is of no use", "err", err)
	}
	defer before.close()
	writer := h.writer(eng.Owner)
	site := &web.Server{DB: h.db, Author: writer, Hasher: h.hasher, Log: h.cfg.Log, Now: h.db.Now, BaseURL: h.cfg.BaseURL, TrustedProxies: h.cfg.TrustedProxies, Version: version(), Demo: banner,
		Catalog: h.kinds.Connectors, Nodes: node.All(), Pool: h.pool, Kick: eng.Kick, CheckList: eng.Check, Known: eng.KnownLike, Try: eng.Try, Functions: h.functions, Beat: eng.Beat, InHand: eng.InHand,
		Metrics: h.metrics, Trace: h.trace, Drain: h.cfg.Drain, First: pages, System: h.facts(smtp)}
	if err := t.firstPeople(ctx, h, s.Demo); err != nil {
		return err
	}
	if company != nil {
		if err := seedDemo(ctx, h, company); err != nil {
			return fmt.Errorf("set up the demo company: %w", err)
		}
	}
	fmt.Fprintf(t.out, "\n  Joinery runs at %s\n", h.cfg.BaseURL)
	if company != nil {
		fmt.Fprintf(t.out, "  Demo HRIS:      %s   (hire somebody here)\n  Demo directory: %s   (and see the account here)\n", company.HRISURL, company.DirectoryURL)
	}
	fmt.Fprintln(t.out)
	begun, done := context.WithCancel(ctx)
	defer done()
	go func() {
		if eng.Begun(begun) {
			h.cfg.Log.Info("ready", "address", ln.Addr().String(), "version", version(), "took", time.Since(began).Round(time.Millisecond))
		}
	}()
	both := func(ctx context.Context) {
		var beside sync.WaitGroup
		beside.Go(func() { writer.Run(ctx, h.db) })
		eng.Run(ctx)
		beside.Wait()
	}
	return h.work(ctx, both, func(ctx context.Context) error { return site.Serve(ctx, ln) })
}

// work runs the engine, the audit's sealer and the site until ctx ends or the
// site fails. Engine and site end beside each other: what still comes in is kept
// in the database, and another process carries it. The sealer ends last, with
// what they wrote.
func (h *house) work(ctx context.Context, engine func(context.Context), serve func(context.Context) error) error {
	defer context.AfterFunc(ctx, func() {
		h.cfg.Log.Info("stopping: calls under way may end; a second signal ends this at once")
	})()
	front, stop := context.WithCancel(ctx)
	defer stop()
	back, stopSealing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSealing()
	var working, sealing sync.WaitGroup
	working.Go(func() { engine(front) })
	sealing.Go(func() { h.seal(back) })
	sealing.Go(func() { h.db.KeepClock(back) })
	sealing.Go(func() { h.db.KeepNames(back) })
	if h.ours {
		sealing.Go(func() { h.private.Keep(back) })
	}
	err := serve(front)
	stop()
	working.Wait()
	stopSealing()
	sealing.Wait()
	return err
}

// seal links new audit records into the chain each second, and keeps a signed
// checkpoint of its end outside the database each minute, and both once more at
// the end.
func (h *house) seal(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var last time.Time
	var seq int64
	for {
		seq = h.sealOnce(ctx, seq, time.Since(last) > time.Minute)
		if time.Since(last) > time.Minute {
			last = time.Now()
		}
		select {
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			h.sealOnce(end, seq, true)
			return
		case <-tick.C:
		}
	}
}

func (h *house) sealOnce(ctx context.Context, seq int64, sign bool) int64 {
	for more := true; more; {
		n, err := h.db.SealAudit(ctx)
		if err != nil && ctx.Err() == nil {
			h.cfg.Log.Warn("sealing the audit log failed", "err", err)
		}
		more = n >= postgres.SealMost && ctx.Err() == nil
	}
	if !sign {
		return seq
	}
	seq, err := h.checkpoint(ctx, seq)
	if err != nil && ctx.Err() == nil {
		h.cfg.Log.Warn("keeping an audit checkpoint failed", "err", err)
	}
	return seq
}

func (h *house) checkpoint(ctx context.Context, seq int64) (int64, error) {
	all, err := h.db.AuditCheckpoints(ctx, seq)
	if err != nil || len(all) == 0 {
		return seq, err
	}
	if err := os.MkdirAll(filepath.Dir(h.checkpointFile()), 0o755); err != nil {
		return seq, err
	}
	for _, c := range all {
		line, err := json.Marshal(c.Sign(h.checkpointKey()))
		if err != nil {
			return seq, err
		}
		if err := appendLine(h.checkpointFile(), line); err != nil {
			return seq, err
		}
		seq = c.Seq
	}
	return seq, nil
}

// appendLine adds a line whole or not at all: a disk that was full, or a process
// that was killed, in the middle of a line must not spoil the lines after it.
func appendLine(path string, line []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	from := max(0, info.Size()-4096) // a line is far shorter
	tail := make([]byte, info.Size()-from)
	if _, err := f.ReadAt(tail, from); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	whole := from + int64(bytes.LastIndexByte(tail, '\n')+1)
	if _, err := f.WriteAt(append(line, '\n'), whole); err != nil {
		return errors.Join(err, f.Truncate(whole))
	}
	return errors.Join(f.Truncate(whole+int64(len(line))+1), f.Sync())
}

// firstPeople makes the first administrator from the environment, or prints the
// one-time link to do it.
func (t *tool) firstPeople(ctx context.Context, h *house, demo bool) error {
	if h.cfg.AdminEmail != "" {
		made, err := h.db.SetupFirstAdmin(ctx, h.hasher, h.cfg.AdminEmail, h.cfg.AdminPassword)
		if err != nil {
			return err
		}
		if made {
			fmt.Fprintf(t.out, "The first administrator is %s.\n", h.cfg.AdminEmail)
		}
	}
	need, err := h.db.NeedsSetup(ctx)
	if err != nil {
		return err
	}
	if need {
		token, err := h.db.NewSetupLink(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "\n  Set up the first administrator (this link works once, for an hour; a restart prints a new one):\n  %s/setup?token=%s\n", h.cfg.BaseURL, token)
	}
	if demo {
		return t.demoPeople(ctx, h)
	}
	return nil
}

// facts are what the system page shows besides its own.
func (h *house) facts(smtp string) func(context.Context) []web.SystemFact {
	return func(context.Context) []web.SystemFact {
		out := []web.SystemFact{{Label: "Database", Value: "your own server", Tone: "good"}, {Label: "Mail", Value: "not configured (JOINERY_SMTP_URL)", Tone: "warn"}}
		if h.private != nil {
			out[0].Value = "the private PostgreSQL in the data folder"
		}
		if smtp != "" {
			out[1] = web.SystemFact{Label: "Mail", Value: "configured", Tone: "good"}
		}
		key := "from the environment"
		switch {
		case h.cfg.MasterKeyFile != "":
			key = "from a file"
		case h.cfg.MasterKey == "":
			key = "made in the data folder: back it up, apart from the database"
		}
		hosts := "none: outbound calls reach public addresses and the approved private hosts of connections"
		if len(h.cfg.AllowHosts) > 0 {
			hosts = strings.Join(h.cfg.AllowHosts, ", ")
		}
		return append(out, web.SystemFact{Label: "Master key", Value: key}, web.SystemFact{Label: "Private hosts allowed", Value: hosts}, web.SystemFact{Label: "Audit checkpoints", Value: h.checkpointFile()})
	}
}
