package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"joinery/internal/fault"
)

type readyCmd struct{}

// Run asks /readyz: a container has no other program to ask with.
func (readyCmd) Run(ctx context.Context, t *tool) error {
	addr := t.env("JOINERY_ADDR")
	if addr == "" {
		addr = "127.0.0.1:8080"
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, loopback(addr)+"/readyz", nil)
	if err != nil {
		return fault.New(fault.Invalid, "JOINERY_ADDR must be host:port, such as 127.0.0.1:8080.")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "No server answers at %s.", addr)
	}
	defer func() { _ = resp.Body.Close() }()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 1000))
	if err != nil || resp.StatusCode != http.StatusOK {
		return fault.Wrap(fault.Unavailable, err, "%s", strings.TrimSpace(string(said)))
	}
	_, err = t.out.Write(said)
	return err
}
