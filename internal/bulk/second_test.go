package bulk_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/auth"
	"joinery/internal/bulk"
	"joinery/internal/fault"
)

func TestSecond_WhatOnePersonMayNot(t *testing.T) {
	t.Parallel()
	a := bulk.Cautious()
	require.Empty(t, a.Why(25, 0, nil))
	require.Len(t, a.Why(26, 0, nil), 1)
	require.Len(t, a.Why(15, 11, nil), 1, "many small lists are one large one")
	require.Empty(t, a.Why(10, 0, &bulk.Report{NamesTaken: 5, Groups: []bulk.GroupCount{{Group: "g", People: 25}}}))
	require.Len(t, a.Why(10, 0, &bulk.Report{NamesTaken: 6, Groups: []bulk.GroupCount{{Group: "g", People: 26}, {Group: "h", People: 30}}, Limits: []bulk.Limit{{What: "accounts", Limit: 5, Planned: 10}}}), 3)
	require.NoError(t, a.Check())
	require.Error(t, bulk.Alone{People: -1}.Check())
	require.True(t, bulk.Alone{People: 26, Collisions: 5, Licences: 25, Parked: 10}.Allows(a))
	require.False(t, bulk.Alone{}.Allows(a))
}

func TestSecond_NobodyApprovesTheirOwn(t *testing.T) {
	t.Parallel()
	as := func(id string, r auth.Role) auth.Actor { return auth.Actor{ID: id, UserID: id, Roles: []auth.Role{r}} }
	require.NoError(t, bulk.Second(as("u_b", auth.Reviewer), []string{"u_a"}))
	require.True(t, fault.Is(bulk.Second(as("u_a", auth.Admin), []string{"u_b", "u_a"}), fault.Forbidden))
	require.True(t, fault.Is(bulk.Second(as("u_b", auth.Builder), []string{"u_a"}), fault.Forbidden))
	require.True(t, fault.Is(bulk.Second(auth.Actor{ID: "t_1", UserID: "u_a", Roles: []auth.Role{auth.Admin}}, []string{"u_a"}), fault.Forbidden), "a token is its owner")
	require.True(t, fault.Is(bulk.Second(auth.Actor{ID: "t_1", UserID: "u_c", Lent: true, Roles: []auth.Role{auth.Admin}}, []string{"u_a"}), fault.Forbidden), "a token that somebody else made")
	require.True(t, fault.Is(bulk.Second(auth.Engine(), nil), fault.Forbidden))
}
