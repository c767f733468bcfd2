package author

import (
	"sync"
)

// Event is something that happens to a turn: a piece of what is said, or a stage that
// begins or ends.
type Event struct {
	Turn  TurnID
	Stage Stage
	State State
	Text  string
	// End says that nothing more comes from this process.
	End bool
}

// Hub tells those who listen in this process what happens to turns, at once.
type Hub struct {
	mu    sync.Mutex
	turns map[TurnID]*channel
}

type channel struct {
	carried bool
	stage   Stage
	said    []byte
	to      map[chan Event]bool
}

// pending is how many events a listener may be behind; one that is further behind is let
// go and begins anew.
const pending = 512

func newHub() *Hub { return &Hub{turns: map[TurnID]*channel{}} }

func (h *Hub) of(t TurnID) *channel {
	c := h.turns[t]
	if c == nil {
		c = &channel{to: map[chan Event]bool{}}
		h.turns[t] = c
	}
	return c
}

// Listen gives what is said in the running stage so far, and from then on each event.
// carried is false when this process does not carry the turn: then the store has what
// there is. The channel is closed for who is too slow. Call stop at the end.
func (h *Hub) Listen(t TurnID) (stage Stage, said string, carried bool, events <-chan Event, stop func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, to := h.of(t), make(chan Event, pending)
	c.to[to] = true
	return c.stage, string(c.said), c.carried, to, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(c.to, to)
		h.forget(t, c)
	}
}

func (h *Hub) forget(t TurnID, c *channel) {
	if !c.carried && len(c.to) == 0 && h.turns[t] == c {
		delete(h.turns, t)
	}
}

func (h *Hub) begin(t TurnID, s Stage) {
	h.mu.Lock()
	c := h.of(t)
	c.carried, c.stage, c.said = true, s, nil
	h.mu.Unlock()
	h.tell(Event{Turn: t, Stage: s, State: Running})
}

func (h *Hub) tell(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.turns[e.Turn]
	if c == nil {
		return
	}
	c.said = append(c.said, e.Text...)
	for to := range c.to {
		select {
		case to <- e:
		default:
			close(to)
			delete(c.to, to)
		}
	}
}

func (h *Hub) end(t TurnID) {
	h.tell(Event{Turn: t, End: true})
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.turns[t]; c != nil {
		c.carried, c.said = false, nil
		h.forget(t, c)
	}
}
