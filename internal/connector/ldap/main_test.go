package ldap

import (
	"testing"

	"go.uber.org/goleak"

	"joinery/internal/connectortest"
)

// TestMain sees that nothing is left running: connections are closed
// with the pool, and no call outlives its context.
func TestMain(m *testing.M) { goleak.VerifyTestMain(shared{m}) }

// shared runs the tests and stops the domain controller they shared.
type shared struct{ m *testing.M }

func (s shared) Run() int { return connectortest.Run(s.m) }
