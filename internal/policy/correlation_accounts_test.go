package policy

import (
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

const adopting = `
key: who
name: Who is it
type: correlation
correlation:
  rules:
    - {name: National id, fields: [national_id], weight: 1}
  accounts:
    - {name: Personnel number, connection: corp-ad, equal: [employee_number = employeeID], weight: 1}
    - {name: Name and department, connection: corp-ad, equal: ["{{ joiner.first_name }} {{ joiner.last_name }} = displayName", department = department], weight: 0.6}
    - {name: E-mail, connection: app, equal: [work_email = emails.work], weight: 1}
  protected: [helpdesk-admins]
cases:
  - name: The personnel number is sure
    joiner: {employee_number: "42"}
    accounts: [{connection: corp-ad, account: ada, employeeID: "42"}, {connection: corp-ad, account: bob, employeeID: "43"}]
    expect: {decision: adopt, accounts: {corp-ad: ada}, weight: 1}
  - name: Somebody known comes before accounts
    joiner: {employee_number: "42", national_id: X1}
    people: [{worker: "7", national_id: X1}]
    accounts: [{connection: corp-ad, account: ada, employeeID: "42"}]
    expect: {decision: join, worker: "7", accounts: {}}
  - name: A name in a department is asked about
    joiner: {first_name: Ada, last_name: Byron, department: Sales}
    accounts: [{connection: corp-ad, account: ada, displayName: ada byron, department: Sales}]
    expect: {decision: ask, accounts: {corp-ad: ada}}
  - name: Half a rule is no rule
    joiner: {first_name: Ada, last_name: Byron}
    accounts: [{connection: corp-ad, account: ada, displayName: Ada Byron}]
    expect: {decision: new, accounts: {}}
  - name: Two that fit alike are asked about
    joiner: {employee_number: "42"}
    accounts: [{connection: corp-ad, account: ada, employeeID: "42"}, {connection: corp-ad, account: ada2, employeeID: "42"}]
    expect: {decision: ask}
  - name: Another joiner's account is never taken
    joiner: {employee_number: "42"}
    accounts: [{connection: corp-ad, account: ada, employeeID: "42", mark: "hr:9"}]
    expect: {decision: new, accounts: {}}
  - name: A privileged account is never taken
    joiner: {employee_number: "42"}
    accounts: [{connection: corp-ad, account: ada, employeeID: "42", protected: true}]
    expect: {decision: new}
  - name: A member of a protected group neither
    joiner: {employee_number: "42"}
    accounts: [{connection: corp-ad, account: ada, employeeID: "42", groups: ["CN=Helpdesk-Admins,OU=x"]}]
    expect: {decision: new}
  - name: One in each directory
    joiner: {employee_number: "42", work_email: a@example.com}
    accounts: [{connection: corp-ad, account: ada, employeeID: "42"}, {connection: app, account: a1, emails.work: A@example.com}]
    expect: {decision: adopt, accounts: {corp-ad: ada, app: a1}}
  - name: The same in a directory that no rule names
    joiner: {employee_number: "42"}
    accounts: [{connection: other, account: ada, employeeID: "42"}]
    expect: {decision: new}
`

func TestCorrelation_Accounts(t *testing.T) {
	t.Parallel()
	var c Content
	require.NoError(t, yaml.Unmarshal([]byte(adopting), &c))
	known := Known{Connections: map[string][]string{"corp-ad": {"directory"}, "app": {"directory"}, "hr": {"workers"}}}
	require.Empty(t, Check(c, known))
	require.Equal(t, []string{"corp-ad", "app"}, c.Correlation.Connections())

	for _, x := range []struct{ equal, want string }{
		{"employee_number", "Write what of the joiner equals"}, {"= employeeID", "Both sides need a name"}, {"employee_number =", "Both sides need a name"},
		{"employee_nmber = employeeID", "Did you mean"}, {"{{ today }} = whenCreated", "names nothing of the joiner"}, {"{{ joiner.first_name = cn", "no }}"},
		{"employee_number = (cn", "Both sides need a name"},
	} {
		bad := c
		bad.Correlation = &Correlation{Accounts: []AccountRule{{Connection: "corp-ad", Equal: []string{x.equal}, Weight: 1}}}
		bad.Cases = nil
		problems := Check(bad, known)
		require.NotEmpty(t, problems, x.equal)
		require.Equal(t, "correlation.accounts.0.equal.0", problems[0].Path)
		require.True(t, strings.Contains(problems[0].Detail, x.want), "%s: %s", x.equal, problems[0].Detail)
	}
	bad := c
	bad.Cases = nil
	bad.Correlation = &Correlation{Accounts: []AccountRule{{Connection: "hr", Equal: []string{"employee_number = x"}, Weight: 2}}}
	require.Len(t, Check(bad, known), 2)
}
