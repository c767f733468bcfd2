package connectortest

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"joinery/internal/connector"
)

// Bob is a stand-in for a HiBob account: it keeps employees as fields by path,
// shows a change only after Lag, leaves out what the service user may not see,
// takes what it is sent in a PUT and leaves the rest, and makes signed webhooks.
type Bob struct {
	Vendor
	User, Token string
	Secret      string // of the webhook
	// Lag is how long reads show the old value after the API changed it.
	Lag time.Duration
	// Nested writes fields as {"work": {"title": …}} instead of by path, and one
	// employee alone instead of in a list.
	Nested bool

	t         testing.TB
	webhooks  *Spec
	employees map[string][]version
	words     map[string]string // "path=value": its readable form
	fields    map[string]BobField
	hidden    map[string]bool
	last      int64
}

// BobField is what Bob knows about a field.
type BobField struct {
	Kind       string
	Path       string // where it stands in an employee; "" = its id
	Historical bool
}

type version struct {
	at     time.Time
	fields map[string]any
}

// StartBob starts a stand-in for one test.
func StartBob(t testing.TB, now func() time.Time) *Bob {
	t.Helper()
	b := &Bob{Vendor: Vendor{Now: now}, User: "SERVICE-4711", Token: "token-b2f6a81c93", Secret: "hook-9d14c7e05a", Lag: 20 * time.Second, t: t, webhooks: LoadSpec(t, "hibob-webhooks"),
		employees: map[string][]version{}, words: map[string]string{"work.department=260123": "Engineering", "work.site=77001": "Berlin", "payroll.employment.type=1": "Permanent", "internal.lifecycleStatus=employed": "Angestellt"},
		hidden: map[string]bool{}, last: 3332883884017713000, fields: map[string]BobField{
			"root.id": {Kind: "text"}, "root.firstName": {Kind: "text"}, "root.surname": {Kind: "text"}, "root.secondName": {Kind: "text"}, "root.displayName": {Kind: "text"}, "root.email": {Kind: "text"},
			"home.privateEmail": {Kind: "text"}, "address.country": {Kind: "list"}, "work.department": {Kind: "list", Historical: true}, "work.title": {Kind: "list", Historical: true},
			"work.site": {Kind: "list", Historical: true}, "work.manager": {Kind: "employee-reference", Historical: true}, "work.startDate": {Kind: "date"}, "internal.terminationDate": {Kind: "date"},
			"payroll.employment.type": {Kind: "list", Historical: true}, "internal.lifecycleStatus": {Kind: "list"}, "work.employeeIdInCompany": {Kind: "number"}, "work.workPhone": {Kind: "text"},
			"internal.badge": {Kind: "list"}, "column_17": {Kind: "text", Path: "work.custom.field_17"}}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/company/people/fields", b.listFields)
	mux.HandleFunc("POST /v1/people/search", b.search)
	mux.HandleFunc("POST /v1/people/{id}", b.read)
	mux.HandleFunc("PUT /v1/people/{id}", b.update)
	mux.HandleFunc("PUT /v1/people/{id}/email", b.email)
	b.listen(t, LoadSpec(t, "hibob"), b.signedIn(mux))
	return b
}

// Settings are a connection's settings for this account.
func (b *Bob) Settings(key string) connector.Settings {
	return connector.Settings{Key: key, Name: "Bob", Type: "hibob", Private: []string{"127.0.0.1"}, Settings: map[string]any{"base_url": b.URL + "/v1", "user": b.User}}
}

func (b *Bob) signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, token, ok := r.BasicAuth(); !ok || user != b.User || token != b.Token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Hire adds an employee and gives its id.
func (b *Bob) Hire(fields map[string]any) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	id := strconv.FormatInt(b.last, 10)
	e := maps.Clone(fields)
	e["root.id"] = id
	b.employees[id] = []version{{time.Time{}, e}}
	b.deliver("employee.created", map[string]any{"employeeId": id})
	return id
}

// Change sets fields as someone in HR would; HR's own reads do not lag, ours do.
func (b *Bob) Change(id string, fields map[string]any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.set(id, fields)
}

// Event sends another event about an employee.
func (b *Bob) Event(kind, id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deliver(kind, map[string]any{"employeeId": id})
}

// Hide keeps a field, or an employee by id, from the service user.
func (b *Bob) Hide(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hidden[what] = true
}

// Stored gives what Bob has, whatever its reads show.
func (b *Bob) Stored(id, path string) any {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.employees[id]
	return all[len(all)-1].fields[path]
}

func (b *Bob) set(id string, fields map[string]any) {
	all := b.employees[id]
	next := maps.Clone(all[len(all)-1].fields)
	maps.Copy(next, fields)
	b.employees[id] = append(all, version{b.Now(), next})
	var updates []any
	for _, f := range slices.Sorted(maps.Keys(fields)) {
		updates = append(updates, map[string]any{"id": f})
	}
	b.deliver("employee.updated", map[string]any{"employeeId": id, "fieldUpdates": updates})
}

// shown is the version that reads give now.
func (b *Bob) shown(id string) map[string]any {
	all := b.employees[id]
	for _, v := range slices.Backward(all) {
		if !v.at.After(b.Now().Add(-b.Lag)) {
			return v.fields
		}
	}
	return all[0].fields
}

func (b *Bob) listFields(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []any
	for _, id := range slices.Sorted(maps.Keys(b.fields)) {
		f := b.fields[id]
		if f.Path == "" {
			f.Path = strings.TrimPrefix(id, "root.")
		}
		out = append(out, map[string]any{"id": id, "name": id, "jsonPath": f.Path, "type": f.Kind, "historical": f.Historical, "categoryId": strings.Split(id, ".")[0]})
	}
	answer(w, 200, out)
}

func (b *Bob) search(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Fields  []string
		Filters []struct {
			FieldPath, Operator string
			Values              []string
		}
		ShowInactive  bool
		HumanReadable string
	}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil || len(ask.Filters) > 1 || len(ask.Filters) == 1 && (ask.Filters[0].FieldPath != "root.id" || ask.Filters[0].Operator != "equals" || len(ask.Filters[0].Values) == 0) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []any{}
	for id := range b.employees { // in no order
		e := b.shown(id)
		gone := e["internal.lifecycleStatus"] == "terminated"
		if b.hidden[id] || gone && !ask.ShowInactive || len(ask.Filters) == 1 && !slices.Contains(ask.Filters[0].Values, id) {
			continue
		}
		out = append(out, b.write(e, ask.Fields, ask.HumanReadable))
	}
	answer(w, 200, map[string]any{"employees": out})
}

func (b *Bob) read(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Fields        []string
		HumanReadable string
	}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	id := r.PathValue("id")
	if b.employees[id] == nil {
		w.Header().Set("X-Odd", "404 is not in the description")
		answer(w, 404, map[string]any{"key": "employee.not.found", "error": "Employee was not found"})
		return
	}
	if b.hidden[id] {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	e := b.write(b.shown(id), ask.Fields, ask.HumanReadable)
	if b.Nested {
		answer(w, 200, e)
		return
	}
	answer(w, 200, map[string]any{"employees": []any{e}})
}

// write gives an employee in Bob's forms, without what may not be seen.
func (b *Bob) write(e map[string]any, fields []string, readable string) map[string]any {
	out, words := map[string]any{"companyId": 636192}, map[string]any{}
	for _, f := range fields {
		v, has := e[f]
		if !has || b.hidden[f] {
			continue
		}
		word := fmt.Sprint(v)
		if w := b.words[f+"="+word]; w != "" {
			word = w
		}
		if f == "work.startDate" {
			d, _ := time.Parse(time.DateOnly, word)
			word = d.Format("02/01/2006")
		}
		nest(words, strings.Split(strings.TrimPrefix(f, "root."), "."), word)
		if b.Nested {
			nest(out, strings.Split(strings.TrimPrefix(f, "root."), "."), v)
		} else {
			out["/"+strings.ReplaceAll(f, ".", "/")] = map[string]any{"value": v}
		}
	}
	if readable == "APPEND" {
		out["humanReadable"] = words
	}
	return out
}

func nest(m map[string]any, path []string, v any) {
	for _, name := range path[:len(path)-1] {
		next, ok := m[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			m[name] = next
		}
		m = next
	}
	m[path[len(path)-1]] = v
}

// update sets what is sent; fields it does not know, and those of tables, it
// ignores. Nothing new is 304.
func (b *Bob) update(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	id := r.PathValue("id")
	if b.employees[id] == nil {
		w.Header().Set("X-Odd", "404 is not in the description")
		w.WriteHeader(http.StatusNotFound)
		return
	}
	all := b.employees[id]
	now, set := all[len(all)-1].fields, map[string]any{}
	for f, known := range b.fields {
		path := known.Path
		if path == "" {
			path = strings.TrimPrefix(f, "root.")
		}
		v, has := dig(body, strings.Split(path, "."))
		if has && !known.Historical && f != "root.email" && f != "root.id" && now[f] != v {
			set[f] = v
		}
	}
	if len(set) == 0 {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	b.set(id, set)
	w.WriteHeader(http.StatusOK)
}

func dig(m map[string]any, path []string) (any, bool) {
	var v any = m
	for _, p := range path {
		inner, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = inner[p]; !ok {
			return nil, false
		}
	}
	return v, true
}

func (b *Bob) email(w http.ResponseWriter, r *http.Request) {
	var body struct{ Email string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	id := r.PathValue("id")
	if b.employees[id] == nil {
		w.Header().Set("X-Odd", "404 is not in the description")
		w.WriteHeader(http.StatusNotFound)
		return
	}
	for other, all := range b.employees {
		if mail, _ := all[len(all)-1].fields["root.email"].(string); other != id && strings.EqualFold(mail, body.Email) {
			w.Header().Set("X-Odd", "400 is not in the description")
			answer(w, 400, map[string]any{"key": "email.exists", "error": "Email already exists"})
			return
		}
	}
	b.set(id, map[string]any{"root.email": body.Email})
	w.WriteHeader(http.StatusOK)
}

// deliver makes the webhook of an event. The caller holds mu.
func (b *Bob) deliver(kind string, data map[string]any) {
	body, err := json.Marshal(map[string]any{"companyId": 636192, "type": kind, "triggeredBy": "3332883804594373380", "triggeredAt": b.Now().UTC().Format("2006-01-02T15:04:05.000000"), "version": "v2", "data": data})
	if err != nil {
		b.t.Error(err)
		return
	}
	if err := b.webhooks.Schema("/$defs/event", body); err != nil {
		b.t.Errorf("the webhook %s does not follow the description: %v", body, err)
	}
	b.deliveries = append(b.deliveries, b.Delivery(body, b.Now()))
}

// Delivery signs a body as the account's webhook would.
func (b *Bob) Delivery(body []byte, at time.Time) connector.Delivery {
	h := hmac.New(sha512.New, []byte(b.Secret))
	h.Write(body)
	return connector.Delivery{Header: http.Header{"Content-Type": {"application/json"}, "Bob-Signature": {base64.StdEncoding.EncodeToString(h.Sum(nil))}}, Body: body, At: at}
}
