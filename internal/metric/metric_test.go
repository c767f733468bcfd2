package metric_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/metric"
)

// However many connections come and go, the numbers stay few.
func TestCall_LabelsAreBounded(t *testing.T) {
	t.Parallel()
	s := metric.New("v1", "abc")
	for k := range 1000 {
		s.Call(fmt.Sprint("c", k), "account.ensure", "ok", time.Second)
	}
	var b bytes.Buffer
	require.NoError(t, s.Write(&b, nil))
	require.Equal(t, 201, strings.Count(b.String(), "joinery_connector_call_seconds_count{"))
	require.Contains(t, b.String(), `joinery_connector_call_seconds_count{connection="other",operation="account.ensure",outcome="ok"} 800`)
	require.Contains(t, b.String(), `revision="abc",version="v1"} 1`)
}

// A nil set counts nothing and troubles nobody.
func TestNil(t *testing.T) {
	t.Parallel()
	var s *metric.Set
	s.Step("set", "passed", 0)
	s.Call("c", "op", "ok", 0)
	s.Answer(200, true, 0)
	s.Batch("event", 1, 0)
	s.RunEnded("failed")
	s.TakenOver(1)
}
