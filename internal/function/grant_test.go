package function

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What a manifest lets a function do is compared in plain words.
func TestChanged(t *testing.T) {
	t.Parallel()
	was := Manifest{Grants: []string{"directory:corp-ldap:groups.find", "hris:hr:workers.get"}, Limits: Limits{HostCalls: 10}}
	now := Manifest{Grants: []string{"directory:corp-ldap:groups.find", "directory:corp-ldap:groups.add"}, Limits: Limits{HostCalls: 20, Milliseconds: 100}}
	more, less := Changed(was, now)
	require.Equal(t, []string{"Now also writes groups in corp-ldap: puts the joiner in.", "The limit of milliseconds of computing is 100 now; it was the usual one.", "The limit of questions to systems is 20 now; it was 10."}, more)
	require.Equal(t, []string{"No longer reads workers in hr."}, less)
	more, less = Changed(now, now)
	require.Empty(t, append(more, less...))
}

// The same capability of another connection is another grant; settings speak of all of them.
func TestNeedSecond(t *testing.T) {
	t.Parallel()
	m := Manifest{Grants: []string{"directory:a:groups.add", "directory:b:groups.find", "hris:hr:workers.get"}}
	require.Empty(t, NeedSecond(m, nil))
	require.Equal(t, []string{"writes groups in a: puts the joiner in"}, NeedSecond(m, []string{"directory:groups.add", "directory:accounts.set"}))
	require.Len(t, NeedSecond(m, []string{"directory:groups.add", "hris:workers.get"}), 2)
}
