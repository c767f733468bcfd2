package node_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/form"
	"joinery/internal/joiner"
	"joinery/internal/node"
	"joinery/static"
)

// Every type explains itself: palette, form, help and catalogue are made of it.
func TestEveryTypeIsWhole(t *testing.T) {
	t.Parallel()
	want := []string{"hris.event", "schedule.poll", "manual", "branch", "switch", "set", "wait.until", "signoff", "stop", "hris.read", "hris.write_back", "account.find", "account.ensure", "account.update", "account.rename", "account.enable", "account.disable",
		"group.add", "group.remove", "group.sync", "notify.email", "http.request", "groups.resolve", "attributes.map", "name.generate", "manager.resolve", "joiner.correlate", "function"}
	var have []string
	assets, err := static.Load()
	require.NoError(t, err)
	sprite, ok := assets.Find("icons.svg")
	require.True(t, ok)
	icons := string(sprite.Body)
	for _, s := range node.All().Specs() {
		have = append(have, s.Kind)
		require.NotEmpty(t, s.Title, s.Kind)
		require.Greater(t, len(s.Help), 20, s.Kind)
		require.Positive(t, s.Version, s.Kind)
		require.Contains(t, icons, `id="`+s.Icon+`"`, "the icon of %s is in the sprite", s.Kind)
		require.True(t, len(s.Ports) > 0 || s.Ends, s.Kind)
		for _, o := range s.Outputs {
			require.NotContains(t, []string{"list"}, o.Type+o.Of, "%s.%s: of what is the list? Expressions that go through it are completed by that", s.Kind, o.Name)
			require.Equal(t, o.Of == "map", len(o.Entry) > 0, "%s.%s", s.Kind, o.Name)
		}
		seen := map[string]bool{}
		for _, f := range s.Fields {
			require.False(t, seen[f.Key], "%s.%s is there twice", s.Kind, f.Key)
			seen[f.Key] = true
			require.NotEmpty(t, f.Label, "%s.%s", s.Kind, f.Key)
			if f.Kind == form.Select {
				require.NotEmpty(t, f.Options)
				if f.Default != nil {
					require.True(t, slices.ContainsFunc(f.Options, func(o form.Option) bool { return o.Value == f.Default }), "%s.%s: the default is no option", s.Kind, f.Key)
				}
			}
		}
	}
	require.ElementsMatch(t, want, have)
}

// directory is a directory in memory.
type directory struct {
	connector.Directory
	accounts map[string]connector.Account
	groups   map[string][]string
	made     []connector.Ensure
}

func (d *directory) FindAccount(_ context.Context, by connector.Lookup) (connector.Account, bool, error) {
	for _, a := range d.accounts {
		if by.ID == a.ID && by.ID != "" || by.Stamp == a.Stamp && by.Stamp != "" || by.Name == a.Name && by.Name != "" || by.Attribute != "" && a.Attributes[by.Attribute] == by.Value {
			return a, true, nil
		}
	}
	return connector.Account{}, false, nil
}

func (d *directory) EnsureAccount(_ context.Context, e connector.Ensure) (connector.Account, error) {
	d.made = append(d.made, e)
	a := connector.Account{ID: "id-" + e.Name, Name: e.Name, Stamp: e.Stamp, Enabled: e.Enabled, Attributes: e.Attributes}
	d.accounts[a.ID] = a
	return a, nil
}

func (d *directory) FindGroup(_ context.Context, name string) (connector.Group, bool, error) {
	_, ok := d.groups[name]
	return connector.Group{ID: name, Name: name}, ok, nil
}

func (d *directory) EnsureMember(_ context.Context, group, account string) (bool, error) {
	if slices.Contains(d.groups[group], account) {
		return false, nil
	}
	d.groups[group] = append(d.groups[group], account)
	return true, nil
}

func (d *directory) UpdateAccount(_ context.Context, id string, set map[string]any) ([]connector.Change, error) {
	var out []connector.Change
	for k, v := range set {
		out = append(out, connector.Change{Attribute: k, After: v})
	}
	return out, nil
}

func (d *directory) RenameAccount(_ context.Context, id, name string) (string, error) {
	a := d.accounts[id]
	before := a.Name
	a.Name = name
	d.accounts[id] = a
	return before, nil
}

func (d *directory) SetEnabled(context.Context, string, bool) (bool, error) { return true, nil }

func call(d *directory, params node.Params) node.Call {
	return node.Call{Key: "k", Ref: joiner.Ref{Connection: "hr", Worker: "1"}, Joiner: joiner.Worker{ID: "1", Attributes: map[string]any{"time_zone": "Europe/Berlin"}}, Params: params, Log: func(string, ...any) {},
		Now:       func() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) },
		Directory: func(context.Context, string) (connector.Directory, error) { return d, nil },
		HTTP: func(_ context.Context, r node.Request) (node.Response, error) {
			return node.Response{Status: map[string]int{"https://ok": 200, "https://no": 404, "https://busy": 503, "https://far": 302}[r.URL], Body: []byte(`{"x":1}`)}, nil
		},
		Mail: func(context.Context, node.Mail) error { return nil }}
}

func fresh() *directory {
	return &directory{accounts: map[string]connector.Account{"own": {ID: "own", Name: "ada", Stamp: "hr:1"}, "other": {ID: "other", Name: "bob", Stamp: "hr:2", Attributes: map[string]any{"mail": "b@x"}}}, groups: map[string][]string{"a": {"own"}, "b": nil}}
}

func TestNodes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind   string
		params node.Params
		port   string
		says   string
		output map[string]any
	}{
		"branch yes":                       {kind: "branch", params: node.Params{"when": true}, port: "yes"},
		"branch no":                        {kind: "branch", params: node.Params{"when": false}, port: "no"},
		"switch case":                      {kind: "switch", params: node.Params{"cases": "eng"}, port: "eng"},
		"switch default":                   {kind: "switch", params: node.Params{"cases": ""}, port: "default"},
		"set":                              {kind: "set", params: node.Params{"values": map[string]any{"a": 1}}, port: "done", output: map[string]any{"a": 1}},
		"find own":                         {kind: "account.find", params: node.Params{"by": "joiner"}, port: "found"},
		"find by name, another's":          {kind: "account.find", params: node.Params{"by": "name", "value": "bob"}, port: "found"},
		"find nobody":                      {kind: "account.find", params: node.Params{"by": "name", "value": "eve"}, port: "missing"},
		"find by attribute":                {kind: "account.find", params: node.Params{"by": "attribute", "attribute": "mail", "value": "b@x"}, port: "found"},
		"find nothing":                     {kind: "account.find", params: node.Params{"by": "name", "value": " "}, says: "nothing to look for"},
		"ensure without name":              {kind: "account.ensure", params: node.Params{"name": " "}, says: "user name is empty"},
		"ensure with an endless name":      {kind: "account.ensure", params: node.Params{"name": strings.Repeat("x", 300)}, says: "longer than 256"},
		"update own":                       {kind: "account.update", params: node.Params{"attributes": map[string]any{"title": "x", "empty": ""}}, port: "changed", output: map[string]any{"account_id": "own", "changed": []any{"title"}}},
		"update nothing":                   {kind: "account.update", params: node.Params{"attributes": map[string]any{"empty": ""}}, port: "unchanged"},
		"update another's":                 {kind: "account.update", params: node.Params{"account": "other", "attributes": map[string]any{"title": "x"}}, says: "belongs to another joiner"},
		"rename own":                       {kind: "account.rename", params: node.Params{"name": "eva"}, port: "changed", output: map[string]any{"account_id": "own", "name": "eva", "before": "ada", "common_name": "", "common_name_before": ""}},
		"rename to the same":               {kind: "account.rename", params: node.Params{"name": "ada"}, port: "unchanged"},
		"rename to nothing":                {kind: "account.rename", params: node.Params{"name": " "}, says: "are empty"},
		"rename where entries have none":   {kind: "account.rename", params: node.Params{"common_name": "Eva"}, says: "no common name of their own"},
		"rename another's":                 {kind: "account.rename", params: node.Params{"account": "other", "name": "x"}, says: "belongs to another joiner"},
		"update one that is gone":          {kind: "account.update", params: node.Params{"account": "gone", "attributes": map[string]any{"title": "x"}}, says: "There is no account gone"},
		"disable another's":                {kind: "account.disable", params: node.Params{"account": "other"}, says: "belongs to another joiner"},
		"enable own":                       {kind: "account.enable", params: node.Params{}, port: "done"},
		"groups":                           {kind: "group.add", params: node.Params{"groups": []any{"a", "b", "b"}}, port: "done", output: map[string]any{"added": []any{"b"}, "already": []any{"a"}}},
		"a missing group changes nothing":  {kind: "group.add", params: node.Params{"groups": []any{"b", "nope"}}, says: "There is no group nope"},
		"mail":                             {kind: "notify.email", params: node.Params{"to": []any{"a@x.example"}, "subject": "s", "text": "t"}, port: "sent"},
		"mail to nobody":                   {kind: "notify.email", params: node.Params{"to": []any{" "}, "subject": "s"}, says: "nobody to send"},
		"mail to no address":               {kind: "notify.email", params: node.Params{"to": []any{"x"}, "subject": "s"}, says: "not an e-mail address"},
		"mail with a header in its header": {kind: "notify.email", params: node.Params{"to": []any{"a@x.example"}, "subject": "s\nBcc: e@x"}, says: "line break"},
		"http ok":                          {kind: "http.request", params: node.Params{"url": "https://ok"}, port: "ok"},
		"http refused":                     {kind: "http.request", params: node.Params{"url": "https://no"}, port: "refused"},
		"http busy":                        {kind: "http.request", params: node.Params{"url": "https://busy"}, says: "answered 503"},
		"http elsewhere":                   {kind: "http.request", params: node.Params{"url": "https://far"}, says: "redirect"},
		"stop":                             {kind: "stop", params: node.Params{"reason": "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			typ, ok := node.All().Find(c.kind)
			require.True(t, ok)
			r, err := typ.Run(t.Context(), call(fresh(), c.params))
			if c.says != "" {
				require.ErrorContains(t, err, c.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.port, r.Port)
			if c.output != nil {
				require.Equal(t, c.output, r.Output)
			}
			if c.kind == "stop" {
				require.Equal(t, "succeeded", r.End)
			}
		})
	}
}

func TestAccountEnsure(t *testing.T) {
	t.Parallel()
	d := fresh()
	typ, _ := node.All().Find("account.ensure")
	r, err := typ.Run(t.Context(), call(d, node.Params{"name": " ada.l ", "enabled": false, "attributes": map[string]any{"mail": "a@x", "title": "", "list": []any{}, "none": nil}}))
	require.NoError(t, err)
	require.Equal(t, "created", r.Port)
	require.Equal(t, connector.Ensure{Key: "k", Stamp: "hr:1", Name: "ada.l", Attributes: map[string]any{"mail": "a@x"}}, d.made[0])
}

func TestWaitUntil(t *testing.T) {
	t.Parallel()
	typ, _ := node.All().Find("wait.until")
	for name, c := range map[string]struct {
		params node.Params
		until  string // RFC 3339; "" leaves by port
		port   string
		says   string
	}{
		"eight o'clock where the joiner works": {params: node.Params{"date": "2026-12-01"}, until: "2026-12-01T08:00:00+01:00"},
		"a zone of its own":                    {params: node.Params{"date": "2026-12-01", "zone": "Asia/Tokyo", "time": "09:30"}, until: "2026-12-01T09:30:00+09:00"},
		"past":                                 {params: node.Params{"date": "2026-11-25"}, port: "due"},
		"days before":                          {params: node.Params{"date": "2026-12-10", "offset_days": -5.0}, until: "2026-12-05T08:00:00+01:00"},
		"working days before, over a weekend":  {params: node.Params{"date": "2026-12-07", "offset_days": -5.0, "working_days": true}, until: "2026-11-30T08:00:00+01:00"},
		"working days after":                   {params: node.Params{"date": "2026-12-04", "offset_days": 1.0, "working_days": true}, until: "2026-12-07T08:00:00+01:00"},
		"canceled":                             {params: node.Params{"date": "2026-12-01", "cancel_when": true}, port: "canceled"},
		"a midnight that summer time skips":    {params: node.Params{"date": "2027-03-14", "time": "00:00", "zone": "America/Havana"}, until: "2027-03-14T01:00:00-04:00"},
		"an hour that summer time skips":       {params: node.Params{"date": "2027-03-28", "time": "02:30"}, until: "2027-03-28T03:30:00+02:00"},
		"no date":                              {params: node.Params{"date": ""}, says: "no date to wait for"},
		"nothing":                              {params: node.Params{"date": nil}, says: "no date to wait for"},
		"bad date":                             {params: node.Params{"date": "soon"}, says: "is not a date"},
		"bad zone":                             {params: node.Params{"date": "2026-12-01", "zone": "Mars/Base"}, says: "not a time zone"},
		"bad time":                             {params: node.Params{"date": "2026-12-01", "time": "25:00"}, says: "not a time of day"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := typ.Run(t.Context(), call(fresh(), c.params))
			if c.says != "" {
				require.ErrorContains(t, err, c.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.port, r.Port)
			if c.until != "" {
				want, err := time.Parse(time.RFC3339, c.until)
				require.NoError(t, err)
				require.True(t, r.Wait.Until.Equal(want), "until %s", r.Wait.Until)
			}
		})
	}
}

func TestSignoff(t *testing.T) {
	t.Parallel()
	typ, _ := node.All().Find("signoff")
	k := call(fresh(), node.Params{"title": "t", "deadline": "2d"})
	r, err := typ.Run(t.Context(), k)
	require.NoError(t, err)
	require.Equal(t, k.Now().Add(48*time.Hour), r.Wait.Signoff.Deadline)
	require.Equal(t, "operator", r.Wait.Signoff.Role)
	for port, d := range map[string]*node.Decision{"approved": {Approved: true, By: "Ben"}, "rejected": {By: "Ben"}, "expired": {Expired: true}} {
		k.Wake = node.Wake{Reason: "signoff", Signoff: d}
		r, err := typ.Run(t.Context(), k)
		require.NoError(t, err)
		require.Equal(t, port, r.Port)
	}
	k.Params["on_deadline"] = "escalate"
	r, err = typ.Run(t.Context(), k)
	require.NoError(t, err)
	if r.Wait != nil {
		require.Equal(t, "admin", r.Wait.Signoff.Role)
	}
}

func TestHTTPRequestSendsJSON(t *testing.T) {
	t.Parallel()
	typ, _ := node.All().Find("http.request")
	k := call(fresh(), node.Params{"url": "https://x", "body": map[string]any{"a": 1}, "headers": map[string]any{"X-Y": "z"}})
	var got node.Request
	k.HTTP = func(_ context.Context, r node.Request) (node.Response, error) {
		got = r
		return node.Response{Status: 201}, nil
	}
	_, err := typ.Run(t.Context(), k)
	require.NoError(t, err)
	require.Equal(t, http.Header{"Content-Type": {"application/json"}, "X-Y": {"z"}}, got.Header)
	require.JSONEq(t, `{"a":1}`, string(got.Body))
}

func TestParamsOfAFlow(t *testing.T) {
	t.Parallel()
	c := flow.Content{Trigger: "a", Nodes: []flow.Node{{ID: "a", Type: "manual", Params: map[string]any{"connection": "hr"}},
		{ID: "s", Type: "switch", Params: map[string]any{"cases": []any{map[string]any{"port": "x", "when": `joiner.department == "X"`}, map[string]any{"port": "y", "when": "true"}}}},
		{ID: "v", Type: "set", Params: map[string]any{"values": map[string]any{"n": "=1 + 2", "t": "hello {{ joiner.first_name }}", "l": "plain"}}},
		{ID: "g", Type: "group.add", Params: map[string]any{"directory": "d", "groups": []any{"g-{{ steps.v.n }}", ""}}}},
		Edges: []flow.Edge{{From: "a.started", To: "s"}, {From: "s.x", To: "v"}, {From: "v.done", To: "g"}}}
	p, err := node.Prepare(c, node.All())
	require.NoError(t, err)
	scope := expr.Scope{Joiner: map[string]any{"first_name": "Ada", "department": "Z"}, Steps: map[string]map[string]any{"v": {"n": 3}}, Now: time.Now()}
	for id, want := range map[flow.NodeID]node.Params{"s": {"cases": "y"}, "v": {"values": map[string]any{"n": int64(3), "t": "hello Ada", "l": "plain"}}, "g": {"directory": "d", "groups": []any{"g-3"}}} {
		got, err := p.Params(t.Context(), id, scope)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	c.Nodes[2].Params["values"] = map[string]any{"n": "=nope("}
	_, err = node.Prepare(c, node.All())
	require.True(t, fault.Is(err, fault.Invalid))
}
