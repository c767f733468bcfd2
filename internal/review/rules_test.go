package review

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/fault"
)

func open() *Review {
	return &Review{ID: "r", State: Open, Hash: "h1", Head: "h1", Authors: []string{"u_anna"}, OpenedBy: "u_anna"}
}

func person(id string, roles ...auth.Role) auth.Actor {
	return auth.Actor{Kind: auth.User, ID: id, UserID: id, Roles: roles}
}

func TestApprove(t *testing.T) {
	t.Parallel()
	ben := person("u_ben", auth.Reviewer)
	token := auth.Actor{Kind: auth.Token, ID: "t_1", UserID: "u_anna", Roles: []auth.Role{auth.Admin}}
	for name, c := range map[string]struct {
		by     auth.Actor
		hash   string
		change func(*Review)
		want   fault.Kind
	}{
		"another person approves":           {by: ben, hash: "h1"},
		"author is refused":                 {by: person("u_anna", auth.Reviewer), hash: "h1", want: fault.Forbidden},
		"author who is admin is refused":    {by: person("u_anna", auth.Admin), hash: "h1", want: fault.Forbidden},
		"author by API token is refused":    {by: token, hash: "h1", want: fault.Forbidden},
		"a token somebody else made":        {by: auth.Actor{Kind: auth.Token, ID: "t_2", UserID: "u_ben", Roles: []auth.Role{auth.Reviewer}, Lent: true}, hash: "h1", want: fault.Forbidden},
		"builder is refused":                {by: person("u_cem", auth.Builder), hash: "h1", want: fault.Forbidden},
		"machinery is refused":              {by: auth.Engine(), hash: "h1", want: fault.Forbidden},
		"other hash is refused":             {by: ben, hash: "h2", want: fault.Conflict},
		"no hash is refused":                {by: ben, want: fault.Invalid},
		"tampered content is refused":       {by: ben, hash: "h1", change: func(r *Review) { r.Head = "h9" }, want: fault.Conflict},
		"red check is refused":              {by: ben, hash: "h1", change: func(r *Review) { r.Checks = []Check{{Name: "content", Detail: "x"}} }, want: fault.Conflict},
		"approved twice is refused":         {by: ben, hash: "h1", change: func(r *Review) { r.State = Approved }, want: fault.Conflict},
		"closed is refused":                 {by: ben, hash: "h1", change: func(r *Review) { r.State = Closed }, want: fault.Conflict},
		"a later revision is refused":       {by: ben, hash: "h1", change: func(r *Review) { r.Newer = 4 }, want: fault.Conflict},
		"the same person twice is refused":  {by: ben, hash: "h1", change: func(r *Review) { r.Second = Second{Why: []string{"writes"}, By: []string{"u_ben"}} }, want: fault.Conflict},
		"another release since is refused":  {by: ben, hash: "h1", change: func(r *Review) { r.Live = "h5" }, want: fault.Conflict},
		"second author of several, refused": {by: ben, hash: "h1", change: func(r *Review) { r.Authors = []string{"u_anna", "u_ben"} }, want: fault.Forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open()
			if c.change != nil {
				c.change(r)
			}
			before := r.State
			err := r.Approve(c.by, c.hash)
			if c.want == "" {
				require.NoError(t, err)
				require.Equal(t, Approved, r.State)
				return
			}
			require.Equal(t, c.want, fault.KindOf(err), "%v", err)
			require.Equal(t, before, r.State)
		})
	}
}

func TestRequestChangesAndWithdraw(t *testing.T) {
	t.Parallel()
	r := open()
	require.True(t, fault.Is(r.RequestChanges(person("u_ben", auth.Reviewer), " "), fault.Invalid))
	require.NoError(t, r.RequestChanges(person("u_ben", auth.Reviewer), "rename the node"))
	require.Equal(t, ChangesRequested, r.State)
	require.True(t, fault.Is(r.Withdraw(person("u_cem", auth.Builder)), fault.Forbidden))
	require.NoError(t, r.Withdraw(person("u_anna", auth.Builder)))
	require.Error(t, r.Withdraw(person("u_anna", auth.Builder)))
}

func TestBillOfMaterials(t *testing.T) {
	t.Parallel()
	a, b := Pin{Kind: Connection, Key: "a", Hash: "1"}, Pin{Kind: Connection, Key: "b", Hash: "2"}
	t1, r1, err := BillOfMaterials("h", []Pin{a, b})
	require.NoError(t, err)
	t2, r2, _ := BillOfMaterials("h", []Pin{b, a})
	require.Equal(t, t1, t2)
	require.Equal(t, r1, r2)
	_, r3, _ := BillOfMaterials("h", []Pin{a})
	require.NotEqual(t, r1, r3)
	empty, _, _ := BillOfMaterials("h", nil)
	require.Equal(t, "[]", empty)
}

// Where two are needed, the first yes leaves the review open and the second closes it.
func TestApprove_TwoReviewers(t *testing.T) {
	t.Parallel()
	r := open()
	r.Second.Why = []string{"writes groups in dir"}
	require.NoError(t, r.Approve(person("u_ben", auth.Reviewer), "h1"))
	require.Equal(t, Open, r.State)
	r.Second.By = []string{"u_ben"}
	require.NoError(t, r.Approve(person("u_dan", auth.Reviewer), "h1"))
	require.Equal(t, Approved, r.State)
}
