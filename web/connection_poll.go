package web

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/postgres"
	"joinery/views/connections"
)

// connectionPoll is POST /connections/:key/poll: the HRIS is asked at once.
func (s *Server) connectionPoll(c *fiber.Ctx, who auth.Actor) error {
	key := c.Params("key")
	if err := s.DB.PollNow(c.UserContext(), who, key); err != nil {
		return err
	}
	return s.done(c, "/connections/"+key, "The HRIS is asked within seconds. What it answers is shown here.")
}

// poll is what a connection's page tells about asking for changes; nil when nobody asks.
func (p ConnectionPages) poll(s ConnectionState, info connector.Info) *connections.Poll {
	if s.Poll == nil && len(s.Unwatched) > 0 && !slices.Contains(info.Capabilities, connector.CapUpload) {
		return &connections.Poll{Badge: connections.Badge{Tone: "warn", Text: "Nobody asks"}, Notice: unwatched(s.Unwatched...)}
	}
	if s.Poll == nil {
		return nil
	}
	st := *s.Poll
	out := &connections.Poll{Badge: connections.Badge{Tone: "good", Text: "Every " + interval(st.Every)}}
	add := func(label, value string) {
		out.Pairs = append(out.Pairs, connections.Pair{Label: label, Value: value})
	}
	switch {
	case st.Running:
		out.Badge = connections.Badge{Tone: "info", Text: "Asking now"}
	case st.Error != "":
		out.Badge = connections.Badge{Tone: "bad", Text: "Failed"}
		out.Notice = fmt.Sprintf("The last %s failed: %s Nothing is lost: the next one asks from the same moment on.", count(st.Failures, "look", "looks"), st.Error)
	case st.EndedAt == nil:
		out.Badge = connections.Badge{Tone: "neutral", Text: "Not asked yet"}
	}
	if st.EndedAt != nil {
		add("Last asked", p.When(*st.EndedAt))
		add("It showed", plural(st.Seen, "worker", "workers")+", "+plural(st.Found, "change", "changes")+" that no flow had read")
		add("Seen up to", p.When(st.Watermark))
	}
	add("Next", p.When(st.DueAt))
	if st.AskedBy != "" {
		add("Asked for by", st.AskedBy)
	}
	if slices.Contains(info.Capabilities, connector.CapWebhook) {
		last := "none yet"
		if st.LastHook != nil {
			last = p.When(*st.LastHook)
		}
		add("Last webhook", last)
		add("Found without a webhook", fmt.Sprint(st.Recovered))
		if out.Notice == "" && silent(st) {
			out.Notice = "Changes were found that no webhook told of, and no webhook has come since. Look in the HRIS whether it still sends its events here."
		}
	}
	return out
}

// unwatched says what flows miss whose HRIS nobody asks for changes.
func unwatched(flows ...string) string {
	who := "The flow " + flows[0] + " acts"
	if len(flows) > 1 {
		who = "The flows " + strings.Join(flows, ", ") + " act"
	}
	return who + " when HR takes a hire back or somebody leaves, and nothing asks this HRIS for changes: a record that vanishes, or an event that gets lost, goes unnoticed. Fill in “Also ask every” in a trigger, or add the trigger “Changes found by asking”."
}

// silent reports whether webhooks seem to have stopped: asking found what none told,
// and none has come for a day.
func silent(st postgres.PollStatus) bool {
	return st.Found > 0 && st.EndedAt != nil && (st.LastHook == nil || st.EndedAt.Sub(*st.LastHook) > 24*time.Hour)
}

func count(n int, one, many string) string {
	if n <= 1 {
		return one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func interval(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return plural(int(d/(24*time.Hour)), "day", "days")
	case d%time.Hour == 0:
		return plural(int(d/time.Hour), "hour", "hours")
	case d%time.Minute == 0:
		return plural(int(d/time.Minute), "minute", "minutes")
	}
	return d.String()
}
