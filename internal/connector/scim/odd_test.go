package scim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// odd is a SCIM server with one of the habits seen in real ones.
type odd struct {
	habit string
	URL   string

	mu      sync.Mutex
	next    int
	users   []map[string]any
	groups  []map[string]any
	version map[string]int
	refuse  int // answer this many requests with 429
	raced   int // the next PATCHes find the entry changed
	seen    []string
}

func newOdd(t *testing.T, habit string) *odd {
	t.Helper()
	o := &odd{habit: habit, version: map[string]int{}}
	o.groups = append(o.groups, map[string]any{"id": "g1", "displayName": "engineering", "members": []any{}})
	s := httptest.NewServer(http.HandlerFunc(o.serve))
	t.Cleanup(s.Close)
	o.URL = s.URL + "/scim/v2"
	return o
}

func (o *odd) serve(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/scim/v2/")
	o.seen = append(o.seen, r.Method+" "+path)
	if o.refuse > 0 {
		o.refuse--
		w.Header().Set("Retry-After", "17")
		o.fail(w, 429, "", "slow down")
		return
	}
	switch o.habit {
	case "login page":
		_, _ = fmt.Fprint(w, "<html>Sign in</html>")
		return
	case "redirects":
		http.Redirect(w, r, "/elsewhere", http.StatusMovedPermanently)
		return
	case "down":
		o.fail(w, 503, "", "maintenance")
		return
	}
	kind, id, _ := strings.Cut(path, "/")
	switch {
	case path == "ServiceProviderConfig":
		o.write(w, 200, map[string]any{"patch": map[string]any{"supported": o.habit != "says no PATCH"}})
	case id == "" && r.Method == http.MethodGet:
		o.list(w, r, kind)
	case id == "" && r.Method == http.MethodPost:
		o.create(w, r)
	default:
		o.one(w, r, kind, id)
	}
}

var eq = regexp.MustCompile(`^(\S+) eq (".*")$`)

func (o *odd) list(w http.ResponseWriter, r *http.Request, kind string) {
	all := o.users
	if kind == "Groups" {
		all = o.groups
	}
	filter := r.URL.Query().Get("filter")
	switch {
	case filter == "" || o.habit == "ignores filters":
	case o.habit == "500 on filters":
		o.fail(w, 500, "", "boom")
		return
	case o.habit == "no filters":
		o.fail(w, 400, "invalidFilter", "no")
		return
	case o.habit == "finds nothing" && strings.HasPrefix(filter, "externalId"):
		all = nil
	default:
		m := eq.FindStringSubmatch(filter)
		if m == nil {
			o.fail(w, 500, "", "cannot parse")
			return
		}
		var want string
		_ = json.Unmarshal([]byte(m[2]), &want)
		var out []map[string]any
		for _, e := range all {
			have, _ := e[m[1]].(string)
			if m[1] == "members.value" {
				for _, x := range e["members"].([]any) {
					if x.(map[string]any)["value"] == want {
						have = want
					}
				}
			}
			if have == want || o.habit != "exact case" && have != "" && strings.EqualFold(have, want) {
				out = append(out, e)
			}
		}
		all = out
	}
	total, start := len(all), 1
	if n, _ := strconv.Atoi(r.URL.Query().Get("startIndex")); n > 1 && o.habit != "ignores paging" {
		start = min(n, total+1)
	}
	page := all[start-1:]
	if size := 2; len(page) > size && o.habit != "ignores paging" {
		page = page[:size]
	}
	out := []any{}
	for _, e := range page {
		out = append(out, o.shown(e))
	}
	o.write(w, 200, map[string]any{"totalResults": total, "startIndex": start, "itemsPerPage": len(out), "Resources": out})
}

func (o *odd) shown(e map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range e {
		if k == "members" && o.habit == "hides members" {
			continue
		}
		out[k] = v
	}
	if o.habit == "versions" {
		id, _ := e["id"].(string)
		out["meta"] = map[string]any{"version": fmt.Sprintf(`W/"%d"`, o.version[id])}
	}
	return out
}

func (o *odd) create(w http.ResponseWriter, r *http.Request) {
	var u map[string]any
	_ = json.NewDecoder(r.Body).Decode(&u)
	name, _ := u["userName"].(string)
	for _, e := range o.users {
		if strings.EqualFold(e["userName"].(string), name) {
			kind := "uniqueness"
			if o.habit == "409 without a type" {
				kind = ""
			}
			o.fail(w, 409, kind, "exists")
			return
		}
	}
	o.next++
	id := fmt.Sprintf("u%d", o.next)
	u["id"] = id
	switch o.habit {
	case "creates active":
		u["active"] = true
	case "drops externalId":
		delete(u, "externalId")
	}
	o.users = append(o.users, u)
	switch o.habit {
	case "empty 201":
		w.WriteHeader(201)
	case "relative location":
		w.Header().Set("Location", "Users/"+id)
		w.WriteHeader(201)
	case "partial 201":
		o.write(w, 201, map[string]any{"id": id})
	default:
		o.write(w, 201, o.shown(u))
	}
}

func (o *odd) one(w http.ResponseWriter, r *http.Request, kind, id string) {
	all := &o.users
	if kind == "Groups" {
		all = &o.groups
	}
	for i, e := range *all {
		if e["id"] != id {
			continue
		}
		if h := r.Header.Get("If-Match"); h != "" && h != fmt.Sprintf(`W/"%d"`, o.version[id]) || r.Method != http.MethodGet && o.raced > 0 {
			o.raced--
			o.version[id]++
			o.fail(w, 412, "", "changed")
			return
		}
		switch r.Method {
		case http.MethodGet:
			o.write(w, 200, o.shown(e))
		case http.MethodPut:
			var in map[string]any
			_ = json.NewDecoder(r.Body).Decode(&in)
			(*all)[i] = in
			o.version[id]++
			o.write(w, 200, o.shown(in))
		case http.MethodPatch:
			o.patch(w, r, e)
			o.version[id]++
		}
		return
	}
	o.fail(w, 404, "", "no such")
}

func (o *odd) patch(w http.ResponseWriter, r *http.Request, e map[string]any) {
	switch o.habit {
	case "501 on PATCH", "says no PATCH":
		o.fail(w, 501, "", "no PATCH")
		return
	case "ignores PATCH":
		o.write(w, 200, o.shown(e))
		return
	}
	var body struct{ Operations []map[string]any }
	_ = json.NewDecoder(r.Body).Decode(&body)
	for _, op := range body.Operations {
		path, _ := op["path"].(string)
		switch {
		case path == "members":
			for _, m := range op["value"].([]any) {
				e["members"] = append(e["members"].([]any), m) // stored twice when sent twice
			}
		case strings.HasPrefix(path, "members["):
			var keep []any
			for _, m := range e["members"].([]any) {
				if !strings.Contains(path, `"`+m.(map[string]any)["value"].(string)+`"`) {
					keep = append(keep, m)
				}
			}
			e["members"] = append([]any{}, keep...)
		case op["op"] == "remove":
			delete(e, path)
		default:
			e[path] = op["value"]
		}
	}
	if o.habit == "204 on PATCH" {
		w.WriteHeader(204)
		return
	}
	o.write(w, 200, o.shown(e))
}

func (o *odd) write(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/scim+json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}

func (o *odd) fail(w http.ResponseWriter, code int, kind, detail string) {
	o.write(w, code, map[string]any{"status": strconv.Itoa(code), "scimType": kind, "detail": detail})
}
