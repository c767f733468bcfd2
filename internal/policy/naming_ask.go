package policy

import (
	"context"
	"fmt"

	"joinery/internal/naming"
)

func (t *namingTry) ask(ctx context.Context, names []naming.Name) error {
	var unknown []naming.Name
	for _, n := range names {
		if _, known := t.holders[n]; !known {
			t.holders[n] = ""
			unknown = append(unknown, n)
		}
	}
	holders, err := t.names.Holders(ctx, unknown)
	if err != nil {
		return err
	}
	for i, n := range unknown {
		t.holders[n] = holders[i]
	}
	return nil
}

func (t *namingTry) heldBy(names []naming.Name) string {
	for _, n := range names {
		if h := t.holders[n]; h != "" {
			return fmt.Sprintf("taken in %s (%s): %s", n.Space, n.Name, h)
		}
	}
	return ""
}

func (t *namingTry) live(ctx context.Context, places []place, names []naming.Name) (string, error) {
	for i, n := range names {
		where, err := t.names.Live(ctx, n, places[i].row, places[i].within)
		if err != nil {
			return "", fmt.Errorf("look for %s: %w", n.Name, err)
		}
		if where != "" {
			return fmt.Sprintf("taken in %s (%s): %s", n.Space, n.Name, where), nil
		}
	}
	return "", nil
}

func asNames(l Lookups) Names {
	if n, ok := l.(Names); ok {
		return n
	}
	return oneByOne{l}
}

type oneByOne struct{ Lookups }

func (o oneByOne) Holders(ctx context.Context, names []naming.Name) ([]string, error) {
	out := make([]string, len(names))
	for i, n := range names {
		if o.Lookups == nil {
			continue
		}
		var err error
		if out[i], err = o.Holder(ctx, n.Space, n.Name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (oneByOne) Own(context.Context) (map[string]string, error) { return nil, nil }

func (oneByOne) Live(context.Context, naming.Name, SpaceRow, string) (string, error) {
	return "", nil
}
