package author

import (
	"context"
	"slices"
	"strings"

	"joinery/internal/function"
)

// tellsAlone are kinds of what is known that no made-up test meets by chance. Names and
// logins are not among them: people who are made up are called like others, and common
// logins are held in every company.
func tellsAlone(what string) bool {
	return !slices.Contains([]string{personName, "an account of a person", "a login or address that is held for a person", "a worker's id", classSays[ofAnything]}, what)
}

// KnownGaps finds values of people's records and secrets in a function: a revision cannot
// be erased, so they must not get into one.
func KnownGaps(ctx context.Context, filter Filter, c function.Content, words []string) ([]Gap, error) {
	ordinary := func(found string) bool {
		return reserved.MatchString(found) || slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, found) })
	}
	look := func(text string) (string, error) {
		found, err := filter.Leaks(ctx, text, ordinary)
		for _, l := range found {
			if tellsAlone(l.What) {
				return l.What, err
			}
		}
		return "", err
	}
	source := c.Name + "\n" + c.Description + "\n" + c.Source
	if what, err := look(source + "\n" + pretty(c.Cases)); what == "" || err != nil {
		return nil, err
	}
	var out []Gap
	tell := func(where, text string) error {
		what, err := look(text)
		if what != "" {
			out = append(out, Gap{Gate: GateLiterals, Says: where + " holds " + what + " that is known here. Use made-up people, such as Ada Sample with ada@example.com."})
		}
		return err
	}
	if err := tell("The source", source); err != nil {
		return nil, err
	}
	for _, k := range c.Cases {
		if err := tell("The test \""+clipped(visibleOnly(k.Name), 60)+"\"", pretty(k)); err != nil {
			return nil, err
		}
	}
	return out, nil
}
