package connectortest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"joinery/internal/connector"
)

// SCIM is a running SCIM 2.0 server that nobody here wrote (better-auth): strict
// about what it accepts, forgetful about nothing until it stops.
type SCIM struct {
	BaseURL string
	Token   string

	process *process
}

// scimPackages are the exact versions the fixture installs.
var scimPackages = []string{"better-auth@1.7.25", "@better-auth/scim@1.7.5", "@better-auth/core@1.7.25", "@better-auth/utils@0.5.1", "better-call@2.0.6"}

const scimServer = `import http from "node:http"; import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory"; import { toNodeHandler } from "better-auth/node"; import { scim } from "@better-auth/scim";
const port = +process.argv[2], token = process.argv[3], db = {};
const auth = betterAuth({ baseURL: "http://127.0.0.1:" + port, secret: token, database: memoryAdapter(db), telemetry: { enabled: false }, rateLimit: { enabled: false },
  plugins: [scim({ connections: [{ id: "joinery", credentials: [{ type: "bearer", id: "k1", token }] }] })] });
const ctx = await auth.$context; for (const t of Object.keys(ctx.tables)) db[ctx.tables[t].modelName ?? t] = [];
http.createServer(toNodeHandler(auth)).listen(port, "127.0.0.1");
`

// StartSCIM starts a server for one test, with these groups besides all-staff,
// engineering and sales, and the user "stranger" whom someone else made. It
// fails the test when node is not installed.
func StartSCIM(t testing.TB, groups ...string) *SCIM {
	t.Helper()
	Need(t)
	s, err := NewSCIM(t.Context(), groups...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// NewSCIM starts a server. Stop ends it.
func NewSCIM(ctx context.Context, groups ...string) (*SCIM, error) {
	dir, err := installSCIM(ctx)
	if err != nil {
		return nil, err
	}
	var last error
	for range 3 { // a free port may be taken before node listens
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		s := &SCIM{BaseURL: fmt.Sprintf("http://127.0.0.1:%d/api/auth/scim/v2", port), Token: rand.Text() + rand.Text()}
		if s.process, err = start(dir, "node", "server.mjs", strconv.Itoa(port), s.Token); err != nil {
			return nil, err
		}
		if last = s.process.ready(ctx, accepts(port)); last != nil {
			s.process.stop()
			continue
		}
		if err := s.seed(ctx, groups); err != nil {
			s.Stop()
			return nil, err
		}
		return s, nil
	}
	return nil, last
}

// Stop kills the server; what it held is gone.
func (s *SCIM) Stop() { s.process.stop() }

// Settings are a connection's settings for this server.
func (s *SCIM) Settings(key string) connector.Settings {
	return connector.Settings{Key: key, Name: "SCIM", Type: "scim", Private: []string{"127.0.0.1"},
		Settings: map[string]any{"base_url": s.BaseURL, "auth": "bearer"}}
}

func (s *SCIM) seed(ctx context.Context, groups []string) error {
	for _, g := range append([]string{"all-staff", "engineering", "sales"}, groups...) {
		if err := s.post(ctx, "/Groups", map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": g}); err != nil {
			return err
		}
	}
	return s.post(ctx, "/Users", map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": "stranger",
		"emails": []any{map[string]any{"value": "stranger@corp.example", "primary": true}}})
}

func (s *SCIM) post(ctx context.Context, path string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.BaseURL+path, strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.Token)
	req.Header.Set("Content-Type", "application/scim+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("seed %s: %s", path, resp.Status)
	}
	return nil
}

// installSCIM puts the packages into the user's cache once. Another test process
// may do the same at the same time, so the finished folder is renamed into place.
func installSCIM(ctx context.Context) (string, error) {
	if _, err := exec.LookPath("npm"); err != nil {
		return "", errors.New("node and npm are not installed: apt-get install nodejs npm (make test does it)")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "joinery-test", "scim-"+strings.NewReplacer("@", "", "/", "_").Replace(scimPackages[0]+"-"+scimPackages[1]))
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "better-auth")); err == nil {
		return dir, os.WriteFile(filepath.Join(dir, "server.mjs"), []byte(scimServer), 0o600)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", err
	}
	building, err := os.MkdirTemp(filepath.Dir(dir), "building-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(building) }()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", append([]string{"install", "--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", building}, scimPackages...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm install of the SCIM server: %w: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(building, "server.mjs"), []byte(scimServer), 0o600); err != nil {
		return "", err
	}
	if err := os.Rename(building, dir); err != nil {
		if _, statErr := os.Stat(filepath.Join(dir, "node_modules", "better-auth")); statErr != nil {
			return "", err
		}
	}
	return dir, nil
}
