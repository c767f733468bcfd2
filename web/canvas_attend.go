package web

import (
	"net/http"
	"regexp"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

var tabID = regexp.MustCompile(`^[a-z0-9-]{8,64}$`)

// canvasOther is somebody else who has the flow open.
type canvasOther struct {
	Tab   string `json:"tab"`
	Name  string `json:"name"`
	Node  string `json:"node"`
	Edits bool   `json:"edits"`
	// Mine says that it is another tab of the same person.
	Mine bool `json:"mine"`
}

// canvasAttend is POST /flows/:key/canvas/attend: a tab says that it is there, and
// hears who else is and what is newest.
func (s *Server) canvasAttend(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Tab  string `json:"tab"`
		Node string `json:"node"`
		Left bool   `json:"left"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if !tabID.MatchString(in.Tab) || len(in.Node) > 64 {
		return badRequest("tab is 8 to 64 lower-case letters, digits and hyphens.")
	}
	a, err := s.DB.Artifact(c.UserContext(), review.Flow, c.Params("key"))
	if err != nil {
		return err
	}
	if who.UserID == "" {
		return fault.New(fault.Unauthenticated, "Sign in first.")
	}
	there, err := s.DB.Attend(c.UserContext(), who, review.Flow, a.Key, postgres.Presence{Tab: in.Tab, Node: in.Node, Edits: who.Can(auth.ArtifactWrite)}, in.Left)
	if err != nil {
		return err
	}
	others := []canvasOther{}
	for _, p := range there {
		others = append(others, canvasOther{Tab: p.Tab, Name: p.Name, Node: p.Node, Edits: p.Edits, Mine: p.UserID == who.UserID})
	}
	return sendJSON(c, http.StatusOK, map[string]any{"others": others, "head": headOf(a), "review": a.OpenReview})
}
