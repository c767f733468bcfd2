package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"joinery/internal/bulk"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

// checkPart is how many people of a list are foreseen before progress is kept.
const checkPart = 200

// CheckList foresees every run of a list that BeginCheck took, and keeps the
// report. It ends early, giving the list back, when ctx ends.
func (e *Engine) CheckList(ctx context.Context, id, release string) (err error) {
	begun := time.Now()
	var report *bulk.Report
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimFor)
		defer cancel()
		err = errors.Join(err, e.DB.EndCheck(end, id, release, report))
	}()
	l, err := e.DB.List(ctx, id)
	if err != nil {
		return err
	}
	f, err := e.Foresee(ctx, release)
	if err != nil {
		return err
	}
	f.Live = l.Live
	file, err := e.DB.FromFile(ctx, l.Connection)
	if err != nil {
		return err
	}
	f.FromHRIS = !file
	f.People = func(ctx context.Context, connection, worker string) (joiner.Worker, bool, error) {
		return e.DB.ListColleague(ctx, id, connection, worker)
	}
	t := bulk.NewTally()
	for after := 0; ; {
		people, err := e.DB.ListPeople(ctx, id, after, checkPart)
		if err != nil {
			return err
		}
		if len(people) == 0 {
			break
		}
		part, err := e.foreseePart(ctx, f, t, l, people)
		if err != nil {
			return err
		}
		kept, err := e.DB.KeepForeseen(ctx, id, release, part)
		if err != nil || !kept {
			return err
		}
		after = people[len(people)-1].N
	}
	t.Live, t.Milliseconds = l.Live, time.Since(begun).Milliseconds()
	e.limits(f, t)
	done := t.Done()
	report = &done
	return nil
}

func (e *Engine) foreseePart(ctx context.Context, f *Forecaster, t *bulk.Tally, l postgres.List, people []postgres.ListPerson) ([]postgres.Foreseen, error) {
	managers, err := e.unknownManagers(ctx, l.ID, people)
	if err != nil {
		return nil, err
	}
	var part []postgres.Foreseen
	for _, p := range people {
		ref := joiner.Ref{Connection: l.Connection, Worker: p.Worker.ID}
		got, err := f.Run(ctx, Prospect{Ref: ref, Worker: p.Worker})
		if err != nil {
			return nil, err
		}
		t.People++
		if p.Known {
			t.Known++
		}
		if m := p.Worker.Text(joiner.ManagerID); managers[m] {
			t.Manager(m, p.Line)
		}
		e.count(t, f, got, p)
		part = append(part, postgres.Foreseen{N: p.N, As: string(got.State), Why: got.Reason})
	}
	return part, nil
}

// unknownManagers gives the managers that are neither in the list nor known.
func (e *Engine) unknownManagers(ctx context.Context, id string, people []postgres.ListPerson) (map[string]bool, error) {
	out := map[string]bool{}
	var ask []string
	for _, p := range people {
		if m := p.Worker.Text(joiner.ManagerID); m != "" && !out[m] {
			out[m] = true
			ask = append(ask, m)
		}
	}
	if len(ask) == 0 {
		return out, nil
	}
	known, err := e.DB.ListKnows(ctx, id, ask)
	for m := range known {
		delete(out, m)
	}
	return out, err
}

func (e *Engine) count(t *bulk.Tally, f *Forecaster, got Forecast, p postgres.ListPerson) {
	switch got.State {
	case run.Succeeded:
		t.Ready++
	case run.Waiting, run.Parked:
		t.Waiting++
	default:
		node, why := "", got.Reason
		for _, s := range got.Steps {
			if s.State == run.StepFailed && s.Error != "" {
				n, _ := f.rel.content.Find(s.Node)
				node, why = n.Title(), s.Error
			}
			if s.Type == "stop" && s.State == run.StepSucceeded {
				n, _ := f.rel.content.Find(s.Node)
				node = n.Title()
			}
		}
		t.Failed(node, why, p.Line)
	}
	for _, s := range got.Steps {
		if s.Type == "name.generate" {
			namesTaken(t, s.Output["reasons"], p)
		}
		for _, c := range s.Changes {
			switch c.Operation {
			case opCreate:
				t.Creates[c.Connection]++
			case opAdd:
				t.Group(c.Connection, c.Target)
			case opMail:
				t.Messages++
			case opHTTP:
				t.Requests++
			case opWriteBack:
				t.WriteBacks += len(c.Attributes)
			}
		}
	}
}

// namesTaken notes where a joiner does not get the first candidate because somebody
// holds it. A reason's title is "space: name".
func namesTaken(t *bulk.Tally, reasons any, p postgres.ListPerson) {
	first := map[string]bulk.NameTaken{}
	list, _ := reasons.([]any)
	for _, x := range list {
		r, _ := x.(map[string]any)
		title, _ := r["title"].(string)
		detail, _ := r["detail"].(string)
		space, name, _ := strings.Cut(title, ": ")
		wanted, collides := first[space]
		switch {
		case r["took"] == true && collides:
			wanted.Gets = name
			t.Named(wanted)
		case r["took"] != true && !collides && strings.HasPrefix(detail, "Taken in "):
			first[space] = bulk.NameTaken{Line: p.Line, Worker: p.Worker.Label(), Wanted: name, Holder: strings.TrimSuffix(detail, ".")}
		}
	}
}

// limits notes the limits of an hour that the list would reach.
func (e *Engine) limits(f *Forecaster, t *bulk.Tally) {
	own := f.rel.content.Limits
	total := func(m map[string]int) (n int) {
		for _, v := range m {
			n += v
		}
		return n
	}
	note := func(what string, limit, planned int) {
		if limit > 0 && planned > limit {
			t.Limits = append(t.Limits, bulk.Limit{What: what, Limit: limit, Planned: planned})
		}
	}
	note("runs of this flow", own.RunsPerHour, t.People)
	note("accounts made by this flow", own.CreatesPerHour, total(t.Creates))
	note("memberships given by this flow", own.GrantsPerHour, total(t.Grants))
	note("updates of workers by this flow", own.WriteBacksPerHour, t.WriteBacks)
	for _, key := range slices.Sorted(maps.Keys(f.rel.connections)) {
		limits := f.rel.connections[key].settings.Limits
		note("accounts made in "+key, limits.CreatesPerHour, t.Creates[key])
		note("memberships given in "+key, limits.GrantsPerHour, t.Grants[key])
	}
}

// Check foresees a list beside what else is done; it ends with the process.
func (e *Engine) Check(id, release string) {
	e.checks.Go(func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			select {
			case <-e.ending:
				cancel()
			case <-stop:
			}
		}()
		if err := e.CheckList(ctx, id, release); err != nil && ctx.Err() == nil {
			e.Log.Error("foreseeing a list failed", "list", id, "kind", fault.KindOf(err), "err", err)
		}
	})
}
