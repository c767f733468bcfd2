package web

import (
	"context"
	"sync"
	"time"

	"joinery/internal/artifact"
	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/review"
	"joinery/views/ui"
)

// Schemas are asked for again after an hour, and a system that did not answer after
// a minute: a page must not wait for it each time.
const (
	schemaFor   = time.Hour
	schemaAgain = time.Minute
	schemaWait  = 2 * time.Second
	schemaTest  = 10 * time.Second
)

// problems finds what keeps content from being submitted. Connections whose
// attributes it names are asked what they have, for a short time; one that does not
// answer keeps nobody from saving.
func (s *Server) problems(ctx context.Context, kind review.Kind, content []byte) ([]fault.Problem, error) {
	s.askSchemas(ctx, kind, content)
	return s.DB.Problems(ctx, kind, content)
}

// askSchemas asks connections what attributes they have, where that is not known or
// was known long ago.
func (s *Server) askSchemas(ctx context.Context, kind review.Kind, content []byte) {
	keys := s.DB.SchemaConnections(kind, content)
	if len(keys) == 0 || s.Pool == nil {
		return
	}
	kept, err := s.DB.Schemas(ctx, keys)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, schemaWait)
	defer cancel()
	var all sync.WaitGroup
	for _, key := range keys {
		if k := kept[key]; s.Now().Sub(k.ReadAt) < schemaFor || s.Now().Sub(k.TriedAt) < schemaAgain {
			continue
		}
		all.Go(func() { s.askSchema(ctx, key) })
	}
	all.Wait()
}

// askSchema asks one connection, with its approved settings.
func (s *Server) askSchema(ctx context.Context, key string) {
	settings, hash, err := s.approved(ctx, key)
	var list []connector.SchemaAttribute
	if err == nil {
		list, err = s.Pool.Schema(ctx, settings, hash)
	}
	keep := context.WithoutCancel(ctx)
	if err == nil {
		err = s.DB.KeepSchema(keep, key, list)
	} else {
		err = s.DB.MissSchema(keep, key, fault.Sentence(err))
	}
	if err != nil {
		s.Log.Warn("keeping a schema failed", "connection", key, "err", err)
	}
}

// approved gives the settings of a connection that are live.
func (s *Server) approved(ctx context.Context, key string) (connector.Settings, string, error) {
	a, err := s.DB.Artifact(ctx, review.Connection, key)
	if err != nil {
		return connector.Settings{}, "", err
	}
	if a.Live == nil {
		return connector.Settings{}, "", fault.New(fault.Conflict, "The connection %s is not live yet.", key)
	}
	rev, err := s.DB.Revision(ctx, review.Connection, key, a.Live.Revision)
	if err != nil {
		return connector.Settings{}, "", err
	}
	settings, err := artifact.Settings([]byte(rev.Content))
	return settings, rev.Hash, err
}

// testedSchema reads the attributes of a live connection after it was tested.
func (s *Server) testedSchema(ctx context.Context, key string, findings []connector.Finding) {
	for _, f := range findings {
		if !f.OK {
			return
		}
	}
	if a, err := s.DB.Artifact(ctx, review.Connection, key); err != nil || a.Live == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, schemaTest)
	defer cancel()
	s.askSchema(ctx, key)
}

// tryConnection tests a connection, and reads which attributes it has when it answers.
func (s *Server) tryConnection(ctx context.Context, settings connector.Settings) []connector.Finding {
	findings := s.Pool.Test(ctx, settings)
	s.testedSchema(ctx, settings.Key, findings)
	return findings
}

// warnings are what does not keep content from being submitted and somebody should
// look at: rows that ran out, attributes that could not be checked.
func (s *Server) warnings(ctx context.Context, kind review.Kind, content []byte) ([]ui.Notice, error) {
	if kind == review.Flow {
		return s.unwatched(ctx, content)
	}
	if kind != review.Policy {
		return nil, nil
	}
	s.askSchemas(ctx, kind, content)
	list, err := s.DB.Warnings(ctx, kind, content)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	n := ui.Notice{Tone: "warn", Text: "Worth a look. This keeps nothing from being submitted:"}
	for _, p := range list {
		n.Items = append(n.Items, p.Detail)
	}
	return []ui.Notice{n}, nil
}

// unwatched tells that a flow acts on records of an HRIS that neither it nor a live flow
// asks for changes.
func (s *Server) unwatched(ctx context.Context, content []byte) ([]ui.Notice, error) {
	f, err := flow.Decode(content)
	if err != nil || !f.WatchesRecord() {
		return nil, nil
	}
	connection, _ := f.Source()
	if _, polls := f.Polls(); polls || connection == "" {
		return nil, nil
	}
	wanted, err := s.DB.WantedPolls(ctx)
	if err != nil {
		return nil, err
	}
	if _, asked := wanted[connection]; asked {
		return nil, nil
	}
	return []ui.Notice{{Tone: "warn", Text: "Worth a look. " + unwatched(f.Key)}}, nil
}
