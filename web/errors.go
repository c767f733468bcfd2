package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"joinery/internal/fault"
	"joinery/views/trouble"
)

var statusOf = map[fault.Kind]int{
	fault.Invalid: http.StatusUnprocessableEntity, fault.NotFound: http.StatusNotFound, fault.Conflict: http.StatusConflict,
	fault.Forbidden: http.StatusForbidden, fault.Unauthenticated: http.StatusUnauthorized, fault.Unavailable: http.StatusServiceUnavailable,
	fault.TooLarge: http.StatusRequestEntityTooLarge, fault.TooMany: http.StatusTooManyRequests, fault.Unsupported: http.StatusUnsupportedMediaType,
	fault.Internal: http.StatusInternalServerError,
}

var titleOf = map[int]string{
	http.StatusBadRequest: "That cannot be read", http.StatusUnprocessableEntity: "Something is not right", http.StatusNotFound: "Not found", http.StatusConflict: "It changed in the meantime",
	http.StatusForbidden: "Not allowed", http.StatusUnauthorized: "Sign in first", http.StatusServiceUnavailable: "Not available right now",
	http.StatusRequestEntityTooLarge: "Too large", http.StatusTooManyRequests: "Too many at once", http.StatusUnsupportedMediaType: "Not a type we read",
	http.StatusMethodNotAllowed: "Not possible here", http.StatusInternalServerError: "Something went wrong", http.StatusRequestHeaderFieldsTooLarge: "Too large",
	http.StatusMisdirectedRequest: "Another address",
}

// problem is an RFC 9457 problem document.
type problem struct {
	Type     string          `json:"type"`
	Title    string          `json:"title"`
	Status   int             `json:"status"`
	Detail   string          `json:"detail"`
	Instance string          `json:"instance,omitempty"`
	Problems []fault.Problem `json:"problems,omitempty"`
	Request  string          `json:"request,omitempty"`
}

// fail answers with an error: a problem document for machines, a page for people.
// It is also fiber's error handler, for requests that were refused before they
// reached us.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	status, f := s.explain(c, err)
	if requestID(c) == "" {
		s.headers(c)
	}
	c.Status(status)
	c.Set("Cache-Control", "no-store")
	if f.RetryAfter > 0 {
		c.Set("Retry-After", strconv.Itoa(max(1, int(f.RetryAfter.Seconds()))))
	}
	if wantsJSON(c) {
		return sendProblem(c, status, f)
	}
	if status == http.StatusUnauthorized && (c.Method() == http.MethodGet || c.Method() == http.MethodHead) {
		return c.Redirect("/sign-in?next="+url.QueryEscape(c.OriginalURL()), http.StatusSeeOther)
	}
	page := trouble.Page{Title: titleOf[status], Sentence: f.Sentence, Request: requestID(c), BackURL: "/", BackText: "Go to the first page"}
	for _, p := range f.Problems {
		page.Problems = append(page.Problems, p.Detail)
	}
	if status == http.StatusUnauthorized {
		page.BackURL, page.BackText = "/sign-in", "Sign in"
	}
	who, whoErr := s.signedIn(c)
	if whoErr != nil {
		return s.plain(c, page.Title, trouble.Show(page))
	}
	return s.show(c, who, frame{Title: page.Title}, trouble.Show(page))
}

// explain gives the status and the fault to show. What is nobody's fault but ours
// is logged here, once.
func (s *Server) explain(c *fiber.Ctx, err error) (int, fault.Error) {
	var fe *fiber.Error
	if errors.As(err, &fe) {
		return fe.Code, fault.Error{Sentence: fiberSentence(c, fe.Code)}
	}
	if errors.Is(err, fasthttp.ErrBodyTooLarge) {
		return http.StatusRequestEntityTooLarge, fault.Error{Sentence: fiberSentence(c, http.StatusRequestEntityTooLarge)}
	}
	kind := fault.KindOf(err)
	status := statusOf[kind]
	var special statusError
	if errors.As(err, &special) {
		status = special.status
	}
	if kind == fault.Invalid && strings.HasPrefix(c.Path(), "/hooks/") {
		status = http.StatusBadRequest // the contract of intake
	}
	switch kind {
	case fault.Internal:
		s.Log.Error("request failed", "request", requestID(c), "route", c.Route().Path, "err", err)
	case fault.Unavailable:
		s.Log.Warn("request failed", "request", requestID(c), "route", c.Route().Path, "err", err)
	}
	return status, fault.Error{Kind: kind, Sentence: fault.Sentence(err), Problems: fault.Problems(err), RetryAfter: fault.RetryAfter(err)}
}

func fiberSentence(c *fiber.Ctx, code int) string {
	switch code {
	case http.StatusNotFound:
		return "There is nothing at this address. It may have been mistyped, or what was here is gone."
	case http.StatusMethodNotAllowed:
		return "This address does not answer to " + c.Method() + "."
	case http.StatusRequestEntityTooLarge:
		if bodyLimits(&c.Request().Header).MaxRequestBodySize == bulkBodyLimit {
			return "What was sent is larger than 16 MiB. Send the list in parts."
		}
		return "What was sent is larger than 2 MiB."
	case http.StatusRequestHeaderFieldsTooLarge:
		return "The request's headers are too large. Clear this site's cookies and try again."
	}
	return "The request could not be read."
}

func wantsJSON(c *fiber.Ctx) bool {
	p := c.Path()
	if strings.HasPrefix(p, "/api/") || strings.HasPrefix(p, "/hooks/") || p == "/palette" {
		return true
	}
	accept := c.Get("Accept")
	return strings.Contains(accept, "json") && !strings.Contains(accept, "text/html")
}

func sendProblem(c *fiber.Ctx, status int, f fault.Error) error {
	if status == http.StatusUnauthorized {
		c.Set("WWW-Authenticate", `Bearer realm="joinery"`)
	}
	body, err := json.Marshal(problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: f.Sentence, Instance: c.Path(), Problems: f.Problems, Request: requestID(c)})
	if err != nil {
		return err
	}
	c.Set("Content-Type", "application/problem+json")
	return c.Send(body)
}
