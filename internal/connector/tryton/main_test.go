package tryton_test

import (
	"testing"

	"go.uber.org/goleak"

	"joinery/internal/connectortest"
)

// TestMain sees that nothing is left running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(shared{m}) }

// shared runs the tests and stops the Tryton they shared.
type shared struct{ m *testing.M }

func (s shared) Run() int { return connectortest.Run(s.m) }
