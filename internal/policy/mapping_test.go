package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const mapping = `
key: m
name: n
type: mapping
mapping:
  directory: corp-ad
  inputs: [{name: mail}, {name: seats, type: number, optional: true}]
  rows:
    - {attribute: displayName, value: "{{ joiner.first_name }} {{ joiner.last_name }}"}
    - {attribute: title, value: =joiner.title, empty: clear}
    - {attribute: department, value: =joiner.department}
    - {attribute: mail, value: =inputs.mail, apply: create}
    - {attribute: l, when: joiner.country == "DE", value: Hamburg}
    - {attribute: L, when: joiner.country == "NZ", value: Auckland}
    - {attribute: employeeType, when: joiner.worker_type == "contractor", empty: clear}
    - {attribute: employeeType, value: =joiner.worker_type}
    - {attribute: otherTelephone, value: '=[joiner.phone, " "].filter(p, p != "x")'}
    - {attribute: seats, value: =inputs.seats}
`

func fill(t *testing.T, attributes map[string]any) map[string]any {
	t.Helper()
	return decide(t, mapping, Subject{Worker: worker("1", attributes), Inputs: map[string]any{"mail": "a@x.example"}}).Output
}

// Left as it is, removed, or a value: three different things.
func TestMapping_ThreeValued(t *testing.T) {
	out := fill(t, map[string]any{"first_name": "Ada", "last_name": "Lovelace", "title": "Engineer", "department": "R&D", "country": "NZ", "worker_type": "employee", "phone": "1"})
	require.Equal(t, map[string]any{"displayName": "Ada Lovelace", "title": "Engineer", "department": "R&D", "L": "Auckland", "employeeType": "employee", "otherTelephone": []any{"1"}}, out["attributes"])
	require.Equal(t, map[string]any{"mail": "a@x.example"}, out["create_only"])
	require.Equal(t, []any{"seats"}, out["unchanged"])

	out = fill(t, map[string]any{"first_name": "Ada", "title": " ", "worker_type": "contractor"})
	require.Equal(t, map[string]any{"displayName": "Ada", "title": nil, "employeeType": nil}, out["attributes"])
	require.Equal(t, []any{"department", "l", "otherTelephone", "seats"}, out["unchanged"], "what is empty or under no condition that holds is left as it is")
}

func TestMapping_Check(t *testing.T) {
	for want, change := range map[string][2]string{
		"never reached":                  {`when: joiner.worker_type == "contractor", empty: clear`, "empty: clear"},
		"Choose always or create":        {"apply: create", "apply: sometimes"},
		"Choose keep or clear":           {"empty: clear", "empty: drop"},
		"Write what the attribute":       {"value: =joiner.department", "note: x"},
		"rows.2.value":                   {"=joiner.department", "=joiner.departmnt"},
		"rows.4.when":                    {`joiner.country == "DE"`, "joiner.country"},
		"Name the attribute":             {"attribute: department", "attribute: ' '"},
		`"male" is declared`:             {"inputs.mail", "inputs.male"},
		"There is no connection \"c-a\"": {"directory: corp-ad", "directory: c-a"},
	} {
		require.Contains(t, mapping, change[0])
		var all string
		for _, p := range Check(parse(t, strings.Replace(mapping, change[0], change[1], 1)), Known{Connections: map[string][]string{"corp-ad": {"directory"}}}) {
			all += p.Path + ": " + p.Detail + "\n"
		}
		require.Contains(t, all, want)
	}
}

func corpAD(list ...Attribute) map[string]Schema {
	s := Schema{
		Find: func(name string) (Attribute, bool) {
			i := slices.IndexFunc(list, func(a Attribute) bool { return strings.EqualFold(a.Name, name) })
			if i < 0 {
				return Attribute{}, false
			}
			return list[i], true
		},
		Missing: func(names []string) (out []string) {
			for _, a := range list {
				if a.Required && !slices.Contains(names, a.Name) {
					out = append(out, a.Name)
				}
			}
			return out
		},
	}
	for _, a := range list {
		s.Names = append(s.Names, a.Name)
	}
	return map[string]Schema{"corp-ad": s}
}

// What a live system says about its attributes is held against the mapping.
func TestMapping_FitsTheSchema(t *testing.T) {
	attributes := []Attribute{{Name: "displayName", Type: "string", MaxLength: 6}, {Name: "title", Type: "string", Required: true}, {Name: "loud", Type: "bool"}, {Name: "uid", ReadOnly: true},
		{Name: "photo", Type: "binary"}, {Name: "badge", Type: "string", CreateOnly: true}, {Name: "phones", Type: "string", Multi: true}, {Name: "floor", Type: "number"}, {Name: "manager", Type: "dn"}, {Name: "name", Type: "map"}}
	for row, want := range map[string]string{
		`attribute: displayname, value: short`:             "",
		`attribute: displayName, value: too long`:          "up to 6 characters, and this has 8",
		`attribute: displayNme, value: x`:                  "Did you mean displayName?",
		`attribute: uid, value: x`:                         "kept by the system",
		`attribute: photo, value: x`:                       "binary data",
		`attribute: badge, value: x`:                       "only when the account is made",
		`attribute: badge, value: x, apply: create`:        "",
		`attribute: title, value: '=["a", "b"]'`:           "takes one value",
		`attribute: phones, value: '=["a", "b"]'`:          "",
		`attribute: phones, value: a`:                      "",
		`attribute: loud, value: "yes"`:                    "Write =true",
		`attribute: loud, value: "=joiner.title == 'x'"`:   "",
		`attribute: title, value: "=joiner.title == 'x'"`:  "takes a text, and this gives yes or no",
		`attribute: floor, value: third`:                   "takes a number",
		`attribute: floor, value: "3"`:                     "",
		`attribute: manager, value: Ann`:                   "names another entry",
		`attribute: manager, value: "cn=ann,dc=x"`:         "",
		`attribute: name, value: Ann`:                      "names with values",
		`attribute: title, value: =joiner.anything_at_all`: "",
	} {
		c := parse(t, "key: m\nname: n\ntype: mapping\nmapping: {directory: corp-ad, rows: [{"+row+"}]}")
		var all string
		for _, p := range Check(c, Known{Schemas: corpAD(attributes...)}) {
			all += p.Path + ": " + p.Detail + "\n"
		}
		if want == "" {
			require.Empty(t, all, row)
		} else {
			require.Contains(t, all, want, row)
		}
		require.Empty(t, Check(c, Known{}), "a system that does not answer keeps nobody from saving")
	}
}

func TestMapping_Warnings(t *testing.T) {
	text := "key: m\nname: n\ntype: mapping\nmapping: {directory: corp-ad, rows: [{attribute: title, value: =joiner.title, empty: clear}]}"
	warn := func(text string, k Known) string {
		return fmt.Sprint(Warnings(parse(t, text), time.Now(), k))
	}
	require.Contains(t, warn(text, Known{}), "has not told which attributes")
	require.Contains(t, warn(strings.Replace(text, "directory: corp-ad, ", "", 1), Known{}), "names no directory")
	got := warn(text, Known{Schemas: corpAD(Attribute{Name: "title", Required: true}, Attribute{Name: "sn", Required: true})})
	require.Contains(t, got, "refuses to remove it")
	require.Contains(t, got, "needs sn too")
}
