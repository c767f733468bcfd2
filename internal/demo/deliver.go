package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"joinery/internal/connector/hrisrest"
)

// deliver sends webhooks in order until ctx ends. Trouble of the receiver (no
// answer, 5xx, 429) is tried again with growing pauses; a 4xx is final.
func (h *hris) deliver(ctx context.Context) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{Proxy: nil, MaxIdleConns: 2, IdleConnTimeout: 30 * time.Second}}
	defer client.CloseIdleConnections()
	for {
		next, wait := h.due()
		if next == nil {
			select {
			case <-ctx.Done():
				return
			case <-h.wake:
			case <-time.After(wait):
			}
			continue
		}
		status, err := h.send(ctx, client, *next)
		if ctx.Err() != nil {
			return
		}
		if err := h.change(func(s *hrisState) error { mark(s, next.ID, status, err, h.cfg.Now()); return nil }); err != nil {
			h.cfg.Log.Warn("keeping the demo state failed", "err", err)
		}
	}
}

// due gives the first webhook that is not done, when its time has come.
func (h *hris) due() (*delivery, time.Duration) {
	s := h.snapshot()
	now := h.cfg.Now()
	for i := range s.Deliveries {
		d := s.Deliveries[i]
		if d.Done {
			continue
		}
		if d.NextAt.After(now) {
			return nil, min(d.NextAt.Sub(now), time.Second)
		}
		return &d, 0
	}
	return nil, time.Minute
}

func (h *hris) send(ctx context.Context, client *http.Client, d delivery) (int, error) {
	body, err := json.Marshal(map[string]any{"type": d.Type, "timestamp": d.At.UTC().Format(time.RFC3339), "data": map[string]any{"worker_id": d.Worker, "changed": append([]string{}, d.Changed...), "actor": d.Actor}})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, "POST", h.cfg.HookURL, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	signed, err := hrisrest.Sign(h.keys.WebhookSecret, d.ID, h.cfg.Now(), body)
	if err != nil {
		return 0, err
	}
	for k, v := range signed {
		req.Header.Set(k, v)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	return resp.StatusCode, nil
}

func mark(s *hrisState, id string, status int, err error, now time.Time) {
	for i := range s.Deliveries {
		d := &s.Deliveries[i]
		if d.ID != id || d.Done {
			continue
		}
		d.Tries++
		d.Status, d.Error = status, ""
		if err != nil {
			d.Error = "no answer"
		}
		again := err != nil || status >= 500 || status == http.StatusTooManyRequests || status == http.StatusNotFound && d.Tries < 20
		d.Done = !again || d.Tries >= 200
		d.NextAt = now.Add(min(time.Second<<min(d.Tries-1, 6), time.Minute))
		return
	}
}
