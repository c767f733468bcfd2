package web

import (
	"encoding/json"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/policy"
	"joinery/internal/review"
)

type apiTryReason struct {
	Row    int    `json:"row,omitempty"`
	Took   bool   `json:"took"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

type apiSeen struct {
	Connection string `json:"connection"`
	Title      string `json:"title"`
	Detail     string `json:"detail"`
	Good       bool   `json:"good"`
	Row        int    `json:"row,omitempty"`
}

type apiAsked struct {
	Connection string `json:"connection"`
	Answered   bool   `json:"answered"`
	Detail     string `json:"detail"`
}

// apiPolicyTry is POST /api/v1/policies/:key/try: what a policy decides for one
// joiner, and why. It keeps and writes nothing.
func (s *Server) apiPolicyTry(c *fiber.Ctx, who auth.Actor) error {
	var in struct {
		Joiner     string          `json:"joiner"`
		Attributes map[string]any  `json:"attributes"`
		Worker     string          `json:"worker"`
		Now        string          `json:"now"`
		Inputs     map[string]any  `json:"inputs"`
		Write      map[string]any  `json:"write"`
		Wrote      map[string]any  `json:"wrote"`
		Planned    map[string]any  `json:"planned"`
		Live       bool            `json:"live"`
		Content    json.RawMessage `json:"content"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if in.Joiner == "" && in.Attributes == nil {
		return fault.Refuse("Say which joiner to try.", []fault.Problem{{Path: "attributes", Detail: "Give attributes, or the id of a joiner."}})
	}
	content, err := s.triedContent(c, in.Content)
	if err != nil {
		return err
	}
	kase, _, err := s.readTry(c.UserContext(), who, policyTry{joiner: in.Joiner})
	if err != nil {
		return err
	}
	attributes, _ := kase["joiner"].(map[string]any)
	for name, v := range in.Attributes {
		attributes[name] = v
	}
	for key, v := range map[string]any{"inputs": in.Inputs, "write": in.Write, "wrote": in.Wrote, "planned": in.Planned} {
		kase[key] = v
	}
	if in.Worker != "" {
		kase["worker"] = in.Worker
	}
	kase["now"] = in.Now
	sub, err := subjectOf(kase, s.Now())
	if err != nil {
		return err
	}
	t := &tried{subject: sub}
	if in.Live {
		if content.Naming != nil {
			if t.subject.Lookups, err = s.lookups(c.UserContext(), who, sub); err != nil {
				return err
			}
		}
		s.tryLive(c.UserContext(), who, policyTry{joiner: in.Joiner}, content, t)
	} else {
		t.outcome, _, t.err = s.tryRules(c.UserContext(), content, sub)
	}
	if t.err != nil {
		return t.err
	}
	return sendJSON(c, http.StatusOK, apiTriedOf(t))
}

// apiTriedOf is what came of a try.
func apiTriedOf(t *tried) map[string]any {
	reasons := []apiTryReason{}
	for _, r := range t.outcome.Reasons {
		reasons = append(reasons, apiTryReason(r))
	}
	output := jsonValues(t.outcome.Output)
	if output == nil {
		output = map[string]any{}
	}
	out := map[string]any{"output": output, "person": t.outcome.Person, "reasons": reasons}
	if t.seen != nil {
		seen, systems := []apiSeen{}, []apiAsked{}
		for _, l := range t.seen.lines {
			seen = append(seen, apiSeen{l.Connection, l.Title, l.Detail, l.Good, l.Row})
		}
		for _, a := range t.seen.answers {
			systems = append(systems, apiAsked{a.Connection, a.Miss == "", a.Miss})
		}
		out["seen"], out["systems"], out["note"] = seen, systems, t.seen.note
	}
	return out
}

// triedContent is the content that was sent, or else the newest revision's.
func (s *Server) triedContent(c *fiber.Ctx, sent json.RawMessage) (policy.Content, error) {
	if len(sent) == 0 || string(sent) == "null" {
		_, rev, err := s.newest(c, review.Policy)
		if err != nil {
			return policy.Content{}, err
		}
		return s.kinds().Policy([]byte(rev.Content))
	}
	if _, err := s.DB.Artifact(c.UserContext(), review.Policy, c.Params("key")); err != nil {
		return policy.Content{}, err
	}
	doc, err := s.kinds().Read(review.Policy, c.Params("key"), sent)
	if err != nil {
		return policy.Content{}, err
	}
	return s.kinds().Policy(doc.Content)
}
