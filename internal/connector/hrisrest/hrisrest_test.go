package hrisrest_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"joinery/internal/connector"
	"joinery/internal/connector/hrisrest"
	"joinery/internal/connectortest"
	"joinery/internal/joiner"
)

// TestMain sees that no call outlives its context.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHRIS(t *testing.T) {
	t.Parallel()
	s := connectortest.StartREST(t, time.Now)
	connectortest.RunHRIS(t, connectortest.HRIS{
		Open: func(t testing.TB, timeout time.Duration) connector.Conn {
			settings := s.Settings("hr")
			settings.Settings["timeout"] = timeout.String()
			return connectortest.Open(t, hrisrest.Type{}, settings, map[string]string{"token": s.Token})
		},
		Trouble: s.Trouble, Hire: func() string { return s.Hire(map[string]any{"last_name": "Okafor", "title": ""}) }, Path: func(id string) string { return "/workers/" + id },
		Update: map[string]any{joiner.WorkEmail: "ada@acme.example"}, Stored: s.Stored, Secrets: []string{s.Token},
	})
}
