package web

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/settings"
	"joinery/views/ui"
)

// kindWords are the words pages use for a kind of artifact.
type kindWords struct{ one, title, help, icon, newText string }

var wordsOf = map[review.Kind]kindWords{
	review.Flow:       {"flow", "Flows", "What happens when somebody is hired, step by step.", "workflow", "New flow"},
	review.Function:   {"function", "Functions", "Lua for what no policy can say. A function reads and computes by the grants of its manifest; its cases must pass before review, and flows run it once it is live.", "file-code-2", "New function"},
	review.Policy:     {"policy", "Policies", "The rules a company has for its joiners: names, groups, attributes, write-back. Flows use them by key, and a release pins the exact one.", "scale", "New policy"},
	review.Connection: {"connection", "Connections", "", "plug", ""},
}

func (s *Server) kinds() artifact.Kinds {
	return artifact.Kinds{Flows: s.Nodes, Connectors: s.Catalog, Programs: s.DB.Programs()}
}

// artifactIndex is GET /flows, /functions and /policies.
func (s *Server) artifactIndex(kind review.Kind) handler {
	return func(c *fiber.Ctx, who auth.Actor) error {
		q, after := strings.TrimSpace(c.Query("q")), c.Query("after")
		rows, next, err := s.DB.Artifacts(c.UserContext(), kind, q, after, 50)
		if err != nil {
			return err
		}
		w, at := wordsOf[kind], "/"+kind.Plural()
		p := settings.ListPage{
			Head:    ui.Head{Title: w.title, Text: w.help},
			Filters: &ui.Filters{Action: at, Fields: []ui.Field{{Name: "q", Label: "Name or key", Input: "search", Value: q}}},
			Table:   ui.Table{Label: w.title, Columns: ui.Columns("Name", "State", "Newest revision", "Changed")},
			Empty:   ui.Empty{Icon: w.icon, Title: "None here", Text: "Nothing matches."},
		}
		if q == "" {
			p.Empty.Text = "There is none yet."
		}
		link := url.Values{}
		if q != "" {
			p.Filters.ClearURL = at
			link.Set("q", q)
		}
		if who.Can(auth.ArtifactWrite) {
			p.Head.Actions = []ui.Button{{Text: w.newText, Icon: "plus", Tone: "primary", URL: at + "/new"}}
		}
		for _, a := range rows {
			p.Table.Rows = append(p.Table.Rows, []ui.Cell{{Text: a.Name, Sub: a.Key, URL: at + "/" + a.Key}, {Badges: artifactBadges(a)}, {Text: "revision " + itoa(a.Head), Sub: "by " + a.HeadBy}, {Text: s.ago(a.UpdatedAt), NoWrap: true}})
		}
		if after != "" {
			p.Pager.PrevURL = at + "?" + link.Encode()
		}
		if next != "" {
			link.Set("after", next)
			p.Pager.NextURL = at + "?" + link.Encode()
		}
		return s.show(c, who, frame{Title: w.title}, settings.List(p))
	}
}

// artifactBadges tell where an artifact stands.
func artifactBadges(a postgres.Artifact) []ui.Badge {
	var out []ui.Badge
	switch {
	case a.Live == nil:
		out = append(out, ui.Badge{Tone: "neutral", Text: "Not live yet"})
	case a.Live.Hash == a.HeadHash:
		out = append(out, ui.Badge{Tone: "good", Text: "Live"})
	default:
		out = append(out, ui.Badge{Tone: "good", Text: "Live: revision " + itoa(a.Live.Revision)}, ui.Badge{Tone: "warn", Text: "Newer revision"})
	}
	if a.OpenReview != "" {
		out = append(out, ui.Badge{Tone: "info", Text: "In review"})
	}
	if a.Paused {
		out = append(out, ui.Badge{Tone: "warn", Text: "Paused"})
	}
	if a.Unratified {
		out = append(out, ui.Badge{Tone: "bad", Text: "Released without approval"})
	}
	return out
}
