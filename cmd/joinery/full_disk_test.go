package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/audit"
)

// The disk of the checkpoints fills in the middle of a line. Nothing half is left
// behind, and the chain of lines goes on when there is space again.
func TestFault_F26_R25_CheckpointsOnAFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("mounts a small file system")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=32k"); err != nil {
		t.Skipf("a small file system cannot be mounted here (%v), so a full disk is not tested", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	path, key := filepath.Join(dir, "checkpoints.jsonl"), []byte("key")
	line := func(n int) []byte {
		return fmt.Appendf(nil, `{"seq":%d,"hash":%q,"at":"t","mac":%q}`, n, "h", audit.Checkpoint{Seq: int64(n), Hash: "h", At: "t"}.Sign(key).MAC)
	}
	read := func() []audit.Checkpoint {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		out, err := audit.ReadCheckpoints(raw, key)
		require.NoError(t, err)
		return out
	}
	require.NoError(t, appendLine(path, line(1)))
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	require.NoError(t, err)
	for err == nil {
		_, err = f.Write(bytes.Repeat([]byte{1}, 1024))
	}
	require.NoError(t, f.Close())
	refused := 0
	for n := 2; n < 100; n++ {
		if appendLine(path, line(n)) != nil {
			refused++
		}
	}
	require.Positive(t, refused, "the disk was full")
	kept := len(read())
	require.Error(t, writeWhole(filepath.Join(dir, "flow.yaml"), bytes.Repeat([]byte("x"), 4096)), "an export")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2, "nothing half is left: %v", left)
	require.NoError(t, os.Remove(ballast))
	require.NoError(t, appendLine(path, line(100)))
	require.Len(t, read(), kept+1)

	// A process that was killed in the middle of a line.
	half, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = half.WriteString(`{"seq":101,"ha`)
	require.NoError(t, err)
	require.NoError(t, half.Close())
	require.NoError(t, appendLine(path, line(102)))
	require.Len(t, read(), kept+2)
}
