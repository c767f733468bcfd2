package ldap_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain sees that nothing is left running: connections are closed
// with the pool, and no call outlives its context.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
