package web

import (
	"bytes"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
)

// strictly refuses what an operation would not read: a parameter that it does not
// know (a mistyped filter would give a list of everything), one that is there
// twice, and a body where none is read (settings sent to a connection's test would
// seem to have been tried).
func strictly(op apiOp) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		seen := map[string]bool{}
		for name := range c.Context().QueryArgs().All() {
			key := string(name)
			switch {
			case !slices.Contains(op.query, key):
				return badRequest("There is no parameter %q here. %s", clip(key, 80), known(op.query))
			case seen[key]:
				return badRequest("The parameter %s is there twice.", key)
			}
			seen[key] = true
		}
		if op.in == "" && op.method != get {
			if body := bytes.TrimSpace(c.Body()); len(body) > 0 && string(body) != "{}" {
				return badRequest("Nothing is read from a body here. Leave it out.")
			}
		}
		return op.act(c, who)
	}
}

func known(params []string) string {
	if len(params) == 0 {
		return "This address takes none."
	}
	return "There are: " + strings.Join(params, ", ") + "."
}
