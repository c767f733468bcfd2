package demo

import (
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"strings"
)

//go:embed page/directory.html
var directoryHTML string

type accountLine struct {
	User, Name, Mail, Department, Mark string
	Active                             bool
	Groups                             string
}

func (d *directory) pages(mux *http.ServeMux) {
	page := template.Must(template.New("directory").Parse(directoryHTML))
	mux.HandleFunc("GET /style.css", style)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = page.Execute(w, d.view())
	})
}

func (d *directory) view() (out struct {
	Accounts []accountLine
	Groups   []struct {
		Name    string
		Members int
	}
}) {
	d.mu.Lock()
	users, groups := slices.Clone(d.state.Users), slices.Clone(d.state.Groups)
	d.mu.Unlock()
	slices.SortFunc(users, func(a, b record) int { return b.Created.Compare(a.Created) })
	for _, u := range users {
		l := accountLine{User: u.text("userName"), Name: u.text("displayName"), Mark: u.ExternalID}
		l.Active, _ = u.Attributes["active"].(bool)
		if list, _ := u.Attributes["emails"].([]any); len(list) > 0 {
			m, _ := list[0].(map[string]any)
			l.Mail, _ = m["value"].(string)
		}
		for k, v := range u.Attributes {
			if m, ok := v.(map[string]any); ok && strings.HasPrefix(k, "urn:") {
				l.Department, _ = m["department"].(string)
			}
		}
		var in []string
		for _, g := range groups {
			if slices.Contains(members(g), u.ID) {
				in = append(in, g.text("displayName"))
			}
		}
		l.Groups = strings.Join(in, ", ")
		out.Accounts = append(out.Accounts, l)
	}
	for _, g := range groups {
		out.Groups = append(out.Groups, struct {
			Name    string
			Members int
		}{g.text("displayName"), len(members(g))})
	}
	return out
}
