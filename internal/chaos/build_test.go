package chaos

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// otherBuild builds this test's node once more, as another build.
func otherBuild(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other-build")
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "test", "-c", "-trimpath", "-ldflags", "-X joinery/internal/chaos.build=other", "-o", path, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}
