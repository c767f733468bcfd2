package demo

import (
	"crypto/subtle"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/elimity-com/scim"
	"github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"
	"github.com/google/uuid"
)

// record is one user or group of the demo directory.
type record struct {
	ID         string         `json:"id"`
	ExternalID string         `json:"external_id,omitempty"`
	Attributes map[string]any `json:"attributes"`
	Created    time.Time      `json:"created"`
	Modified   time.Time      `json:"modified"`
	Version    int            `json:"version"`
}

func (r record) text(name string) string {
	s, _ := r.Attributes[name].(string)
	return s
}

type directoryState struct {
	Users  []record `json:"users"`
	Groups []record `json:"groups"`
}

type directory struct {
	token string
	now   func() time.Time
	store store[directoryState]

	mu    sync.Mutex
	state directoryState
}

func openDirectory(path, token string, now func() time.Time) (*directory, error) {
	d := &directory{token: token, now: now, store: store[directoryState]{path: path}}
	if err := d.store.load(&d.state); err != nil {
		return nil, err
	}
	if len(d.state.Groups) == 0 {
		for _, name := range []string{"all-staff", "engineering", "sales", "finance", "people", "it", "contractors"} {
			d.state.Groups = append(d.state.Groups, record{ID: uuid.NewString(), Attributes: map[string]any{"displayName": name}, Created: now().UTC(), Modified: now().UTC(), Version: 1})
		}
		if err := d.store.save(d.state); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *directory) handler() http.Handler {
	users := scim.ResourceType{ID: optional.NewString("User"), Name: "User", Endpoint: "/Users", Schema: schema.CoreUserSchema(),
		SchemaExtensions: []scim.SchemaExtension{{Schema: schema.ExtensionEnterpriseUser()}}, Handler: &resources{d: d, list: func(s *directoryState) *[]record { return &s.Users }, unique: "userName"}}
	groups := scim.ResourceType{ID: optional.NewString("Group"), Name: "Group", Endpoint: "/Groups", Schema: schema.CoreGroupSchema(),
		Handler: &resources{d: d, list: func(s *directoryState) *[]record { return &s.Groups }, unique: "displayName"}}
	server, err := scim.NewServer(&scim.ServerArgs{ResourceTypes: []scim.ResourceType{users, groups},
		ServiceProviderConfig: &scim.ServiceProviderConfig{SupportFiltering: true, SupportPatch: true, MaxResults: 200,
			AuthenticationSchemes: []scim.AuthenticationScheme{{Type: scim.AuthenticationTypeOauthBearerToken, Name: "Bearer token", Description: "The token of the demo directory"}}}})
	if err != nil {
		panic(err) // the arguments above are constant
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/scim/v2/", func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(token), []byte(d.token)) != 1 {
			w.Header().Set("Content-Type", "application/scim+json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"401","detail":"the token is not valid"}`))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		http.StripPrefix("/scim/v2", server).ServeHTTP(w, r)
	})
	d.pages(mux)
	return headers(mux)
}

// resources serves users or groups.
type resources struct {
	d      *directory
	list   func(*directoryState) *[]record
	unique string
}

var _ scim.ResourceHandler = (*resources)(nil)

func (h *resources) change(f func(s *directoryState, all *[]record) error) error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	next := directoryState{Users: slices.Clone(h.d.state.Users), Groups: slices.Clone(h.d.state.Groups)}
	if err := f(&next, h.list(&next)); err != nil {
		return err
	}
	if err := h.d.store.save(next); err != nil {
		return errors.ScimErrorInternal
	}
	h.d.state = next
	return nil
}

func (h *resources) all() []record {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	return slices.Clone(*h.list(&h.d.state))
}

func (h *resources) resource(r record) scim.Resource { return h.with(r, h.d.memberships(r.ID)) }

// with gives a record with its groups.
func (h *resources) with(r record, memberships map[string][]any) scim.Resource {
	out := scim.Resource{ID: r.ID, Attributes: maps.Clone(r.Attributes), Meta: scim.Meta{Created: &r.Created, LastModified: &r.Modified, Version: fmt.Sprintf(`W/"%d"`, r.Version)}}
	if r.ExternalID != "" {
		out.ExternalID = optional.NewString(r.ExternalID)
	}
	if h.unique == "userName" {
		if groups := memberships[r.ID]; len(groups) > 0 {
			out.Attributes["groups"] = groups
		}
	}
	return out
}

// memberships gives the groups of each user, or of one.
func (d *directory) memberships(only string) map[string][]any {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[string][]any{}
	for _, g := range d.state.Groups {
		in := map[string]any{"value": g.ID, "display": g.text("displayName")}
		for _, id := range members(g) {
			if only == "" || id == only {
				out[id] = append(out[id], in)
			}
		}
	}
	return out
}

func members(g record) []string {
	var out []string
	list, _ := g.Attributes["members"].([]any)
	for _, x := range list {
		m, _ := x.(map[string]any)
		if v, _ := m["value"].(string); v != "" {
			out = append(out, v)
		}
	}
	return out
}

// taken reports whether another record has the name (compared without case).
func (h *resources) taken(all []record, name, id string) bool {
	return slices.ContainsFunc(all, func(r record) bool { return r.ID != id && strings.EqualFold(r.text(h.unique), name) })
}

func (h *resources) Create(_ *http.Request, attributes scim.ResourceAttributes) (scim.Resource, error) {
	now := h.d.now().UTC()
	r := record{ID: uuid.NewString(), Attributes: map[string]any{}, Created: now, Modified: now, Version: 1}
	r.take(attributes)
	err := h.change(func(_ *directoryState, all *[]record) error {
		if h.taken(*all, r.text(h.unique), r.ID) {
			return errors.ScimErrorUniqueness
		}
		*all = append(*all, r)
		return nil
	})
	if err != nil {
		return scim.Resource{}, err
	}
	return h.resource(r), nil
}

// take sets all attributes, those managed by us left out.
func (r *record) take(attributes map[string]any) {
	r.Attributes = map[string]any{}
	for k, v := range attributes {
		switch k {
		case "externalId":
			r.ExternalID, _ = v.(string)
		case "id", "meta", "schemas", "groups", "password":
		default:
			if v != nil {
				r.Attributes[k] = v
			}
		}
	}
	if _, named := r.Attributes["userName"]; named {
		if _, set := r.Attributes["active"]; !set {
			r.Attributes["active"] = true
		}
	}
}

func (h *resources) Get(_ *http.Request, id string) (scim.Resource, error) {
	for _, r := range h.all() {
		if r.ID == id {
			return h.resource(r), nil
		}
	}
	return scim.Resource{}, errors.ScimErrorResourceNotFound(id)
}

func (h *resources) GetAll(_ *http.Request, p scim.ListRequestParams) (scim.Page, error) {
	var found []scim.Resource
	groups := h.d.memberships("")
	for _, r := range h.all() {
		x := h.with(r, groups)
		if p.FilterValidator != nil {
			seen := maps.Clone(map[string]any(x.Attributes))
			seen["id"], seen["externalId"] = r.ID, r.ExternalID
			if p.FilterValidator.PassesFilter(seen) != nil {
				continue
			}
		}
		found = append(found, x)
	}
	from := max(p.StartIndex, 1) - 1
	page := scim.Page{TotalResults: len(found), Resources: []scim.Resource{}}
	for i := from; i < len(found) && len(page.Resources) < p.Count; i++ {
		page.Resources = append(page.Resources, found[i])
	}
	return page, nil
}

func (h *resources) edit(id string, f func(r *record) error) (scim.Resource, error) {
	var out record
	err := h.change(func(_ *directoryState, all *[]record) error {
		i := slices.IndexFunc(*all, func(r record) bool { return r.ID == id })
		if i < 0 {
			return errors.ScimErrorResourceNotFound(id)
		}
		r := (*all)[i]
		r.Attributes = maps.Clone(r.Attributes)
		if err := f(&r); err != nil {
			return err
		}
		if r.text(h.unique) == "" {
			return errors.ScimErrorBadRequest(h.unique + " is needed")
		}
		if h.taken(*all, r.text(h.unique), id) {
			return errors.ScimErrorUniqueness
		}
		r.Version, r.Modified = r.Version+1, h.d.now().UTC()
		(*all)[i], out = r, r
		return nil
	})
	if err != nil {
		return scim.Resource{}, err
	}
	return h.resource(out), nil
}

func (h *resources) Replace(_ *http.Request, id string, attributes scim.ResourceAttributes) (scim.Resource, error) {
	return h.edit(id, func(r *record) error { r.take(attributes); return nil })
}

func (h *resources) Delete(_ *http.Request, id string) error {
	return h.change(func(_ *directoryState, all *[]record) error {
		was := len(*all)
		*all = slices.DeleteFunc(*all, func(r record) bool { return r.ID == id })
		if len(*all) == was {
			return errors.ScimErrorResourceNotFound(id)
		}
		return nil
	})
}

func (h *resources) Patch(_ *http.Request, id string, ops []scim.PatchOperation) (scim.Resource, error) {
	return h.edit(id, func(r *record) error {
		for _, op := range ops {
			if err := r.patch(op); err != nil {
				return err
			}
		}
		return nil
	})
}
