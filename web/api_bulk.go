package web

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/run"
)

const maxBulk = 1000

// apiBulk starts a live run of each worker in a list; all of them or none.
func (s *Server) apiBulk(c *fiber.Ctx, who auth.Actor) error {
	workers, err := bulkWorkers(c)
	if err != nil {
		return err
	}
	ids := []run.ID{}
	for i, w := range workers {
		id, err := s.DB.StartRun(c.UserContext(), who, c.Params("key"), w, run.Live)
		if err != nil {
			// What has begun goes on; saying where it stopped lets the sender go on from there.
			if i > 0 {
				return fmt.Errorf("worker %d of %d: %w", i+1, len(workers), err)
			}
			return err
		}
		ids = append(ids, id)
	}
	s.kick()
	return sendJSON(c, http.StatusAccepted, map[string]any{"ids": ids})
}

func bulkWorkers(c *fiber.Ctx) ([]string, error) {
	media, _, _ := mime.ParseMediaType(c.Get("Content-Type"))
	var out []string
	var problems []fault.Problem
	add := func(line int, worker, wrong string) {
		if wrong != "" {
			problems = append(problems, fault.Problem{Path: fmt.Sprintf("line %d", line), Detail: wrong})
			return
		}
		out = append(out, worker)
	}
	switch media {
	case "text/csv":
		records, err := csv.NewReader(bytes.NewReader(c.Body())).ReadAll()
		if err != nil || len(records) == 0 || len(records[0]) == 0 || strings.TrimSpace(records[0][0]) != "worker" {
			return nil, badRequest("The CSV needs a first line with the heading worker.")
		}
		for i, r := range records[1:] {
			add(i+2, strings.TrimSpace(r[0]), wrongWorker(r[0]))
		}
	case "application/jsonl", "application/x-ndjson":
		lines := bufio.NewScanner(bytes.NewReader(c.Body()))
		for n := 1; lines.Scan(); n++ {
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue
			}
			var in struct {
				Worker string `json:"worker"`
			}
			if json.Unmarshal(lines.Bytes(), &in) != nil {
				add(n, "", "This line is not a JSON object with worker.")
				continue
			}
			add(n, in.Worker, wrongWorker(in.Worker))
		}
	default:
		return nil, fault.New(fault.Unsupported, "Send the list as text/csv or application/jsonl.")
	}
	if len(out)+len(problems) > maxBulk {
		return nil, fault.New(fault.TooLarge, "A list may have up to %d workers.", maxBulk)
	}
	if len(out) == 0 && len(problems) == 0 {
		return nil, badRequest("The list is empty.")
	}
	return out, fault.Refuse("Nothing was started, because some lines are not right.", problems)
}

func wrongWorker(id string) string {
	if id = strings.TrimSpace(id); id == "" || len(id) > 200 {
		return "A worker's id has 1 to 200 characters."
	}
	return ""
}
