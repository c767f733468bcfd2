package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPolicyTest(t *testing.T) {
	t.Parallel()
	s := &shell{t: t, env: map[string]string{}}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	good := write("policies/dept.yaml", "key: dept\nname: D\ntype: groups\ngroups:\n  rows:\n    - {when: joiner.department == \"Sales\", groups: [crm]}\ncases:\n  - {name: Sales sells, joiner: {department: Sales}, expect: {groups: [crm]}}\n")
	out, _ := s.run("", 0, "policy", "test", good)
	require.Equal(t, "  ok    Sales sells\ndept (groups): 1 of 1 tests pass.\n", out)
	out, _ = s.run("", 0, "policy", "test", dir)
	require.Contains(t, out, "1 of 1 tests pass")
	bad := write("bad.policy.yaml", "key: dept\nname: D\ntype: groups\ngroups:\n  rows:\n    - {groups: [crm]}\ncases:\n  - {name: wrong, joiner: {}, expect: {groups: [vpn]}}\n")
	out, _ = s.run("", 1, "policy", "test", bad)
	require.Contains(t, out, "  FAIL  wrong\n        groups should be [\"vpn\"], and it is [\"crm\"].\n")
	require.Contains(t, out, "0 of 1 tests pass.")
	broken := write("broken.yaml", "key: dept\nname: D\ntype: groups\ngroups:\n  rows:\n    - {when: joiner.departmen == \"x\", groups: [crm]}\n")
	out, _ = s.run("", 1, "policy", "test", broken)
	require.Contains(t, out, "WRONG groups.rows.0.when")
	_, errs := s.run("", 2, "policy", "test", filepath.Join(dir, "nowhere"))
	require.Contains(t, errs, "no file or folder")
}
