package web

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/layout"
)

// navItem is one place of the navigation and who sees it.
type navItem struct {
	section, text, url, icon string
	needs                    auth.Permission
}

// navOf lists the places whose page exists, in order.
func navOf(routes map[string]bool) []navItem {
	all := []navItem{
		{"", "Home", "/", "house", auth.SignedIn},
		{"", "Joiners", "/joiners", "users", auth.RunRead},
		{"", "Names", "/names", "at-sign", auth.RunRead},
		{"", "Runs", "/runs", "history", auth.RunRead},
		{"", "Bulk", "/bulk", "upload", auth.RunRead},
		{"Design", "Flows", "/flows", "workflow", auth.ArtifactRead},
		{"Design", "Functions", "/functions", "file-code-2", auth.ArtifactRead},
		{"Design", "Ask for a function", "/author", "wand-sparkles", auth.ReviewComment},
		{"Design", "Policies", "/policies", "scale", auth.ArtifactRead},
		{"Design", "Reviews", "/reviews", "badge-check", auth.ArtifactRead},
		{"Systems", "Connections", "/connections", "plug", auth.ArtifactRead},
		{"Systems", "Credentials", "/credentials", "key-round", auth.CredentialRead},
		{"Systems", "Events", "/events", "inbox", auth.RunRead},
		{"Systems", "Exceptions", "/exceptions", "circle-alert", auth.RunRead},
		{"Settings", "Audit", "/audit", "shield-check", auth.AuditRead},
		{"Settings", "Users", "/users", "user-cog", auth.UserManage},
		{"Settings", "Tokens", "/tokens", "fingerprint", auth.TokenManage},
		{"Settings", "Outbound calls", "/outbound", "globe", auth.SettingsManage},
		{"Settings", "Language model", "/system/author", "bot", auth.SettingsManage},
		{"Settings", "System", "/system", "activity", auth.SystemRead},
	}
	var out []navItem
	for _, i := range all {
		if routes["GET "+i.url] {
			out = append(out, i)
		}
	}
	return out
}

func (s *Server) navigation(c *fiber.Ctx, who auth.Actor, current string) []layout.Section {
	var out []layout.Section
	waits := s.waiting(c, who)
	for _, i := range s.nav {
		if !who.Can(i.needs) {
			continue
		}
		if len(out) == 0 || out[len(out)-1].Title != i.section {
			out = append(out, layout.Section{Title: i.section})
		}
		last := &out[len(out)-1]
		item := layout.Item{Text: i.text, URL: i.url, Icon: i.icon, Current: i.url == current}
		switch {
		case i.url == "/reviews" && waits.Reviews > 0 && who.Can(auth.ReviewDecide):
			item.Count = strconv.Itoa(waits.Reviews)
		case i.url == "/exceptions" && waits.Exceptions > 0 && who.Can(auth.SignoffDecide):
			item.Count = strconv.Itoa(waits.Exceptions)
		}
		last.Items = append(last.Items, item)
	}
	return out
}

// keyWaiting is where the counts of the navigation are, when they came with the session.
const keyWaiting = "waiting"

// decides reports whether anything can wait for a person.
func decides(who auth.Actor) bool { return who.Can(auth.ReviewDecide) || who.Can(auth.SignoffDecide) }

// waiting gives the counts; none where they cannot be told: a page must not fail for
// these numbers, least of all the page of an error.
func (s *Server) waiting(c *fiber.Ctx, who auth.Actor) postgres.Waiting {
	if !decides(who) {
		return postgres.Waiting{}
	}
	if n, ok := c.Locals(keyWaiting).(postgres.Waiting); ok {
		return n
	}
	n, _ := s.DB.Waiting(c.UserContext())
	return n
}

// paletteItem is one thing the command palette can go to.
type paletteItem struct {
	Title string `json:"title"`
	Kind  string `json:"kind"`
	URL   string `json:"url"`
	Icon  string `json:"icon"`
}

// finder finds things of one area for the palette; it is asked only when the
// reader may see them, and gives at most a handful.
type finder struct {
	needs auth.Permission
	find  func(ctx context.Context, q string) ([]paletteItem, error)
}

// paletteFind is GET /palette: places by name, then what the areas find.
func (s *Server) paletteFind(c *fiber.Ctx, who auth.Actor) error {
	q := strings.TrimSpace(c.Query("q"))
	if len(q) > 200 {
		q = ""
	}
	out := []paletteItem{}
	places := append(append([]navItem{}, s.nav...), navItem{"", "Your account", "/account", "circle-user", auth.SignedIn})
	for _, i := range places {
		if who.Can(i.needs) && strings.Contains(strings.ToLower(i.text), strings.ToLower(q)) {
			out = append(out, paletteItem{Title: i.text, Kind: "Page", URL: i.url, Icon: i.icon})
		}
	}
	if len(q) >= 2 {
		for _, f := range s.finders() {
			if !who.Can(f.needs) {
				continue
			}
			found, err := f.find(c.UserContext(), q)
			if err != nil {
				return err
			}
			out = append(out, found...)
		}
	}
	body, err := json.Marshal(map[string]any{"items": out})
	if err != nil {
		return err
	}
	c.Set("Content-Type", "application/json")
	return c.Send(body)
}

// finders lists what the palette searches besides the places. An area adds its line.
func (s *Server) finders() []finder {
	out := []finder{{auth.RunRead, s.findJoiners}, {auth.RunRead, s.findNames}, {auth.UserManage, s.findUsers}}
	for _, k := range review.Kinds() {
		for _, i := range s.nav {
			if i.url == "/"+k.Plural() {
				out = append(out, finder{i.needs, s.findArtifacts(k, i)})
			}
		}
	}
	return out
}

const foundMost = 6

func (s *Server) findJoiners(ctx context.Context, q string) ([]paletteItem, error) {
	all, _, err := s.DB.Joiners(ctx, q, "", foundMost)
	var out []paletteItem
	for _, j := range all {
		out = append(out, paletteItem{Title: joinerName(j.Label, j.Worker), Kind: "Joiner", URL: "/joiners/" + j.ID, Icon: "users"})
	}
	return out, err
}

func (s *Server) findUsers(ctx context.Context, q string) ([]paletteItem, error) {
	all, err := s.DB.Users(ctx)
	var out []paletteItem
	for _, u := range all {
		if len(out) < foundMost && strings.Contains(strings.ToLower(u.Name+" "+u.Email), strings.ToLower(q)) {
			out = append(out, paletteItem{Title: u.Name, Kind: "User", URL: "/users/" + u.ID, Icon: "user-cog"})
		}
	}
	return out, err
}

func (s *Server) findArtifacts(kind review.Kind, place navItem) func(context.Context, string) ([]paletteItem, error) {
	return func(ctx context.Context, q string) ([]paletteItem, error) {
		all, _, err := s.DB.Artifacts(ctx, kind, q, "", foundMost)
		var out []paletteItem
		for _, a := range all {
			out = append(out, paletteItem{Title: a.Name, Kind: strings.ToUpper(string(kind[:1])) + string(kind[1:]), URL: place.url + "/" + a.Key, Icon: place.icon})
		}
		return out, err
	}
}
