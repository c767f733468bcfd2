// Package modeltest starts a server of the OpenAI protocol that replays what a test says:
// @copilotkit/aimock, which nobody here wrote. It pretends to be no model and is never
// shipped.
package modeltest

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Fixture is what is answered to requests that match. Match has the fields model,
// userMessage (a part of the last message), turnIndex, hasToolResult, sequenceIndex;
// Response content, toolCalls, finishReason, error and status.
type Fixture struct {
	Match    map[string]any `json:"match"`
	Response map[string]any `json:"response"`
	// Latency is the time between pieces in milliseconds, ChunkSize their size in
	// characters; the stream is cut after so many pieces, or after so long.
	Latency    int `json:"latency,omitempty"`
	ChunkSize  int `json:"chunkSize,omitempty"`
	CutAfter   int `json:"truncateAfterChunks,omitempty"`
	CutAfterMs int `json:"disconnectAfterMs,omitempty"`
}

// Say answers a model's request that holds a text with words.
func Say(model, holds, words string) Fixture {
	return Fixture{Match: map[string]any{"model": model, "userMessage": holds}, Response: map[string]any{"content": words}}
}

// Server is a running server.
type Server struct{ URL string } // ends in /v1

// Start starts a server with fixtures; the first that matches answers, and what none
// matches is an error. With keys it takes calls with one of them only. It ends with the test.
func Start(t testing.TB, fixtures []Fixture, keys ...string) Server {
	t.Helper()
	if testing.Short() {
		t.Skip("needs Node.js")
	}
	program := filepath.Join(root(), "static", "node_modules", ".bin", "llmock")
	if _, err := os.Stat(program); err != nil {
		t.Fatal("@copilotkit/aimock is not installed. Run e2e/setup.sh, or npm ci --ignore-scripts in static.")
	}
	raw, err := json.Marshal(map[string]any{"fixtures": fixtures})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "fixtures.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-p", "0", "-h", "127.0.0.1", "-f", file, "--strict", "--log-level", "info")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if len(keys) > 0 {
		cmd.Env = append(os.Environ(), "AIMOCK_API_KEYS="+strings.Join(keys, ","))
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, address, ok := strings.Cut(lines.Text(), "listening on "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return Server{URL: strings.TrimSpace(address) + "/v1"}
		}
	}
	t.Fatal("the server of the OpenAI protocol did not start")
	return Server{}
}

// Requests gives the bodies of the requests that came, oldest first.
func (s Server) Requests(t testing.TB) []map[string]any {
	t.Helper()
	resp, err := http.Get(s.URL[:len(s.URL)-len("/v1")] + "/__aimock/journal")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var entries []struct {
		Body map[string]any `json:"body"`
	}
	if err := json.Unmarshal(raw, &entries); err != nil {
		t.Fatalf("the journal of requests: %v", err)
	}
	out := make([]map[string]any, 0, len(entries))
	for _, e := range entries {
		out = append(out, e.Body)
	}
	return out
}

// root is the folder of the module.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}
