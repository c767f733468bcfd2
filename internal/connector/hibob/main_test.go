package hibob_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain sees that no call outlives its context.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
