package demo

import (
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

//go:embed page/hris.html
var hrisHTML string

//go:embed page/style.css
var styleCSS string

// headers sets what every page of the demo company has.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		// These pages have no sign-in: only a page of their own may post to them.
		if r.Method == http.MethodPost {
			site := r.Header.Get("Sec-Fetch-Site")
			if site != "" && site != "same-origin" && site != "none" {
				http.Error(w, "This form was sent by another site.", http.StatusForbidden)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write([]byte(styleCSS))
}

type hrisPage struct {
	People     []worker
	Deliveries []delivery
	Mails      []mailLine
	Form       map[string]string
	Problems   map[string]string
	Editing    string
	Choices    struct {
		Departments, Types []string
		Places             []string
		Managers           []worker
	}
	Waiting int
}

func (h *hris) pages(mux *http.ServeMux) {
	page := template.Must(template.New("hris").Funcs(template.FuncMap{
		"when": func(t time.Time) string { return t.UTC().Format("2 Jan 15:04:05") },
		"outcome": func(d delivery) string {
			switch {
			case d.Done && d.Status >= 200 && d.Status < 300:
				return "delivered"
			case d.Done:
				return fmt.Sprintf("refused (%d)", d.Status)
			case d.Tries == 0:
				return "to be sent"
			case d.Status > 0:
				return fmt.Sprintf("will be tried again (%d)", d.Status)
			}
			return "will be tried again (no answer)"
		},
	}).Parse(hrisHTML))
	show := func(w http.ResponseWriter, status int, editing string, form, problems map[string]string) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		if err := page.Execute(w, h.view(editing, form, problems)); err != nil {
			h.cfg.Log.Warn("demo page failed", "err", err)
		}
	}
	mux.HandleFunc("GET /style.css", style)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Query().Get("edit")
		form := map[string]string{"start_date": h.cfg.Now().Format(time.DateOnly), "worker_type": "employee"}
		if s := h.snapshot(); id != "" {
			x := s.find(id)
			if x == nil {
				http.Redirect(w, r, "/", http.StatusSeeOther)
				return
			}
			form = formOf(*x)
		}
		show(w, http.StatusOK, id, form, nil)
	})
	act := func(f func(r *http.Request, s *hrisState) (map[string]string, error)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
			if err := r.ParseForm(); err != nil {
				http.Error(w, "The form could not be read.", http.StatusBadRequest)
				return
			}
			var problems map[string]string
			err := h.change(func(s *hrisState) (err error) {
				if problems, err = f(r, s); err == nil && len(problems) > 0 {
					err = fmt.Errorf("refused")
				}
				return err
			})
			switch {
			case len(problems) > 0:
				form := map[string]string{}
				for k := range r.PostForm {
					form[k] = r.PostForm.Get(k)
				}
				show(w, http.StatusUnprocessableEntity, r.PathValue("id"), form, problems)
			case err != nil:
				http.Error(w, "The change could not be kept.", http.StatusInternalServerError)
			default:
				http.Redirect(w, r, "/", http.StatusSeeOther)
			}
		}
	}
	mux.HandleFunc("POST /people", act(h.hire))
	mux.HandleFunc("POST /people/{id}", act(h.correct))
	mux.HandleFunc("POST /people/{id}/rescind", act(h.end("rescinded", "worker.rescinded")))
	mux.HandleFunc("POST /people/{id}/terminate", act(h.end("terminated", "worker.terminated")))
	mux.HandleFunc("POST /deliveries/{id}/again", act(func(r *http.Request, s *hrisState) (map[string]string, error) {
		for _, d := range s.Deliveries {
			if d.ID == r.PathValue("id") {
				// The very same event, signed once more: a receiver must not act twice.
				s.Deliveries = append(s.Deliveries, delivery{ID: d.ID, Type: d.Type, Worker: d.Worker, Changed: d.Changed, At: d.At, NextAt: h.cfg.Now()})
				break
			}
		}
		return nil, nil
	}))
}

func (h *hris) view(editing string, form, problems map[string]string) hrisPage {
	s := h.snapshot()
	p := hrisPage{People: s.Workers, Form: form, Problems: problems, Editing: editing, Mails: h.mails.list()}
	if p.Problems == nil {
		p.Problems = map[string]string{}
	}
	slices.SortStableFunc(p.People, func(a, b worker) int { return b.UpdatedAt.Compare(a.UpdatedAt) })
	for i := len(s.Deliveries) - 1; i >= 0 && len(p.Deliveries) < 15; i-- {
		p.Deliveries = append(p.Deliveries, s.Deliveries[i])
	}
	for _, d := range s.Deliveries {
		if !d.Done {
			p.Waiting++
		}
	}
	p.Choices.Departments, p.Choices.Types = departments, types
	for _, x := range places {
		p.Choices.Places = append(p.Choices.Places, x.Location)
	}
	for _, x := range s.Workers {
		if !slices.Contains(p.Choices.Places, x.Location) {
			p.Choices.Places = append(p.Choices.Places, x.Location)
		}
		if x.Status == "active" {
			p.Choices.Managers = append(p.Choices.Managers, x)
		}
	}
	return p
}

func formOf(x worker) map[string]string {
	return map[string]string{"first_name": x.FirstName, "last_name": x.LastName, "preferred_name": x.PreferredName, "department": x.Department, "title": x.Title, "location": x.Location,
		"manager_id": x.ManagerID, "start_date": x.StartDate, "worker_type": x.WorkerType, "personal_email": x.PersonalEmail, "work_email": x.WorkEmail}
}

// read checks the form and gives the person in it.
func (s *hrisState) read(r *http.Request) (worker, map[string]string) {
	problems := map[string]string{}
	text := func(name, label string, required bool) string {
		v := strings.TrimSpace(r.PostForm.Get(name))
		switch {
		case !utf8.ValidString(v) || strings.ContainsRune(v, 0):
			problems[name] = label + " holds characters that cannot be stored."
		case required && v == "":
			problems[name] = label + " is needed."
		case utf8.RuneCountInString(v) > 200:
			problems[name] = label + " may have up to 200 characters."
		}
		return v
	}
	w := worker{FirstName: text("first_name", "First name", true), LastName: text("last_name", "Last name", true), PreferredName: text("preferred_name", "Preferred name", false),
		Department: text("department", "Department", true), Title: text("title", "Title", true), Location: text("location", "Location", true), ManagerID: text("manager_id", "Manager", false),
		StartDate: text("start_date", "Start date", true), WorkerType: text("worker_type", "Type", true), PersonalEmail: text("personal_email", "Personal e-mail", false), WorkEmail: text("work_email", "Work e-mail", false)}
	if _, err := time.Parse(time.DateOnly, w.StartDate); err != nil && problems["start_date"] == "" {
		problems["start_date"] = "Start date must be a date like 2026-12-01."
	}
	if !slices.Contains(types, w.WorkerType) {
		problems["worker_type"] = "Choose employee or contractor."
	}
	found := false
	for _, p := range places {
		if p.Location == w.Location {
			w.Country, w.TimeZone, found = p.Country, p.Zone, true
		}
	}
	for _, x := range s.Workers {
		if !found && x.Location == w.Location {
			w.Country, w.TimeZone, found = x.Country, x.TimeZone, true
		}
	}
	if !found && problems["location"] == "" {
		problems["location"] = "Choose one of the locations."
	}
	if w.ManagerID != "" && s.find(w.ManagerID) == nil {
		problems["manager_id"] = "There is no such person."
	}
	return w, problems
}

func (h *hris) hire(r *http.Request, s *hrisState) (map[string]string, error) {
	w, problems := s.read(r)
	if len(problems) > 0 {
		return problems, nil
	}
	n := 1000
	for _, x := range s.Workers {
		var k int
		if _, err := fmt.Sscanf(x.ID, "%d", &k); err == nil {
			n = max(n, k)
		}
	}
	w.ID, w.EmployeeNo, w.Status, w.Version, w.UpdatedAt = fmt.Sprint(n+1), fmt.Sprintf("E%d", n+1), "planned", 1, h.cfg.Now().UTC()
	s.Workers = append(s.Workers, w)
	s.announce("worker.hired", w.ID, hrActor, nil, w.UpdatedAt)
	return nil, nil
}

func (h *hris) correct(r *http.Request, s *hrisState) (map[string]string, error) {
	x := s.find(r.PathValue("id"))
	if x == nil {
		return map[string]string{"first_name": "This person is not there any more."}, nil
	}
	w, problems := s.read(r)
	if len(problems) > 0 {
		return problems, nil
	}
	if !r.PostForm.Has("work_email") {
		w.WorkEmail = x.WorkEmail
	}
	before, after := formOf(*x), formOf(w)
	var changed []string
	for name := range before {
		if before[name] != after[name] {
			changed = append(changed, name)
		}
	}
	if len(changed) == 0 {
		return nil, nil
	}
	slices.Sort(changed)
	w.ID, w.EmployeeNo, w.Status, w.EndDate = x.ID, x.EmployeeNo, x.Status, x.EndDate
	w.Version, w.UpdatedAt = x.Version+1, h.cfg.Now().UTC()
	*x = w
	kind := "worker.updated"
	if slices.Contains(changed, "start_date") {
		kind = "worker.start_moved"
	}
	s.announce(kind, x.ID, hrActor, changed, x.UpdatedAt)
	return nil, nil
}

func (h *hris) end(status, kind string) func(r *http.Request, s *hrisState) (map[string]string, error) {
	return func(r *http.Request, s *hrisState) (map[string]string, error) {
		x := s.find(r.PathValue("id"))
		if x == nil || x.Status == status {
			return nil, nil
		}
		x.Status, x.Version, x.UpdatedAt = status, x.Version+1, h.cfg.Now().UTC()
		if status == "terminated" {
			x.EndDate = x.UpdatedAt.Format(time.DateOnly)
		}
		s.announce(kind, x.ID, hrActor, []string{"status"}, x.UpdatedAt)
		return nil, nil
	}
}
