package tryton

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"joinery/internal/fault"
	"joinery/internal/joiner"
)

const (
	// perPage is how many employees one page of Changed reads.
	perPage = 100
	// perCall is how many records one call asks for.
	perCall = 1000
	// keepList is how long one list of who changed serves the pages of a walk.
	keepList = 5 * time.Minute
)

// change is an employee and the moment of the last change of anything around.
type change struct {
	id int64
	at time.Time
}

func (x change) cursor() string {
	return x.at.UTC().Format("2006-01-02T15:04:05.000000") + " " + strconv.FormatInt(x.id, 10)
}

// Changed lists employees changed since a moment, oldest first. It looks at the
// dates of creation and of change of the employee, of the party, and of the
// party's contact mechanisms and addresses: a new e-mail address moves no date
// but its own. It looks back a little further than asked, so a worker may come
// again with the same Version. What was deleted leaves no trace in Tryton.
func (c *conn) Changed(ctx context.Context, since time.Time, cursor string) ([]joiner.Worker, string, error) {
	list, err := c.changes(ctx, since, cursor != "")
	if err != nil {
		return nil, "", err
	}
	begin := 0
	if cursor != "" {
		begin, _ = slices.BinarySearchFunc(list, cursor, func(x change, cursor string) int {
			if !after(x.cursor(), cursor) {
				return -1
			}
			return 1
		})
	}
	end := min(begin+perPage, len(list))
	var ids []int64
	for _, x := range list[begin:end] {
		ids = append(ids, x.id)
	}
	page, unreadable, err := c.workers(ctx, ids)
	switch {
	case err != nil:
		return nil, "", err
	case unreadable != nil && len(page) == 0:
		return nil, "", unreadable // it is the settings, not one employee
	case unreadable != nil:
		// One employee with an impossible value must not keep all others away.
		c.cfg.Log.Warn("employees were left out, because a value of theirs cannot be read", "err", fault.Sentence(unreadable))
	}
	if end == len(list) {
		return page, "", nil
	}
	return page, list[end-1].cursor(), nil
}

// after compares cursors: by moment, then by id as a number.
func after(a, b string) bool {
	atA, idA, _ := strings.Cut(a, " ")
	atB, idB, _ := strings.Cut(b, " ")
	if atA != atB {
		return atA > atB
	}
	x, _ := strconv.ParseInt(idA, 10, 64)
	y, _ := strconv.ParseInt(idB, 10, 64)
	return x > y
}

// changes gives who changed, oldest first: asked for anew for the first page of a
// walk, kept for its others.
func (c *conn) changes(ctx context.Context, since time.Time, further bool) ([]change, error) {
	c.mu.Lock()
	kept, fresh := c.listed, c.since.Equal(since) && c.cfg.Now().Sub(c.listedAt) < keepList
	c.mu.Unlock()
	if further && fresh && kept != nil {
		return kept, nil
	}
	at := map[int64]time.Time{}
	from := since
	if !from.IsZero() {
		from = from.Add(-c.set.overlap)
	}
	ofParty, err := c.partyChanges(ctx, from)
	if err != nil {
		return nil, err
	}
	note := func(e map[string]any) {
		id := number(e["id"])
		t := latest(at[id], e, dates...)
		if u := ofParty[number(e["party"])]; u.After(t) {
			t = u
		}
		at[id] = t
	}
	if err := c.each(ctx, employees, append(sinceOf(from, dates...), c.inCompany()...), append([]string{"party"}, dates...), note); err != nil {
		return nil, err
	}
	if !from.IsZero() {
		if err := c.ofParties(ctx, ofParty, note); err != nil {
			return nil, err
		}
	}
	list := make([]change, 0, len(at))
	for id, t := range at {
		list = append(list, change{id, t})
	}
	slices.SortFunc(list, func(a, b change) int {
		if d := a.at.Compare(b.at); d != 0 {
			return d
		}
		return int(a.id - b.id)
	})
	c.mu.Lock()
	c.listed, c.since, c.listedAt = list, since, c.cfg.Now()
	c.mu.Unlock()
	return list, nil
}

// partyChanges gives the parties whose contact mechanisms or addresses changed,
// those taken away included, and when.
func (c *conn) partyChanges(ctx context.Context, from time.Time) (map[int64]time.Time, error) {
	out := map[int64]time.Time{}
	for _, model := range []string{mechanisms, addresses} {
		err := c.each(ctx, model, sinceOf(from, "create_date", "write_date"), []string{"party", "create_date", "write_date"}, func(m map[string]any) {
			party := number(m["party"])
			out[party] = latest(out[party], m, "create_date", "write_date")
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ofParties notes the employees of changed parties. Several employees may share
// one party: each of them changed.
func (c *conn) ofParties(ctx context.Context, changed map[int64]time.Time, note func(map[string]any)) error {
	ids := make([]int64, 0, len(changed))
	for id := range changed {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for chunk := range slices.Chunk(ids, perCall) {
		if err := c.each(ctx, employees, append([]any{[]any{"party", "in", chunk}}, c.inCompany()...), append([]string{"party"}, dates...), note); err != nil {
			return err
		}
	}
	return nil
}

// sinceOf is the condition that one of the dates is not before a moment.
func sinceOf(from time.Time, fields ...string) []any {
	if from.IsZero() {
		return nil
	}
	or := []any{"OR"}
	for _, f := range fields {
		or = append(or, []any{f, ">=", datetime(from)})
	}
	return []any{or}
}

// each walks through all records that match, by id, a thousand a call.
func (c *conn) each(ctx context.Context, model string, domain []any, fields []string, do func(map[string]any)) error {
	last := int64(0)
	for {
		page, err := c.rpc(ctx, map[string]any{"active_test": false}, "model."+model+".search_read", append([]any{[]any{"id", ">", last}}, domain...), 0, perCall, []any{[]any{"id", "ASC"}}, fields)
		if err != nil {
			return err
		}
		found := rows(page)
		for _, r := range found {
			do(r)
			last = number(r["id"])
		}
		if len(found) < perCall {
			return nil
		}
	}
}
