package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"joinery/internal/auth"
	"joinery/internal/author"
	"joinery/internal/function"
	"joinery/internal/postgres"
	"joinery/views/reviews"
	"joinery/views/ui"
)

// askURL leads to the form that asks about a function.
func askURL(key string, kind author.Kind, text string) string {
	v := url.Values{"function": {key}, "kind": {string(kind)}}
	if text != "" {
		v.Set("text", text)
	}
	return "/author?" + v.Encode()
}

// functionAsks are what can be asked about a function, whoever wrote it.
func functionAsks(who auth.Actor, key string) []ui.Button {
	if !who.Can(auth.ArtifactWrite) {
		return nil
	}
	var out []ui.Button
	for _, b := range askButtons(author.Request) {
		out = append(out, ui.Button{Text: b.Text, Icon: b.Icon, URL: askURL(key, author.Kind(b.Kind), "")})
	}
	return out
}

// reviewAsked shows a reviewer what was asked for, where a model wrote a part of what is
// reviewed, and the gates of the function whoever wrote it.
func (s *Server) reviewAsked(ctx context.Context, p *reviews.Page, d postgres.ReviewDetail, who auth.Actor) error {
	if err := s.reviewGates(ctx, p, d); err != nil {
		return err
	}
	bound, err := s.DB.AuthorBindings(ctx, d.Key, d.BaseRevision+1, d.Revision)
	if err != nil || len(bound) == 0 {
		return err
	}
	newest := bound[0]
	a := &reviews.Asked{Text: "A language model wrote this revision, word for word. Who asked for it submitted it and answers for it."}
	if newest.Hash != d.Hash {
		a.Text = fmt.Sprintf("A language model wrote revision %d; people changed it since.", newest.Revision)
	}
	seen := map[author.ConversationID]bool{}
	for i := len(bound) - 1; i >= 0; i-- { // in the order in which it was asked for
		if err := s.askedOf(ctx, a, bound[i], seen, who); err != nil {
			return err
		}
	}
	a.Pairs = append([]ui.Pair{{Label: "Model", Value: visible(newest.Model)}}, a.Pairs...)
	p.Asked = a
	return nil
}

// reviewGates judges what is reviewed once more, by what its examination showed.
func (s *Server) reviewGates(ctx context.Context, p *reviews.Page, d postgres.ReviewDetail) error {
	e, found, err := s.DB.Examination(ctx, d.Hash)
	if err != nil || !found || e.State != postgres.ExaminationDone {
		return err
	}
	c, err := function.Decode([]byte(d.Content))
	if err != nil {
		return err
	}
	set, err := s.DB.AuthorSetting(ctx)
	if err != nil {
		return err
	}
	in, _, err := s.DB.Agreed(ctx, d.Hash)
	if err != nil {
		return err
	}
	p.Gates = gateList(author.Judge(c, e.Report, in, set.Mutation), gatesOf(in))
	return nil
}

// askedOf adds what led to one revision.
func (s *Server) askedOf(ctx context.Context, a *reviews.Asked, b author.Binding, seen map[author.ConversationID]bool, who auth.Actor) error {
	turn, err := s.DB.AuthorTurn(ctx, b.Turn)
	if err != nil {
		return err
	}
	t, err := s.talk(ctx, who, b.Conversation)
	if err != nil {
		return err
	}
	a.Requests = append(a.Requests, reviews.Request{By: fmt.Sprintf("%s, %s, for revision %d", t.OwnerName, s.moment(turn.CreatedAt), b.Revision), Text: visible(turn.Ask)})
	if g := turn.At(author.IntentStage); g != nil && g.State == author.Done {
		var in author.Intent
		if err := json.Unmarshal(g.Result, &in); err != nil {
			return fmt.Errorf("read intent: %w", err)
		}
		a.Restated = restated(in)
	}
	if g := turn.At(author.ChecksStage); g != nil && g.State == author.Done {
		if err := readStage(g.Result, func(r author.Checks) { a.Pairs = limitPairs(r.Content.Manifest.Limits, r.LimitsWhy) }); err != nil {
			return err
		}
	}
	if seen[b.Conversation] {
		return nil
	}
	seen[b.Conversation] = true
	a.Actions = append(a.Actions, ui.Button{Text: "The conversation", Icon: "message-square", URL: "/author/" + string(b.Conversation)})
	if t.mayReadCalls(who) {
		a.Actions = append(a.Actions, ui.Button{Text: "What was sent", Icon: "file-text", URL: "/author/" + string(b.Conversation) + "/calls"})
	}
	return nil
}
