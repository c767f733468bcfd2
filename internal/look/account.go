package look

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"joinery/internal/connector"
	"joinery/internal/joiner"
	"joinery/internal/policy"
)

// Account finds the joiner's account in a directory, by its marks; asked says that
// the directory answered.
func (s *Systems) Account(ctx context.Context, key string, marks []string) (a connector.Account, found, asked bool) {
	err := s.ask(ctx, key, func(ctx context.Context, r connector.Reading) error {
		for _, m := range marks {
			var err error
			if a, found, err = r.FindAccount(ctx, connector.Lookup{Stamp: m}); err != nil || found {
				return err
			}
		}
		return nil
	})
	return a, found, err == nil
}

// Worker reads a worker of an HRIS.
func (s *Systems) Worker(ctx context.Context, key, id string) (w joiner.Worker, ok bool) {
	err := s.ask(ctx, key, func(ctx context.Context, r connector.Reading) (err error) {
		w, err = r.Worker(ctx, id)
		return err
	})
	return w, err == nil
}

// Groups looks whether the groups that a policy gave are there, and whether the
// joiner is in them already. Marks are those of the joiner's accounts, if any.
func (s *Systems) Groups(ctx context.Context, o policy.Outcome, marks []string) []Line {
	byDirectory, _ := o.Output["by_directory"].(map[string]any)
	keys := slices.Sorted(maps.Keys(byDirectory))
	var mu sync.Mutex
	of := map[string][]Line{}
	each(keys, func(key string) {
		names, _ := byDirectory[key].([]any)
		lines := s.groupsOf(ctx, key, names, marks)
		mu.Lock()
		defer mu.Unlock()
		of[key] = lines
	})
	var out []Line
	for _, key := range keys {
		out = append(out, of[key]...)
	}
	return out
}

func (s *Systems) groupsOf(ctx context.Context, key string, names []any, marks []string) (out []Line) {
	if key == "" {
		return []Line{{Title: plain(names), Detail: "The policy names no directory for these, so they were not looked for. The step of a flow names it."}}
	}
	account, has := connector.Account{}, false
	if len(marks) > 0 {
		account, has, _ = s.Account(ctx, key, marks)
	}
	for _, n := range names {
		name := fmt.Sprint(n)
		err := s.ask(ctx, key, func(ctx context.Context, r connector.Reading) error {
			g, found, err := r.FindGroup(ctx, name)
			switch {
			case err != nil:
				return err
			case !found:
				out = append(out, Line{Connection: key, Title: name, Detail: "There is no such group. A step that adds somebody to it would fail."})
			case has && in(account.Groups, g):
				out = append(out, Line{Connection: key, Title: name, Detail: "Is there, and the joiner's account is in it already.", Good: true})
			case has:
				out = append(out, Line{Connection: key, Title: name, Detail: "Is there. The joiner's account would be added.", Good: true})
			default:
				out = append(out, Line{Connection: key, Title: name, Detail: "Is there.", Good: true})
			}
			return nil
		})
		if err != nil {
			return out
		}
	}
	return out
}

func in(groups []string, g connector.Group) bool {
	return slices.ContainsFunc(groups, func(x string) bool { return strings.EqualFold(x, g.ID) || strings.EqualFold(x, g.Name) })
}

func plain(names []any) string {
	var out []string
	for _, n := range names {
		out = append(out, fmt.Sprint(n))
	}
	return strings.Join(out, ", ")
}
