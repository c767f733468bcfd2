package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/jackc/pgx/v5/pgxpool"

	"joinery/internal/fault"
)

// Baselines are the rows that ServeBaseline knows.
func Baselines() []string { return []string{"river-plain", "batch"} }

// ServeBaseline is the child process of a baseline row: POST /hook accepts a
// joiner with 202. It ends with ctx.
func ServeBaseline(ctx context.Context, name, database, world, addr string, checkpoints int) error {
	conns := map[string]string{"river-plain": "48", "batch": "16"}[name]
	join := "?"
	if strings.Contains(database, "?") {
		join = "&"
	}
	pool, err := pgxpool.New(ctx, database+join+"pool_max_conns="+conns)
	if err != nil {
		return err
	}
	defer pool.Close()
	var row interface {
		take(ctx context.Context, p person, raw string) error
	}
	dir := newDirectory("http://" + world)
	switch name {
	case "river-plain":
		row, err = newRiver(ctx, pool, dir, checkpoints)
	case "batch":
		row, err = newBatch(ctx, pool, dir, checkpoints)
	default:
		return fault.New(fault.Invalid, "There is no baseline %q. There are: %s.", name, strings.Join(Baselines(), ", "))
	}
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Post("/hook", func(c *fiber.Ctx) error {
		raw := string(c.Body()) // a copy: fiber reuses the body's memory
		var p person
		if err := json.Unmarshal([]byte(raw), &p); err != nil || p.EmployeeID == "" {
			return fiber.ErrBadRequest
		}
		if err := row.take(c.Context(), p, raw); err != nil {
			return err
		}
		return c.SendStatus(fiber.StatusAccepted)
	})
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	go func() { <-ctx.Done(); _ = app.Shutdown() }()
	return app.Listener(ln)
}
