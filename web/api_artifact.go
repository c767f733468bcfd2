package web

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/aymanbagabas/go-udiff"
	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

type apiPoint struct {
	Revision int    `json:"revision"`
	Hash     string `json:"hash"`
}

type apiArtifact struct {
	Key    string      `json:"key"`
	Name   string      `json:"name"`
	Kind   review.Kind `json:"kind"`
	Live   *apiPoint   `json:"live"`
	Head   apiPoint    `json:"head"`
	Paused bool        `json:"paused"`
	// Unratified: what is live went live without approval, and no second person has ratified it.
	Unratified bool            `json:"unratified"`
	UpdatedAt  string          `json:"updated_at"`
	Content    json.RawMessage `json:"content,omitempty"`
}

func asAPIArtifact(a postgres.Artifact) apiArtifact {
	out := apiArtifact{Key: a.Key, Name: a.Name, Kind: a.Kind, Head: apiPoint{a.Head, a.HeadHash}, Paused: a.Paused, Unratified: a.Unratified, UpdatedAt: stamp(a.UpdatedAt)}
	if a.Live != nil {
		out.Live = &apiPoint{a.Live.Revision, a.Live.Hash}
	}
	return out
}

func (s *Server) apiArtifacts(kind review.Kind) handler {
	return func(c *fiber.Ctx, _ auth.Actor) error {
		cursor := artifactCursor(kind)
		limit, after, err := pageOf(c, cursor)
		if err != nil {
			return err
		}
		rows, next, err := s.DB.Artifacts(c.UserContext(), kind, c.Query("q"), after, limit)
		if err != nil {
			return err
		}
		var out []apiArtifact
		for _, a := range rows {
			out = append(out, asAPIArtifact(a))
		}
		return sendPage(c, cursor, out, next)
	}
}

func (s *Server) apiArtifactShow(kind review.Kind) handler {
	return func(c *fiber.Ctx, _ auth.Actor) error {
		a, rev, err := s.newest(c, kind)
		if err != nil {
			return err
		}
		out := asAPIArtifact(a)
		out.Content = json.RawMessage(rev.Content)
		return sendJSON(c, http.StatusOK, out)
	}
}

type apiProblem struct {
	Path   string `json:"path"`
	Detail string `json:"detail"`
}

func problemsOf(ps []fault.Problem) []apiProblem {
	out := []apiProblem{}
	for _, p := range ps {
		out = append(out, apiProblem(p))
	}
	return out
}

func (s *Server) apiArtifactPut(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		var in struct {
			Content      json.RawMessage `json:"content"`
			Message      string          `json:"message"`
			BaseRevision int             `json:"base_revision"`
		}
		if err := readJSON(c, &in); err != nil {
			return err
		}
		if len(in.Content) == 0 || string(in.Content) == "null" {
			return fault.Refuse("The content is missing.", []fault.Problem{{Path: "content", Detail: "This is needed."}})
		}
		doc, err := s.kinds().Read(kind, c.Params("key"), in.Content)
		if err != nil {
			return err
		}
		s.askSchemas(c.UserContext(), kind, doc.Content)
		saved, err := s.DB.SaveRevision(c.UserContext(), who, postgres.Save{Doc: doc, Message: in.Message, Base: in.BaseRevision, Via: "api"})
		if err != nil {
			return err
		}
		return sendSaved(c, saved)
	}
}

func sendSaved(c *fiber.Ctx, saved postgres.Saved) error {
	status := http.StatusCreated
	if !saved.New {
		status = http.StatusOK
	}
	return sendJSON(c, status, map[string]any{"revision": saved.Revision, "hash": saved.Hash, "problems": problemsOf(saved.Problems)})
}

type apiRevision struct {
	Revision int             `json:"revision"`
	Hash     string          `json:"hash"`
	Message  string          `json:"message"`
	Author   string          `json:"author"`
	Via      string          `json:"via"`
	Restored int             `json:"restored,omitempty"`
	Approved bool            `json:"approved"`
	Released bool            `json:"released"`
	At       string          `json:"at"`
	Content  json.RawMessage `json:"content,omitempty"`
}

func asAPIRevision(r postgres.Revision) apiRevision {
	out := apiRevision{Revision: r.Number, Hash: r.Hash, Message: r.Message, Author: r.AuthorName, Via: r.Via, Restored: r.Restored, Approved: r.Approved, Released: r.Released, At: stamp(r.At)}
	if r.Content != "" {
		out.Content = json.RawMessage(r.Content)
	}
	return out
}

func (s *Server) apiRevisions(kind review.Kind) handler {
	return func(c *fiber.Ctx, _ auth.Actor) error {
		limit, after, err := pageOf(c, revisionCursor)
		if err != nil {
			return err
		}
		before, _ := strconv.Atoi(after) // a cursor of revisions is a number
		rows, more, err := s.DB.Revisions(c.UserContext(), kind, c.Params("key"), before, limit)
		if err != nil {
			return err
		}
		next := ""
		if more > 0 {
			next = strconv.Itoa(more)
		}
		var out []apiRevision
		for _, r := range rows {
			out = append(out, asAPIRevision(r))
		}
		return sendPage(c, revisionCursor, out, next)
	}
}

func (s *Server) apiRevisionShow(kind review.Kind) handler {
	return func(c *fiber.Ctx, _ auth.Actor) error {
		n, err := strconv.Atoi(c.Params("n"))
		if err != nil || n < 1 || n > 1<<30 {
			return fault.New(fault.NotFound, "There is no such revision.")
		}
		r, err := s.DB.Revision(c.UserContext(), kind, c.Params("key"), n)
		if err != nil {
			return err
		}
		return sendJSON(c, http.StatusOK, asAPIRevision(r))
	}
}

func (s *Server) apiDiff(kind review.Kind) handler {
	return func(c *fiber.Ctx, _ auth.Actor) error {
		from, err1 := strconv.Atoi(c.Query("from"))
		to, err2 := strconv.Atoi(c.Query("to"))
		if err1 != nil || err2 != nil || from < 1 || to < 1 || from > 1<<30 || to > 1<<30 {
			return badRequest("Say which two revisions to compare: from=1&to=2.")
		}
		var texts [2]string
		var contents [2]string
		for i, n := range []int{from, to} {
			r, err := s.DB.Revision(c.UserContext(), kind, c.Params("key"), n)
			if err != nil {
				return err
			}
			text, err := s.kinds().YAML(kind, []byte(r.Content))
			if err != nil {
				return err
			}
			texts[i], contents[i] = string(text), r.Content
		}
		words, _, err := s.changes(kind, contents[0], contents[1])
		if err != nil {
			return err
		}
		if words == nil {
			words = []string{}
		}
		return sendJSON(c, http.StatusOK, map[string]any{"from": from, "to": to, "words": words, "unified": udiff.Unified("revision "+itoa(from), "revision "+itoa(to), texts[0], texts[1])})
	}
}

func (s *Server) apiRestore(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		var in struct {
			Revision     int `json:"revision"`
			BaseRevision int `json:"base_revision"`
		}
		if err := readJSON(c, &in); err != nil {
			return err
		}
		if err := needRevision(in.Revision); err != nil {
			return err
		}
		saved, err := s.DB.RestoreRevision(c.UserContext(), who, kind, c.Params("key"), in.Revision, in.BaseRevision, "api")
		if err != nil {
			return err
		}
		return sendSaved(c, saved)
	}
}
