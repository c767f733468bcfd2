package web

import (
	"archive/zip"
	"bytes"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/artifacts"
	"joinery/views/ui"
)

// exported is one file of an export.
type exported struct {
	artifact postgres.Artifact
	revision int
	text     []byte
}

func (e exported) path() string { return e.artifact.Kind.Plural() + "/" + e.artifact.Key + ".yaml" }

// exports gives a flow's newest revision, and those of the policies and functions it
// uses. Connections are named and not among them: each company has its own.
func (s *Server) exports(c *fiber.Ctx) (out []exported, connections []string, missing []artifact.Ref, err error) {
	var add func(kind review.Kind, key string) error
	seen := map[artifact.Ref]bool{}
	add = func(kind review.Kind, key string) error {
		if ref := (artifact.Ref{Kind: kind, Key: key}); seen[ref] {
			return nil
		} else if seen[ref] = true; kind == review.Connection {
			connections = append(connections, key)
			return nil
		}
		a, err := s.DB.Artifact(c.UserContext(), kind, key)
		if fault.Is(err, fault.NotFound) && kind != review.Flow {
			missing = append(missing, artifact.Ref{Kind: kind, Key: key})
			return nil
		}
		if err != nil {
			return err
		}
		rev, err := s.DB.Revision(c.UserContext(), kind, key, 0)
		if err != nil {
			return err
		}
		text, err := s.kinds().YAML(kind, []byte(rev.Content))
		if err != nil {
			return err
		}
		out = append(out, exported{a, rev.Number, text})
		uses, err := s.kinds().Uses(kind, []byte(rev.Content))
		if err != nil {
			return err
		}
		for _, u := range uses {
			if err := add(u.Kind, u.Key); err != nil {
				return err
			}
		}
		return nil
	}
	err = add(review.Flow, c.Params("key"))
	return out, connections, missing, err
}

// exportShow is GET /flows/:key/export.
func (s *Server) exportShow(c *fiber.Ctx, who auth.Actor) error {
	files, connections, missing, err := s.exports(c)
	if err != nil {
		return err
	}
	a := files[0].artifact
	at := "/flows/" + a.Key
	p := artifacts.ExportPage{Tabs: artifactTabs(review.Flow, a.Key, "YAML"), Parts: ui.Table{Label: "What the export holds", Columns: ui.Columns("What", "Revision", "File")},
		Head: ui.Head{Title: "Export " + a.Name, Text: "The newest revisions, as files that Import, and joinery apply, read back to the same content.",
			Actions: []ui.Button{{Text: "The flow alone (YAML)", Icon: "download", URL: at + "/export.yaml"}, {Text: "With all it uses (ZIP)", Icon: "download", Tone: "primary", URL: at + "/export.zip"}}}}
	for _, f := range files {
		p.Parts.Rows = append(p.Parts.Rows, []ui.Cell{{Text: f.artifact.Name, Sub: string(f.artifact.Kind) + " " + f.artifact.Key, URL: "/" + f.artifact.Kind.Plural() + "/" + f.artifact.Key}, {Text: itoa(f.revision)}, {Text: f.path()}})
	}
	for _, m := range missing {
		p.Parts.Rows = append(p.Parts.Rows, []ui.Cell{{Text: m.Key, Sub: string(m.Kind)}, {Text: "–"}, {Text: "Not in it: it is not there"}})
	}
	for _, key := range connections {
		p.Parts.Rows = append(p.Parts.Rows, []ui.Cell{{Text: key, Sub: "connection", URL: "/connections/" + key}, {Text: "–"}, {Text: "Only named: it has to be there where this is brought in"}})
	}
	return s.show(c, who, frame{Title: "Export", Nav: "/flows", Crumbs: crumbsOf(review.Flow, ui.Link{Text: a.Name, URL: at})}, artifacts.Export(p))
}

// exportText is GET /flows/:key/export.yaml.
func (s *Server) exportText(c *fiber.Ctx, _ auth.Actor) error {
	a, rev, err := s.newest(c, review.Flow)
	if err != nil {
		return err
	}
	text, err := s.kinds().YAML(review.Flow, []byte(rev.Content))
	if err != nil {
		return err
	}
	c.Set("Content-Type", "application/yaml")
	c.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s.yaml"`, a.Key))
	return c.Send(text)
}

// exportZip is GET /flows/:key/export.zip: the layout that joinery export writes.
func (s *Server) exportZip(c *fiber.Ctx, _ auth.Actor) error {
	files, _, _, err := s.exports(c)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.Create(f.path())
		if err == nil {
			_, err = w.Write(f.text)
		}
		if err != nil {
			return fmt.Errorf("write export: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	c.Set("Content-Type", "application/zip")
	c.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s.zip"`, files[0].artifact.Key))
	return c.Send(b.Bytes())
}
