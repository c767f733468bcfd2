package connectortest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"joinery/internal/connector"
)

// BambooHR is a stand-in for a BambooHR account: it keeps employees and who
// changed when, ignores fields it does not know, and makes signed webhooks. Its
// answers and what it is asked are held to the vendor's description.
type BambooHR struct {
	Vendor
	Key        string // the API key
	PrivateKey string // of the webhook; "" until one is made by the API

	spec      *Spec
	t         testing.TB
	employees map[string]map[string]string
	changed   map[string]bambooChange
	fields    map[string]bool // alias: may the key's user change it
	hidden    map[string]bool // fields the key's user may not see
	unseen    map[string]bool // employees the key's user may not see
	monitored []string
	last      int
}

type bambooChange struct {
	action string
	at     time.Time
}

// StartBambooHR starts a stand-in for one test.
func StartBambooHR(t testing.TB, now func() time.Time) *BambooHR {
	t.Helper()
	b := &BambooHR{Vendor: Vendor{Now: now}, Key: "key-7f3a9c51e0", t: t, spec: LoadSpec(t, "bamboohr"), employees: map[string]map[string]string{}, changed: map[string]bambooChange{},
		fields: map[string]bool{}, hidden: map[string]bool{}, unseen: map[string]bool{}, last: 100}
	for _, f := range []string{"firstName", "lastName", "middleName", "preferredName", "workEmail", "homeEmail", "department", "jobTitle", "location", "country", "hireDate", "terminationDate",
		"employmentHistoryStatus", "employeeNumber", "workPhone", "status", "displayName", "supervisorEId", "lastChanged"} {
		b.fields[f] = true
	}
	for _, f := range []string{"status", "displayName", "lastChanged", "supervisorEId"} {
		b.fields[f] = false
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/meta/fields", b.listFields)
	mux.HandleFunc("GET /api/v1/employees/changed", b.listChanged)
	mux.HandleFunc("GET /api/v1/employees/{id}", b.read)
	mux.HandleFunc("POST /api/v1/employees/{id}", b.update)
	mux.HandleFunc("POST /api/v1/webhooks", b.subscribe)
	b.listen(t, b.spec, b.signedIn(mux))
	return b
}

// Settings are a connection's settings for this account.
func (b *BambooHR) Settings(key string) connector.Settings {
	return connector.Settings{Key: key, Name: "BambooHR", Type: "bamboohr", Private: []string{"127.0.0.1"}, Settings: map[string]any{"company": "acme", "base_url": b.URL}}
}

func (b *BambooHR) signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, _, ok := r.BasicAuth(); !ok || user != b.Key {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Hire adds an employee and gives its id.
func (b *BambooHR) Hire(fields map[string]string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	id := strconv.Itoa(b.last)
	b.employees[id] = maps.Clone(fields)
	b.mark(id, "Inserted")
	b.deliver(id, "employee.created", nil)
	return id
}

// Change sets fields as someone in HR would.
func (b *BambooHR) Change(id string, fields map[string]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.Copy(b.employees[id], fields)
	b.mark(id, "Updated")
	b.deliver(id, "employee.updated", slices.Sorted(maps.Keys(fields)))
}

// Delete removes an employee.
func (b *BambooHR) Delete(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.employees, id)
	b.mark(id, "Deleted")
	b.deliver(id, "employee.deleted", nil)
}

// Employee gives what is stored.
func (b *BambooHR) Employee(id string) map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.employees[id])
}

// Permit says whether the key's user may change a field.
func (b *BambooHR) Permit(field string, may bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fields[field] = may
}

// Hide keeps a field, or an employee by id, from the key's user.
func (b *BambooHR) Hide(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hidden[what], b.unseen[what] = true, true
}

func (b *BambooHR) mark(id, action string) {
	b.changed[id] = bambooChange{action, b.Now()}
	if e := b.employees[id]; e != nil {
		e["lastChanged"] = b.Now().UTC().Format("2006-01-02T15:04:05+00:00")
	}
}

func (b *BambooHR) listFields(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []any
	for i, f := range slices.Sorted(maps.Keys(b.fields)) {
		out = append(out, map[string]any{"id": 4000 + i, "name": f, "type": "text", "alias": f})
	}
	out = append(out, map[string]any{"id": "4340.4", "name": "Custom", "type": "text"})
	answer(w, 200, out)
}

func (b *BambooHR) listChanged(w http.ResponseWriter, r *http.Request) {
	since, err := time.Parse(time.RFC3339, r.URL.Query().Get("since"))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	all, latest := map[string]any{}, since
	for id, c := range b.changed {
		if c.at.Before(since) {
			continue
		}
		if c.at.After(latest) {
			latest = c.at
		}
		all[id] = map[string]any{"id": id, "action": c.action, "lastChanged": c.at.UTC().Format("2006-01-02T15:04:05+00:00")}
	}
	answer(w, 200, map[string]any{"latest": latest.UTC().Format(time.RFC3339), "employees": all})
}

func (b *BambooHR) read(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := r.PathValue("id")
	e, ok := b.employees[id]
	switch {
	case !ok:
		w.WriteHeader(http.StatusNotFound)
		return
	case b.unseen[id]:
		w.Header().Set("X-BambooHR-Error-Message", "Access denied")
		w.WriteHeader(http.StatusForbidden)
		return
	}
	asked := strings.Split(r.URL.Query().Get("fields"), ",")
	if len(asked) > 400 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	out := map[string]any{"id": id}
	for _, f := range asked {
		if _, known := b.fields[f]; !known || b.hidden[f] {
			continue
		}
		if v, has := e[f]; has {
			out[f] = v
		} else if strings.HasSuffix(f, "Date") {
			out[f] = "0000-00-00"
		} else {
			out[f] = nil
		}
	}
	answer(w, 200, out)
}

// update takes what it knows and what the user may change, and says nothing about the rest.
func (b *BambooHR) update(w http.ResponseWriter, r *http.Request) {
	var set map[string]any
	if err := json.NewDecoder(r.Body).Decode(&set); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	id := r.PathValue("id")
	e, ok := b.employees[id]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	var changed []string
	for _, f := range slices.Sorted(maps.Keys(set)) {
		v := fmt.Sprint(set[f])
		if may := b.fields[f]; !may || e[f] == v {
			continue
		}
		if f == "workEmail" && b.has(id, v) {
			w.Header().Set("X-BambooHR-Error-Message", "Work email is already in use")
			w.WriteHeader(http.StatusConflict)
			return
		}
		if f == "workPhone" && len(v) == 10 {
			v = v[:3] + "-" + v[3:6] + "-" + v[6:]
		}
		e[f] = v
		changed = append(changed, f)
	}
	if len(changed) > 0 {
		b.mark(id, "Updated")
		b.deliver(id, "employee.updated", changed)
	}
	w.WriteHeader(http.StatusOK)
}

func (b *BambooHR) has(id, mail string) bool {
	for other, e := range b.employees {
		if other != id && mail != "" && strings.EqualFold(e["workEmail"], mail) {
			return true
		}
	}
	return false
}

// subscribe makes a webhook; its private key is shown once.
func (b *BambooHR) subscribe(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Name, URL, Format string
		Events            []string
		MonitorFields     []string `json:"monitorFields"`
	}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil || !strings.HasPrefix(ask.URL, "https://") || slices.Contains(ask.Events, "employee.updated") && len(ask.MonitorFields) == 0 {
		answer(w, 400, map[string]any{"errors": []any{map[string]any{"error": "The request is not complete."}}})
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.PrivateKey, b.monitored = "private-1c88e2d9b47a", ask.MonitorFields
	answer(w, 201, map[string]any{"id": "4", "name": ask.Name, "created": "2026-11-26 05:00:00", "lastSent": nil, "monitorFields": ask.MonitorFields, "postFields": map[string]any{},
		"url": ask.URL, "format": ask.Format, "privateKey": b.PrivateKey, "includeCompanyDomain": false, "events": ask.Events})
}

// deliver makes the webhook of a change. The caller holds mu.
func (b *BambooHR) deliver(id, kind string, changed []string) {
	data := map[string]any{"companyId": "12345", "employeeId": id}
	if kind == "employee.updated" {
		changed = slices.DeleteFunc(slices.Clone(changed), func(f string) bool { return b.monitored != nil && !slices.Contains(b.monitored, f) })
		if len(changed) == 0 {
			return
		}
		data["changedFields"] = changed
	}
	body, err := json.Marshal(map[string]any{"type": kind, "timestamp": b.Now().UTC().Format(time.RFC3339), "data": data})
	if err != nil {
		b.t.Error(err)
		return
	}
	name := map[string]string{"employee.created": "EmployeeCreated", "employee.updated": "EmployeeUpdated", "employee.deleted": "EmployeeDeleted"}[kind]
	if err := b.spec.Schema("/components/schemas/"+name+"WebhookPayload", body); err != nil {
		b.t.Errorf("the webhook %s does not follow the description: %v", body, err)
	}
	b.deliveries = append(b.deliveries, b.Delivery(body, b.Now()))
}

// Delivery signs a body as the account's webhook would.
func (b *BambooHR) Delivery(body []byte, at time.Time) connector.Delivery {
	d := connector.Delivery{Header: http.Header{"Content-Type": {"application/json"}}, Body: body, At: at}
	stamp := strconv.FormatInt(at.Unix(), 10)
	h := hmac.New(sha256.New, []byte(b.PrivateKey))
	h.Write([]byte(string(body) + stamp))
	d.Header.Set("X-BambooHR-Timestamp", stamp)
	d.Header.Set("X-BambooHR-Signature", hex.EncodeToString(h.Sum(nil)))
	return d
}

// bodyOf reads a JSON object and puts it back.
func bodyOf(r *http.Request) map[string]any {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	var out map[string]any
	_ = json.Unmarshal(raw, &out) // what is no object has none
	return out
}
