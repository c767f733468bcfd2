package web

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/views/settings"
	"joinery/views/ui"
)

// systemShow is GET /system.
func (s *Server) systemShow(c *fiber.Ctx, who auth.Actor) error {
	ctx := c.UserContext()
	have, want, err := s.DB.SchemaState(ctx)
	if err != nil {
		return err
	}
	app, err := s.DB.RunsAsApp(ctx)
	if err != nil {
		return err
	}
	head, err := s.DB.AuditHead(ctx)
	if err != nil {
		return err
	}
	program := []ui.Pair{{Label: "Version", Value: s.Version}, {Label: "Address", Value: s.BaseURL}, {Label: "Go", Value: runtime.Version()}, {Label: "Runs on", Value: runtime.GOOS + " " + runtime.GOARCH}}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, b := range info.Settings {
			if b.Key == "vcs.revision" {
				program = append(program, ui.Pair{Label: "Built from", Value: b.Value, Code: true})
			}
		}
	}
	schema := ui.Pair{Label: "Tables", Value: fmt.Sprintf("migration %d of %d", have, want), Badge: &ui.Badge{Tone: "good", Text: "Current"}}
	if have != want {
		schema.Badge = &ui.Badge{Tone: "bad", Text: "Not current"}
	}
	role := ui.Pair{Label: "Role", Value: "joinery_app: it cannot change or remove history", Badge: &ui.Badge{Tone: "good", Text: "Separate"}}
	if !app {
		role.Value, role.Badge = "the role that signed in; it may own the tables, so the database cannot protect history from it", &ui.Badge{Tone: "warn", Text: "Not separate"}
	}
	chain := []ui.Pair{{Label: "Records in the chain", Value: fmt.Sprint(head.Seq)}}
	if head.Seq > 0 {
		chain = append(chain, ui.Pair{Label: "Last hash", Value: head.Hash, Code: true, Copy: true})
	}
	cookies := ui.Pair{Label: "Cookies", Value: "only over https, bound to this host", Badge: &ui.Badge{Tone: "good", Text: "Secure"}}
	if !s.secure() {
		cookies.Value, cookies.Badge = "the base address is http: use it on this machine only", &ui.Badge{Tone: "warn", Text: "Not secure"}
	}
	p := settings.SystemPage{Head: ui.Head{Title: "System", Text: "How this server runs, said honestly."}, Groups: []settings.SystemGroup{
		{Title: "Program", Pairs: program}, {Title: "Database", Pairs: []ui.Pair{schema, role}}, {Title: "Audit chain", Pairs: chain}, {Title: "Protection", Pairs: []ui.Pair{cookies}},
	}}
	p.Groups = append(p.Groups, settings.SystemGroup{Title: "Functions", Pairs: append(s.shelter(ctx), ui.Pair{Label: "Rules", Value: "second reviewers, and isolation", URL: "/system/functions"})})
	if s.System != nil {
		var more []ui.Pair
		for _, f := range s.System(ctx) {
			pair := ui.Pair{Label: f.Label, Value: f.Value}
			if f.Tone != "" {
				pair.Badge = &ui.Badge{Tone: f.Tone, Text: map[string]string{"good": "Good", "warn": "Look", "bad": "Bad"}[f.Tone]}
			}
			more = append(more, pair)
		}
		if len(more) > 0 {
			p.Groups = append(p.Groups, settings.SystemGroup{Title: "Parts", Pairs: more})
		}
	}
	return s.show(c, who, frame{Title: "System"}, settings.System(p))
}
