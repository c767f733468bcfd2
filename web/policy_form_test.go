package web

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"joinery/internal/auth"
	"joinery/internal/policy"
	"joinery/internal/postgres"
	"joinery/internal/review"
)

// formOf reads the form of a policy or function of a page the way a browser without script does.
func formOf(t *testing.T, body string) (action string, out url.Values) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	require.NoError(t, err)
	out = url.Values{}
	attr := func(n *html.Node, name string) (string, bool) {
		for _, a := range n.Attr {
			if a.Key == name {
				return a.Val, true
			}
		}
		return "", false
	}
	text := func(n *html.Node) string {
		var b strings.Builder
		for c := range n.Descendants() {
			if c.Type == html.TextNode {
				b.WriteString(c.Data)
			}
		}
		return b.String()
	}
	var read func(n *html.Node)
	read = func(n *html.Node) {
		name, named := attr(n, "name")
		switch n.Data {
		case "template":
			return
		case "input":
			kind, _ := attr(n, "type")
			_, checked := attr(n, "checked")
			if v, _ := attr(n, "value"); named && (checked || kind != "checkbox" && kind != "radio") {
				out.Add(name, v)
			}
		case "textarea":
			// The parser drops the first line end, as browsers do.
			out.Add(name, text(n))
		case "select":
			for o := range n.Descendants() {
				if _, chosen := attr(o, "selected"); o.Data == "option" && chosen {
					v, _ := attr(o, "value")
					out.Set(name, v)
				}
			}
			if !out.Has(name) {
				for o := range n.Descendants() {
					if o.Data == "option" && !out.Has(name) {
						v, _ := attr(o, "value")
						out.Set(name, v)
					}
				}
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			read(c)
		}
	}
	for n := range doc.Descendants() {
		_, policy := attr(n, "data-policy")
		_, scratch := attr(n, "data-scratch")
		if _, function := attr(n, "data-function"); policy || function || scratch {
			action, _ = attr(n, "action")
			read(n)
		}
	}
	require.NotEmpty(t, action, "there is no form in:\n%s", body)
	return action, out
}

const groupsText = `key: dept
name: Departments
description: Who gets what
type: groups
groups:
  hit: first
  rows:
    - when: |-
        joiner.department == "Sales" &&
        joiner.location == "Berlin"
      groups: ["cn=crm,ou=groups", all-staff, 'say "hi"']
      reason: Sells
      owner: sales@example.com
    - groups: [all-staff]
cases:
  - name: Sales in Berlin
    joiner: {department: Sales, location: Berlin, employee_number: "007", badge: "12", level: 3, tags: [a, b], on_site: true}
    worker: "4711"
    now: 2026-03-01
    taken: [{space: ad, name: x y, holder: Worker 3}, {space: mail, name: "a@b.example"}]
    expect: {groups: ["cn=crm,ou=groups", all-staff, 'say "hi"']}
  - name: Nobody is refused
    joiner: {}
    expect: {groups: [all-staff]}
`

// has looks for a text in a page, and does not print the page.
func has(t *testing.T, a answer, part string) {
	t.Helper()
	require.True(t, strings.Contains(a.body, part), "the page does not say %q", part)
}

func (k *console) keep(t *testing.T, email, text string) postgres.Saved {
	t.Helper()
	doc, err := k.server.kinds().ReadText(review.Policy, "", []byte(text))
	require.NoError(t, err)
	u, err := k.server.DB.FindUserByEmail(t.Context(), email)
	require.NoError(t, err)
	saved, err := k.server.DB.SaveRevision(t.Context(), u.Actor(), postgres.Save{Doc: doc, Base: postgres.AnyBase, Via: "api"})
	require.NoError(t, err)
	return saved
}

// What the form shows and sends back unchanged is the same content, whatever it holds.
func TestPolicyForm_RoundTrip(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	b := k.person(t, "bo@example.com", auth.Builder)
	saved := k.keep(t, "bo@example.com", groupsText)
	require.Empty(t, saved.Problems)
	page := b.get(t, "/policies/dept")
	require.Equal(t, http.StatusOK, page.status)
	has(t, page, "2 tests pass")
	action, form := formOf(t, page.body)
	require.Equal(t, `"cn=crm,ou=groups", all-staff, "say ""hi"""`, form.Get("t.rows.0.groups"))
	form.Set("op", "save")
	a := b.post(t, action, form)
	require.Equal(t, http.StatusSeeOther, a.status, a.body)
	has(t, b.get(t, "/policies/dept"), "Nothing changed, so there is no new revision.")
	now, err := k.server.DB.Revision(t.Context(), review.Policy, "dept", 0)
	require.NoError(t, err)
	require.Equal(t, saved.Hash, now.Hash)

	form.Set("t.rows.1.groups", "all-staff, vpn")
	form.Set("message", "VPN for all")
	a = b.post(t, action, form)
	require.Equal(t, http.StatusSeeOther, a.status, a.body)
	page = b.get(t, "/policies/dept/diff?from=1&to=2")
	has(t, page, "Groups now also vpn")
	has(t, b.get(t, "/policies/dept"), "1 of 2 fail")
	has(t, b.get(t, "/policies"), "1 problem")
}

// Each button of a table works without script, keeps what was typed, and saves nothing.
func TestPolicyForm_Buttons(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	b := k.person(t, "bo@example.com", auth.Builder)
	k.keep(t, "bo@example.com", groupsText)
	_, start := formOf(t, b.get(t, "/policies/dept").body)
	start.Set("t.rows.0.reason", "typed, not saved")
	press := func(op string, more ...string) url.Values {
		f := url.Values{}
		for n, v := range start {
			f[n] = v
		}
		f.Set("op", op)
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		a := b.post(t, "/policies/dept/form", f)
		require.Equal(t, http.StatusOK, a.status, "%s: %s", op, a.body)
		_, out := formOf(t, a.body)
		return out
	}
	require.Equal(t, []string{"0", "1", "n2"}, press("add:rows")["r.rows"])
	require.Equal(t, []string{"0", "n2", "1"}, press("add:rows", "s.rows", "0")["r.rows"])
	require.Equal(t, []string{"1"}, press("drop:rows:0")["r.rows"])
	require.Equal(t, []string{"1", "0"}, press("down:rows", "s.rows", "0")["r.rows"])
	require.Equal(t, []string{"1", "0"}, press("up:rows", "s.rows", "1")["r.rows"])
	require.Equal(t, []string{"0"}, press("remove:rows", "s.rows", "1")["r.rows"])
	twin := press("dup:rows", "s.rows", "0")
	require.Equal(t, []string{"0", "n2", "1"}, twin["r.rows"])
	require.Equal(t, "typed, not saved", twin.Get("t.rows.n2.reason"))
	pasted := press("paste:rows", "paste.rows", "Groups\tOwner\tWhen\ncrm-users\tsales@x.example\tjoiner.department == \"Sales\"\n\"a,b\"\t\t")
	require.Equal(t, []string{"0", "1", "n2", "n3"}, pasted["r.rows"])
	require.Equal(t, `joiner.department == "Sales"`, pasted.Get("t.rows.n2.when"))
	require.Equal(t, "sales@x.example", pasted.Get("t.rows.n2.owner"))
	require.Equal(t, []string{"0", "1", "n2"}, press("case-add")["case"])
	require.Equal(t, []string{"0"}, press("case-drop:1")["case"])
	none := b.post(t, "/policies/dept/form", url.Values{"op": {"up:rows"}, "base": {"1"}})
	has(t, none, "Select the rows first")
	rev, err := k.server.DB.Revision(t.Context(), review.Policy, "dept", 0)
	require.NoError(t, err)
	require.Equal(t, 1, rev.Number)
	require.Equal(t, http.StatusUnprocessableEntity, b.post(t, "/policies/dept/form", url.Values{"op": {"fly"}, "base": {"1"}}).status)
}

func TestPolicyForm_ErrorsAtTheCell(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	b := k.person(t, "bo@example.com", auth.Builder)
	k.keep(t, "bo@example.com", groupsText)
	_, form := formOf(t, b.get(t, "/policies/dept").body)
	form.Set("t.rows.0.when", `joiner.departmen == "Sales"`)
	form.Set("op", "check")
	page := b.post(t, "/policies/dept/form", form).body
	require.Regexp(t, regexp.MustCompile(`(?s)id="e-t-rows-0-when">[^<]*departmen`), page)
	require.Contains(t, page, "1 problem to solve")

	form.Set("t.rows.1.groups", `"open`)
	form.Set("case.0.joiner", "no colon here")
	form.Set("op", "save")
	a := b.post(t, "/policies/dept/form", form)
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Regexp(t, `id="e-t-rows-1-groups">A quotation mark is not closed`, a.body)
	has(t, a, "is not an attribute")
	has(t, a, "Nothing was saved")

	answer := b.post(t, "/policies/dept/draft", form)
	require.Equal(t, http.StatusOK, answer.status)
	has(t, answer, `"path":"rules.rows.1.groups"`)
	has(t, answer, `"path":"cases.0.joiner"`)
}

// Somebody saves while another one edits: both versions are shown, and nothing is lost.
func TestPolicyForm_Conflict(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	b, other := k.person(t, "bo@example.com", auth.Builder), k.person(t, "al@example.com", auth.Builder)
	k.keep(t, "bo@example.com", groupsText)
	action, mine := formOf(t, b.get(t, "/policies/dept").body)
	_, theirs := formOf(t, other.get(t, "/policies/dept").body)
	theirs.Set("t.rows.1.groups", "all-staff, theirs")
	theirs.Set("op", "save")
	require.Equal(t, http.StatusSeeOther, other.post(t, action, theirs).status)
	mine.Set("t.rows.1.reason", "mine")
	mine.Set("op", "save")
	a := b.post(t, action, mine)
	require.Equal(t, http.StatusConflict, a.status)
	has(t, a, "Person al@example.com saved revision 2 while you were editing revision 1.")
	has(t, a, "Groups now also theirs")
	has(t, a, "Reason now “mine”")
	_, kept := formOf(t, a.body)
	require.Equal(t, "mine", kept.Get("t.rows.1.reason"))
	kept.Set("op", "save")
	require.Equal(t, http.StatusConflict, b.post(t, action, kept).status, "it is not saved over the other one unasked")
	kept.Set("op", "overwrite")
	require.Equal(t, http.StatusSeeOther, b.post(t, action, kept).status)
	rev, err := k.server.DB.Revision(t.Context(), review.Policy, "dept", 0)
	require.NoError(t, err)
	require.Equal(t, 3, rev.Number)
	require.Contains(t, rev.Content, `"mine"`)
}

func TestPolicyForm_New(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	b := k.person(t, "bo@example.com", auth.Builder)
	has(t, b.get(t, "/policies/new"), "/policies/new?type=groups")
	action, form := formOf(t, b.get(t, "/policies/new?type=groups").body)
	require.Equal(t, "/policies/form", action)
	form.Set("key", "Not A Key")
	form.Set("op", "save")
	a := b.post(t, action, form)
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	has(t, a, "lower-case letters")
	form.Set("t.rows.1.groups", `=joiner.departmen + "-users"`)
	a = b.post(t, action, form)
	has(t, a, "departmen")
	require.NotContains(t, a.body, "unmarshal", "an expression in a list is one of its entries, and told about like one")
	form.Set("t.rows.1.groups", `=joiner.department + "-users"`)
	form.Set("key", "fresh")
	require.Equal(t, http.StatusSeeOther, b.post(t, action, form).status)
	has(t, b.get(t, "/policies/fresh"), "Submit for review")
	a = b.post(t, action, form)
	require.Equal(t, http.StatusUnprocessableEntity, a.status, "a key that is there is not taken over")
	has(t, a, "already a policy with the key")
	viewer := k.person(t, "vi@example.com", auth.Viewer)
	page := viewer.get(t, "/policies/fresh").body
	require.NotContains(t, page, `value="save"`)
	require.NotContains(t, page, "data-drop")
	require.Equal(t, http.StatusForbidden, viewer.post(t, "/policies/fresh/form", form).status)
}

func TestPolicyForm_Try(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	b := k.person(t, "bo@example.com", auth.Builder)
	k.keep(t, "bo@example.com", groupsText)
	action, form := formOf(t, b.get(t, "/policies/dept").body)
	require.True(t, form.Has("try.a.department"), "attributes that the rules name have a field")
	form.Set("try.a.department", "Sales")
	form.Set("try.more", "location: Berlin")
	form.Set("t.rows.0.groups", "crm-users")
	form.Set("op", "try")
	page := b.post(t, action, form).body
	require.Contains(t, page, "crm-users")
	require.Contains(t, page, "Matches: Sells")
	form.Set("op", "keep")
	_, kept := formOf(t, b.post(t, action, form).body)
	require.Len(t, kept["case"], 3)
	require.Equal(t, "department: Sales\nlocation: Berlin", kept.Get("case.n2.joiner"))
	require.Equal(t, "groups: [crm-users]", kept.Get("case.n2.expect"))
	require.Equal(t, "Sales", kept.Get("case.n2.name"))
	form.Set("try.more", "what is this")
	form.Set("op", "try")
	has(t, b.post(t, action, form), "is not an attribute")
}

// Tests of a correlation are written in the form: who is known already, and which
// accounts are there.
func TestPolicyForm_CorrelationTests(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	b := k.person(t, "bo@example.com", auth.Builder)
	k.keep(t, "bo@example.com", `
key: who
name: Who is it
type: correlation
correlation:
  rules: [{name: Name and birth date, fields: [last_name, birth_date], weight: 0.6}]
  accounts: [{name: Number, connection: corp-ad, equal: [employee_number = employeeID], weight: 1}]
cases:
  - name: Asked
    joiner: {last_name: Lee, birth_date: "1990-02-03"}
    people:
      - {worker: "77", last_name: Lee, birth_date: "1990-02-03", floors: [1, 2]}
      - {worker: "78", last_name: Leigh, birth_date: "1990-02-03"}
    expect: {decision: ask, worker: "77"}
  - name: Adopted
    joiner: {last_name: Lee, employee_number: "42"}
    accounts: [{connection: corp-ad, account: ada, employeeID: "42", protected: false, groups: [staff]}]
    expect: {decision: adopt}
`)
	action, form := formOf(t, b.get(t, "/policies/who").body)
	require.Equal(t, "birth_date: 1990-02-03\nfloors: [1,2]\nlast_name: Lee\nworker: \"77\"\n\nbirth_date: 1990-02-03\nlast_name: Leigh\nworker: \"78\"", form.Get("case.0.people"))
	require.Contains(t, form.Get("case.1.accounts"), "account: ada\nconnection: corp-ad\n")
	form.Set("op", "save")
	b.post(t, action, form)
	has(t, b.get(t, "/policies/who"), "Nothing changed, so there is no new revision.")
	passed := func() (out []bool) {
		rev, err := k.server.DB.Revision(t.Context(), review.Policy, "who", 0)
		require.NoError(t, err)
		content, err := policy.Decode([]byte(rev.Content))
		require.NoError(t, err)
		for _, r := range policy.RunCases(t.Context(), content) {
			out = append(out, r.Passed)
		}
		return out
	}
	require.Equal(t, []bool{true, true}, passed())

	form.Set("case.0.people", "worker: 78\nlast_name: Lee\nbirth_date: 1990-02-03\n\n\nlast_name: Ray")
	form.Set("case.0.expect", "worker: \"78\"")
	form.Set("case.1.accounts", "connection: corp-ad\naccount: ada\nemployeeID: 43")
	form.Set("case.1.expect", "decision: new")
	require.Equal(t, http.StatusSeeOther, b.post(t, action, form).status)
	require.Equal(t, []bool{true, true}, passed())
	rev, err := k.server.DB.Revision(t.Context(), review.Policy, "who", 0)
	require.NoError(t, err)
	require.Equal(t, 2, rev.Number)
	form.Set("case.1.accounts", "ada")
	has(t, b.post(t, action, form), "is not an attribute")
	_, other := formOf(t, b.get(t, "/policies/new?type=naming").body)
	require.False(t, other.Has("case.0.people"), "other types have no such field")
}

// A form of a thousand rows is judged and tried well within what typing allows.
func TestPolicyForm_ThousandRows(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	b := k.person(t, "bo@example.com", auth.Builder)
	var text strings.Builder
	text.WriteString("key: big\nname: Big\ntype: groups\ngroups:\n  rows:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "    - {when: 'joiner.department == \"d%d\"', groups: [g%d, all-staff], reason: Row %d, owner: o%d@example.com}\n", i, i, i, i)
	}
	k.keep(t, "bo@example.com", text.String())
	page := b.get(t, "/policies/big")
	require.Equal(t, http.StatusOK, page.status)
	action, form := formOf(t, page.body)
	require.Len(t, form["r.rows"], 1000)
	form.Set("try.a.department", "d999")
	form.Set("op", "try")
	has(t, b.post(t, action, form), "g999")
	form.Set("op", "save")
	require.Equal(t, http.StatusSeeOther, b.post(t, action, form).status)
	has(t, b.get(t, "/policies/big"), "Nothing changed")
}

// Every type has its form: what it starts with comes back from the form as it was,
// its tests pass, it can be tried, and every column has a cell.
func TestPolicyForm_EveryType(t *testing.T) {
	t.Parallel()
	k := newConsole(t, "http://localhost:8080")
	b := k.person(t, "bo@example.com", auth.Builder)
	for _, spec := range policy.Specs() {
		want, err := k.server.kinds().ReadText(review.Policy, "", []byte(spec.Starter))
		require.NoError(t, err)
		page := b.get(t, "/policies/new?type="+spec.Type)
		require.Equal(t, http.StatusOK, page.status, spec.Type)
		has(t, b.get(t, "/policies/new"), spec.Title)
		action, form := formOf(t, page.body)
		form.Set("op", "try")
		form.Set("try.a.first_name", "Ada")
		form.Set("try.a.last_name", "Lovelace")
		tried := b.post(t, action, form)
		require.Equal(t, http.StatusOK, tried.status, spec.Type)
		has(t, tried, "Decided in")
		form.Set("op", "save")
		require.Equal(t, http.StatusSeeOther, b.post(t, action, form).status, spec.Type)
		rev, err := k.server.DB.Revision(t.Context(), review.Policy, want.Key, 0)
		require.NoError(t, err)
		require.Equal(t, string(want.Content), rev.Content, spec.Type)
	}
}
