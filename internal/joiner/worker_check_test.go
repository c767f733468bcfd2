package joiner

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckWorker(t *testing.T) {
	t.Parallel()
	for id, says := range map[string]string{
		"4711": "", "Ölaf 7": "", strings.Repeat("x", 200): "",
		"": "1 to 200", " \t": "1 to 200", strings.Repeat("x", 201): "longer than 200", "a\x00b": "cannot be stored", "a\xff": "cannot be stored", "a\ufffd": "cannot be stored", "7 ": "space", "\u00a07": "space",
	} {
		err := CheckWorker(id)
		if says == "" {
			require.NoError(t, err, "%q", id)
			continue
		}
		require.ErrorContains(t, err, says, "%q", id)
	}
}
