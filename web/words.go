package web

import (
	"fmt"
	"strings"
	"time"

	"joinery/internal/auth"
)

// moment writes a time for people, in UTC, exact to the minute.
func (s *Server) moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2 Jan 2006, 15:04") + " UTC"
}

func (s *Server) momentOr(t *time.Time, never string) string {
	if t == nil {
		return never
	}
	return s.moment(*t)
}

// ago writes how long ago something was, the way lists show it.
func (s *Server) ago(t time.Time) string {
	d := s.Now().Sub(t)
	if d < 0 {
		return inAWhile(-d)
	}
	switch {
	case d < 45*time.Second:
		return "just now"
	case d < 48*time.Hour:
		return span(d) + " ago"
	}
	return t.UTC().Format("2 Jan 2006")
}

func inAWhile(d time.Duration) string { return "in " + span(d) }

// span writes a duration in its largest fitting unit.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.3g s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

func iso(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func roleList(roles []auth.Role) string {
	out := make([]string, len(roles))
	for i, r := range roles {
		out[i] = string(r)
	}
	return strings.Join(out, ", ")
}

// roleHelp says what a role may do, for those who give it.
var roleHelp = map[auth.Role]string{
	auth.Viewer:   "Sees flows, runs and joiners.",
	auth.Builder:  "Writes flows, functions, policies and connections, and submits them for review.",
	auth.Reviewer: "Approves what others wrote, and decides sign-offs.",
	auth.Operator: "Starts, retries and cancels runs, and sees personal fields.",
	auth.Auditor:  "Reads the audit log and the evidence.",
	auth.Admin:    "Everything, except approving one's own work.",
}
