// Package peoplefile is the HRIS of people who come from no HRIS: an acquired
// company's list, interns, a one-off. Its workers are the rows of lists that
// people upload to a flow.
package peoplefile

import (
	"context"
	"time"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// Store keeps the rows.
type Store interface {
	// FileWorker finds one; fault.NotFound when no list had it.
	FileWorker(ctx context.Context, connection, worker string) (joiner.Worker, error)
	// FileWorkersChanged lists those that changed since a moment, oldest first,
	// after a worker.
	FileWorkersChanged(ctx context.Context, connection string, since time.Time, after string, limit int) ([]joiner.Worker, error)
}

// Type is the connector. Without a store it can be described and not opened.
type Type struct{ Store Store }

var _ connector.Type = Type{}

// Info describes it.
func (Type) Info() connector.Info {
	return connector.Info{
		Kind: "people-file", Title: "People from a list", Icon: "upload",
		Help:         "For people who are in no HRIS: the rows of lists that are uploaded to a flow are its workers. It calls nobody and needs no credential.",
		Capabilities: []connector.Capability{connector.CapWorkers, connector.CapUpload},
	}
}

// Check finds nothing wrong: there are no settings.
func (Type) Check(map[string]any) []fault.Problem { return nil }

// Open prepares the connection.
func (t Type) Open(_ context.Context, cfg connector.Config) (connector.Conn, error) {
	if t.Store == nil {
		return nil, fault.New(fault.Invalid, "Lists of people can only be read by a running Joinery.")
	}
	return conn{cfg.Key, t.Store}, nil
}

type conn struct {
	key   string
	store Store
}

var _ connector.Workers = conn{}

const page = 500

// Test tells how many people there are to read.
func (c conn) Test(ctx context.Context) []connector.Finding {
	people, err := c.store.FileWorkersChanged(ctx, c.key, time.Time{}, "", page)
	switch {
	case err != nil:
		return []connector.Finding{{Title: "Read the lists", Detail: fault.Sentence(err)}}
	case len(people) == 0:
		return []connector.Finding{{Title: "Read the lists", OK: true, Detail: "No list was started yet. Upload one on the page of a flow that reads this connection."}}
	}
	return []connector.Finding{{Title: "Read the lists", OK: true, Detail: "People of lists that were started are there."}}
}

func (c conn) Close() error { return nil }

// Worker reads one.
func (c conn) Worker(ctx context.Context, id string) (joiner.Worker, error) {
	return c.store.FileWorker(ctx, c.key, id)
}

// Changed lists those that changed; the cursor is the last worker of a page.
func (c conn) Changed(ctx context.Context, since time.Time, cursor string) ([]joiner.Worker, string, error) {
	people, err := c.store.FileWorkersChanged(ctx, c.key, since, cursor, page)
	if err != nil || len(people) < page {
		return people, "", err
	}
	return people, people[len(people)-1].ID, nil
}
