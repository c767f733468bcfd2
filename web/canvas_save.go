package web

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

// viaCanvas marks revisions that were kept while somebody drew; the history shows
// those that follow each other as one.
const viaCanvas = "canvas"

// canvasConflict says who was faster.
type canvasConflict struct {
	Detail string     `json:"detail"`
	Head   canvasHead `json:"head"`
}

// canvasSave is PUT /flows/:key/canvas.json: content as a new revision, if it
// differs, and where the boxes stand.
func (s *Server) canvasSave(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Content      json.RawMessage `json:"content"`
		Layout       json.RawMessage `json:"layout"`
		BaseRevision int             `json:"base_revision"`
		Message      string          `json:"message"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	key := c.Params("key")
	a, err := s.DB.Artifact(c.UserContext(), review.Flow, key)
	if err != nil {
		return err
	}
	layout, err := flow.ReadLayout(in.Layout)
	if err != nil {
		return err
	}
	doc, err := s.kinds().Read(review.Flow, key, in.Content)
	if err != nil {
		return err
	}
	s.askSchemas(c.UserContext(), review.Flow, doc.Content)
	saved, err := s.DB.SaveRevision(c.UserContext(), who, postgres.Save{Doc: doc, Message: in.Message, Base: max(in.BaseRevision, 1), Via: viaCanvas})
	if fault.Is(err, fault.Conflict) {
		if a, again := s.DB.Artifact(c.UserContext(), review.Flow, key); again == nil && a.Head != in.BaseRevision {
			return sendJSON(c, http.StatusConflict, canvasConflict{Detail: fault.Sentence(err), Head: headOf(a)})
		}
	}
	if err != nil {
		return err
	}
	if raw, err := layout.JSON(); err != nil {
		return err
	} else if len(in.Layout) > 0 && !bytes.Equal(raw, []byte(a.Layout)) {
		if err := s.DB.SaveLayout(c.UserContext(), review.Flow, key, string(raw)); err != nil {
			return err
		}
	}
	return sendSaved(c, saved)
}
