package web

import (
	"context"
	"maps"
	"slices"
	"time"

	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/look"
	"joinery/internal/policy"
	"joinery/internal/postgres"
)

// lookWait is how long one connection may take in a look; a page waits for it.
const lookWait = 3 * time.Second

// seen is what live systems said while a policy was tried.
type seen struct {
	lines   []look.Line
	answers []look.Answer
	// note says why no system was asked.
	note string
}

// liveTry is one look under way.
type liveTry struct {
	s        *Server
	who      auth.Actor
	systems  *look.Systems
	content  policy.Content
	joinerID string
	marks    []string
	seen     seen
}

// looks lists the types of policy whose panel can ask live systems.
func looks() []string { return []string{"naming", "groups", "mapping", "write-back", "correlation"} }

// tryLive tries a policy beside what live systems say. It changes nothing anywhere:
// what it holds of a connection is the reading side.
func (s *Server) tryLive(ctx context.Context, who auth.Actor, t policyTry, content policy.Content, out *tried) {
	if !who.Can(auth.RunSimulate) {
		out.seen = &seen{note: "You may not ask connected systems. Somebody who may simulate runs can."}
		out.outcome, out.took, out.err = s.tryRules(ctx, content, out.subject)
		return
	}
	l := &liveTry{s: s, who: who, content: content, systems: &look.Systems{Open: s.openToRead, Wait: lookWait}}
	defer l.systems.Close()
	if out.err = l.prepare(ctx, t, &out.subject); out.err != nil {
		return
	}
	if content.WriteBack != nil {
		l.present(ctx, &out.subject)
	}
	out.outcome, out.took, out.err = s.tryRules(ctx, content, out.subject)
	if out.err == nil {
		l.after(ctx, out)
	}
	l.seen.answers = l.systems.Answers()
	out.seen = &l.seen
	var asked []string
	for _, a := range l.seen.answers {
		asked = append(asked, a.Connection)
	}
	if err := s.DB.RecordLook(ctx, who, postgres.PolicyLook{Policy: content.Key, Type: content.Type, Joiner: l.joinerID, Connections: asked}); err != nil {
		out.outcome, out.seen, out.err = policy.Outcome{}, nil, err
	}
}

// openToRead gives the reading side of a live connection, as a simulated run uses it:
// with its approved settings, unless it is paused.
func (s *Server) openToRead(ctx context.Context, key string) (connector.Reading, func(), error) {
	settings, hash, err := s.approved(ctx, key)
	if err != nil {
		return connector.Reading{}, nil, err
	}
	paused, err := s.DB.PausedConnections(ctx)
	if err != nil {
		return connector.Reading{}, nil, err
	}
	if paused[key] {
		return connector.Reading{}, nil, fault.New(fault.Conflict, "The connection %s is paused.", key)
	}
	conn, back, err := s.Pool.Use(ctx, settings, hash)
	if err != nil {
		return connector.Reading{}, nil, err
	}
	return connector.ReadOnly(key, conn), back, nil
}

// prepare finds whose accounts are the joiner's own, and lets names be looked for.
// Personal attributes are left out for those who may not see them: what a system
// says to them would tell.
func (l *liveTry) prepare(ctx context.Context, t policyTry, sub *policy.Subject) error {
	if !l.who.Can(auth.PersonalRead) {
		sub.Worker.Attributes = maps.Clone(sub.Worker.Attributes)
		maps.DeleteFunc(sub.Worker.Attributes, func(name string, _ any) bool { return isPersonal(name) })
	}
	l.joinerID = t.joiner
	if sub.Source != "" {
		var err error
		if l.marks, err = l.s.DB.MarksOf(ctx, sub.Source, sub.Worker.ID); err != nil {
			return err
		}
	}
	if held, ok := sub.Lookups.(*heldNames); ok {
		held.Names = &look.Names{Names: held.Names, Systems: l.systems, Marks: l.marks}
	}
	return nil
}

// present makes the joiner what the HRIS says now, and tells what Joinery wrote there.
func (l *liveTry) present(ctx context.Context, sub *policy.Subject) {
	key := sub.Source
	if all := l.content.WriteBack.Connections(); key == "" && len(all) == 1 && sub.Worker.ID != "" {
		key = all[0]
	}
	if key == "" || !slices.Contains(l.content.WriteBack.Connections(), key) {
		l.seen.note = "Pick a joiner, or say which worker of which HRIS it is: then the HRIS is asked for its present values."
		return
	}
	w, ok := l.systems.Worker(ctx, key, sub.Worker.ID)
	if !ok {
		return
	}
	if !l.who.Can(auth.PersonalRead) {
		maps.DeleteFunc(w.Attributes, func(name string, _ any) bool { return isPersonal(name) })
	}
	if sub.Planned == nil {
		sub.Planned = map[string]any{}
		for _, f := range l.content.WriteBack.Fields {
			sub.Planned[f.Field] = sub.Worker.Attributes[f.Field]
		}
	}
	if l.joinerID != "" && sub.Wrote == nil {
		pasts, err := l.s.DB.FieldPasts(ctx, l.joinerID, key, sub.Worker.ID)
		if err == nil {
			sub.Wrote = map[string]any{}
			for field, p := range pasts {
				sub.Wrote[field] = p.Own
			}
		}
	}
	sub.Worker = w
}

// after looks at what the decision is about.
func (l *liveTry) after(ctx context.Context, out *tried) {
	switch c := l.content; {
	case c.Groups != nil:
		l.seen.lines = l.systems.Groups(ctx, out.outcome, l.marks)
	case c.Mapping != nil:
		l.mapping(ctx, out)
	case c.WriteBack != nil:
		l.writeBack(out)
	case c.Correlation != nil:
		l.correlation(ctx, out)
		l.candidates(ctx, out)
	}
}

// writeBack takes decisions about personal fields out for those who may not see them.
func (l *liveTry) writeBack(out *tried) {
	if l.who.Can(auth.PersonalRead) {
		return
	}
	out.outcome.Reasons = slices.DeleteFunc(out.outcome.Reasons, func(r policy.Reason) bool {
		return r.Row > 0 && r.Row <= len(l.content.WriteBack.Fields) && isPersonal(l.content.WriteBack.Fields[r.Row-1].Field)
	})
	for verdict, v := range out.outcome.Output {
		if names, ok := v.([]string); ok {
			out.outcome.Output[verdict] = slices.DeleteFunc(names, func(n string) bool {
				return slices.ContainsFunc(joiner.Personal(), func(p string) bool { return n == p || len(n) > len(p) && n[len(n)-len(p)-1:] == "."+p })
			})
		}
	}
}
