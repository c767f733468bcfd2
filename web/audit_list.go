package web

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/postgres"
	"joinery/views/settings"
	"joinery/views/ui"
)

// auditIndex is GET /audit.
func (s *Server) auditIndex(c *fiber.Ctx, who auth.Actor) error {
	since, notices := pickDay(c.Query("since"), "From")
	until, more := pickDay(c.Query("until"), "To")
	f := postgres.AuditFilter{Actor: strings.TrimSpace(c.Query("actor")), Action: strings.TrimSpace(c.Query("action")), Kind: strings.TrimSpace(c.Query("kind")), ID: strings.TrimSpace(c.Query("id")),
		Since: since, Limit: 50}
	if !until.IsZero() {
		f.Until = until.AddDate(0, 0, 1)
	}
	f.Before, _ = strconv.ParseInt(c.Query("before"), 10, 64)
	rows, next, err := s.DB.AuditPage(c.UserContext(), f)
	if err != nil {
		return err
	}
	p := s.auditPage(f, rows, next)
	p.Notices = append(notices, more...)
	return s.show(c, who, frame{Title: "Audit"}, settings.Audit(p))
}

func (s *Server) auditPage(f postgres.AuditFilter, rows []postgres.AuditRow, next int64) settings.AuditPage {
	q := url.Values{}
	for k, v := range map[string]string{"actor": f.Actor, "action": f.Action, "kind": f.Kind, "id": f.ID, "since": dateOf(f.Since, 0), "until": dateOf(f.Until, -1)} {
		if v != "" {
			q.Set(k, v)
		}
	}
	p := settings.AuditPage{
		Head: ui.Head{Title: "Audit", Text: "Every act, written in the same transaction as the act itself and linked into a chain of hashes. Check it with: joinery audit verify"},
		Filters: ui.Filters{Action: "/audit", Fields: []ui.Field{
			{Name: "actor", Label: "Who", Input: "search", Value: f.Actor, Placeholder: "name or id"},
			{Name: "action", Label: "What", Input: "search", Value: f.Action, Placeholder: "review or review.approve"},
			{Name: "kind", Label: "Kind of object", Input: "search", Value: f.Kind, Placeholder: "flow"},
			{Name: "id", Label: "Object", Input: "search", Value: f.ID, Placeholder: "id or key"},
			{Name: "since", Label: "From", Input: "date", Value: dateOf(f.Since, 0)},
			{Name: "until", Label: "To", Input: "date", Value: dateOf(f.Until, -1)},
		}},
		Empty: ui.Empty{Icon: "shield-check", Title: "No record", Text: "No record matches this filter."},
	}
	if len(q) > 0 {
		p.Filters.ClearURL = "/audit"
	}
	for _, r := range rows {
		p.Rows = append(p.Rows, s.auditRow(r))
	}
	if f.Before > 0 {
		p.Pager.PrevURL = "/audit?" + q.Encode()
	}
	if next > 0 {
		q.Set("before", strconv.FormatInt(next, 10))
		p.Pager.NextURL = "/audit?" + q.Encode()
	}
	if len(rows) > 0 {
		p.Pager.Text = fmt.Sprintf("%d records", len(rows))
	}
	return p
}

func dateOf(t time.Time, days int) string {
	if t.IsZero() {
		return ""
	}
	return t.AddDate(0, 0, days).Format(time.DateOnly)
}

func (s *Server) auditRow(r postgres.AuditRow) settings.AuditRow {
	out := settings.AuditRow{ID: strconv.FormatInt(r.ID, 10), When: r.At.UTC().Format("2 Jan 2006 15:04:05"), ISO: r.At.UTC().Format(time.RFC3339Nano), Action: r.Action, Actor: r.ActorName, ActorURL: "/audit?actor=" + url.QueryEscape(r.ActorID),
		Address: r.Address, Object: r.Kind + " " + r.ObjectID, ObjectURL: "/audit?" + url.Values{"kind": {r.Kind}, "id": {r.ObjectID}}.Encode(), Hash: r.Hash, Sealed: ui.Badge{Tone: "warn", Text: "Not sealed yet"}}
	if r.Seq > 0 {
		out.Sealed = ui.Badge{Tone: "good", Text: "No. " + strconv.FormatInt(r.Seq, 10)}
	}
	if r.Detail != "{}" {
		out.Detail = r.Detail
	}
	return out
}
