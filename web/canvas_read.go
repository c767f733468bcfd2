package web

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

// canvasHead is the newest revision and whose it is.
type canvasHead struct {
	Revision int    `json:"revision"`
	Hash     string `json:"hash"`
	By       string `json:"by"`
	At       string `json:"at"`
}

// canvasCan is what the reader may do.
type canvasCan struct {
	Edit     bool `json:"edit"`
	Submit   bool `json:"submit"`
	Simulate bool `json:"simulate"`
}

// canvasDoc is all that the canvas needs to begin.
type canvasDoc struct {
	Flow     string          `json:"flow"`
	Revision int             `json:"revision"`
	Hash     string          `json:"hash"`
	Head     canvasHead      `json:"head"`
	Content  json.RawMessage `json:"content"`
	Layout   flow.Layout     `json:"layout"`
	Problems []apiProblem    `json:"problems"`
	Types    []flow.Spec     `json:"types"`
	Can      canvasCan       `json:"can"`
	User     canvasUser      `json:"user"`
	CSRF     string          `json:"csrf"`
	Review   string          `json:"review,omitempty"`
	Live     int             `json:"live,omitempty"`
	// Marks are what differs, where two revisions are compared.
	Marks *canvasMarks `json:"marks,omitempty"`
}

type canvasUser struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// canvasRead is GET /flows/:key/canvas.json: one revision, the newest unless asked.
func (s *Server) canvasRead(c *fiber.Ctx, who auth.Actor) error {
	a, err := s.DB.Artifact(c.UserContext(), review.Flow, c.Params("key"))
	if err != nil {
		return err
	}
	n := 0
	if text := c.Query("revision"); text != "" {
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			return fault.New(fault.NotFound, "There is no such revision.")
		}
	}
	rev, err := s.DB.Revision(c.UserContext(), review.Flow, a.Key, n)
	if err != nil {
		return err
	}
	problems, err := s.problems(c.UserContext(), review.Flow, []byte(rev.Content))
	if err != nil {
		return err
	}
	out := canvasDoc{Flow: a.Key, Revision: rev.Number, Hash: rev.Hash, Head: canvasHead{a.Head, a.HeadHash, a.HeadBy, stamp(a.UpdatedAt)}, Content: json.RawMessage(rev.Content), Layout: layoutOf(a), Problems: problemsOf(problems),
		Types: s.Nodes.Specs(), Can: canvasCan{who.Can(auth.ArtifactWrite), who.Can(auth.ArtifactWrite), who.Can(auth.RunSimulate)}, User: canvasUser{who.UserID, who.Name}, CSRF: csrf(c), Review: a.OpenReview}
	if a.Live != nil {
		out.Live = a.Live.Revision
	}
	c.Set("Cache-Control", "no-store")
	return sendJSON(c, http.StatusOK, out)
}

// headOf tells who wrote what is newest, for a conflict.
func headOf(a postgres.Artifact) canvasHead {
	return canvasHead{Revision: a.Head, Hash: a.HeadHash, By: a.HeadBy, At: stamp(a.UpdatedAt)}
}
