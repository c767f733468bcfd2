package web

import (
	"bufio"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/author"
	views "joinery/views/author"
)

// authorLive is GET /author/:id/live: the conversation as it goes on. What the model
// says is sent as it comes; the part of the page when a stage begins or ends.
func (s *Server) authorLive(c *fiber.Ctx, who auth.Actor) error {
	id := author.ConversationID(strings.Clone(c.Params("id")))
	if _, err := s.talk(c.UserContext(), who, id); err != nil {
		return err
	}
	render := s.fragment(c)
	show := func(ctx context.Context, t talk, so func(stream, kept string) string) (string, error) {
		return render(ctx, views.Part(s.talkBody(t, who, said{}, so)))
	}
	f := &follower{s: s, who: who, id: id, event: "fragment", show: show, said: map[string]string{}, sent: map[string]int{}}
	still := s.still(c)
	return s.streaming(c, func(ctx context.Context, w *bufio.Writer) error { return f.follow(ctx, w, still) })
}

// follower follows one conversation for one reader.
type follower struct {
	s   *Server
	who auth.Actor
	id  author.ConversationID
	// show makes what is sent as the event of this name; so gives what the model said in
	// a stage, of which a part is kept.
	show  func(ctx context.Context, t talk, so func(stream, kept string) string) (string, error)
	event string
	// last is the part as the reader has it, without what the model is saying.
	last string
	// said is what the model said so far in each stage, sent how much of it the reader has.
	said map[string]string
	sent map[string]int
	// open is the turn that is under way, running the stream of its stage.
	open    author.TurnID
	running string
	// heard is the turn whose events come from this process.
	heard  author.TurnID
	events <-chan author.Event
	stop   func()
	spoke  time.Time
}

func (f *follower) follow(ctx context.Context, w *bufio.Writer, still func(context.Context) error) error {
	if _, err := w.WriteString("retry: 2000\n\n"); err != nil {
		return err
	}
	defer func() { f.listen("") }()
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	f.spoke = time.Now()
	for look := true; ; {
		if look {
			if err := still(ctx); err != nil {
				return err
			}
			final, err := f.look(ctx, w)
			if err != nil {
				return err
			}
			if final {
				writeEvent(w, "done", "")
				return w.Flush()
			}
		}
		if err := f.tell(w); err != nil {
			return err
		}
		select {
		case <-f.s.stopping:
			return nil
		case <-ctx.Done():
			return nil
		case e, ok := <-f.events:
			look = f.happens(e, ok)
		case <-tick.C:
			look = true
		}
	}
}

// listen follows a turn that this process carries; "" follows none.
func (f *follower) listen(turn author.TurnID) {
	if turn == f.heard {
		return
	}
	if f.stop != nil {
		f.stop()
	}
	f.heard, f.events, f.stop = turn, nil, nil
	if turn == "" || f.s.Author == nil {
		return
	}
	stage, text, carried, events, stop := f.s.Author.Hub.Listen(turn)
	f.events, f.stop = events, stop
	if carried {
		f.hear(streamID(turn, stage), text)
	}
}

// happens takes what happened; true asks for a new look.
func (f *follower) happens(e author.Event, ok bool) bool {
	switch stream := streamID(e.Turn, e.Stage); {
	case !ok: // too slow: it begins anew
		f.listen("")
	case e.Text != "":
		f.said[stream] += e.Text
		return false
	case e.State == author.Running:
		f.said[stream], f.last = "", ""
	}
	return true
}

// look reads the conversation anew, and sends the part when it is another one.
func (f *follower) look(ctx context.Context, w *bufio.Writer) (final bool, err error) {
	t, err := f.s.talk(ctx, f.who, f.id)
	if err != nil {
		return false, err
	}
	f.open, f.running = "", ""
	for _, x := range t.turns {
		if x.State == author.Waiting || x.State == author.Running {
			f.open = x.ID
		}
		for _, g := range x.Stages {
			if g.State == author.Running {
				f.running = streamID(x.ID, g.Stage)
			}
		}
	}
	f.listen(f.open)
	now, err := f.show(ctx, t, func(stream, kept string) string {
		f.hear(stream, kept)
		return ""
	})
	if err != nil {
		return false, err
	}
	if now != f.last {
		f.last = now
		whole, err := f.show(ctx, t, func(stream, _ string) string {
			f.sent[stream] = len(f.said[stream])
			return f.said[stream]
		})
		if err != nil {
			return false, err
		}
		f.spoke = time.Now()
		writeEvent(w, f.event, whole)
	}
	return !t.working(), nil
}

// hear takes a text that is as new as the one before, or newer; one that does not go on
// from what was said is a new beginning.
func (f *follower) hear(stream, text string) {
	switch was := f.said[stream]; {
	case strings.HasPrefix(text, was):
		f.said[stream] = text
	case !strings.HasPrefix(was, text):
		f.said[stream], f.last = text, ""
	}
}

// piece is text that is added to a stream of the page.
type piece struct {
	Stream string `json:"stream"`
	From   int    `json:"from"`
	To     int    `json:"to"`
	Text   string `json:"text"`
}

// tell sends what was said since.
func (f *follower) tell(w *bufio.Writer) error {
	text, sent := f.said[f.running], f.sent[f.running]
	if f.running != "" && f.last != "" && len(text) > sent {
		raw, err := json.Marshal(piece{f.running, sent, len(text), visible(text[sent:])})
		if err != nil {
			return err
		}
		f.sent[f.running], f.spoke = len(text), time.Now()
		writeEvent(w, "delta", string(raw))
	}
	if time.Since(f.spoke) > livePing {
		f.spoke = time.Now()
		_, _ = w.WriteString(": ping\n\n")
	}
	return w.Flush() // fails when the browser is gone
}
