package flow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"unicode/utf8"

	"joinery/internal/fault"
)

// Layout is what a canvas shows beside the content: where the boxes stand, notes
// and groups. It is stored beside the revisions and never hashed.
type Layout struct {
	Nodes  map[NodeID]Position `json:"nodes,omitempty"`
	Notes  []Note              `json:"notes,omitempty"`
	Groups []Group             `json:"groups,omitempty"`
}

// Position is in canvas units.
type Position struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Note is a sticky note.
type Note struct {
	ID   string  `json:"id"`
	X    float64 `json:"x"`
	Y    float64 `json:"y"`
	W    float64 `json:"w"`
	H    float64 `json:"h"`
	Text string  `json:"text"`
	Tone string  `json:"tone,omitempty"`
}

// Group is a titled frame around nodes.
type Group struct {
	ID    string   `json:"id"`
	Title string   `json:"title"`
	Tone  string   `json:"tone,omitempty"`
	Nodes []NodeID `json:"nodes"`
}

// Bounds of a layout.
const (
	maxLayout = 1 << 18
	maxNotes  = 200
	maxGroups = 100
	maxNote   = 4000
	maxTitle  = 200
	farthest  = 1e6
)

var layoutID = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

// ReadLayout reads a layout strictly; nothing is an empty one.
func ReadLayout(raw []byte) (Layout, error) {
	var l Layout
	if len(bytes.TrimSpace(raw)) == 0 {
		return l, nil
	}
	if len(raw) > maxLayout {
		return l, fault.New(fault.TooLarge, "The layout is larger than 256 KiB. Remove some notes.")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return Layout{}, fault.Wrap(fault.Invalid, err, "The layout cannot be read.")
	}
	return l, l.check()
}

func (l Layout) check() error {
	bad := func(why string) error { return fault.New(fault.Invalid, "The layout cannot be kept: %s", why) }
	far := func(xs ...float64) bool {
		for _, x := range xs {
			if math.IsNaN(x) || math.Abs(x) > farthest {
				return true
			}
		}
		return false
	}
	if len(l.Nodes) > 2000 || len(l.Notes) > maxNotes || len(l.Groups) > maxGroups {
		return bad(fmt.Sprintf("a flow may have up to %d notes and %d groups.", maxNotes, maxGroups))
	}
	for id, p := range l.Nodes {
		if far(p.X, p.Y) || !layoutID.MatchString(string(id)) {
			return bad("a box stands too far away.")
		}
	}
	for _, n := range l.Notes {
		if !layoutID.MatchString(n.ID) || far(n.X, n.Y, n.W, n.H) || utf8.RuneCountInString(n.Text) > maxNote || len(n.Tone) > 20 {
			return bad("a note may have up to 4,000 characters.")
		}
	}
	for _, g := range l.Groups {
		if !layoutID.MatchString(g.ID) || utf8.RuneCountInString(g.Title) > maxTitle || len(g.Nodes) > 2000 || len(g.Tone) > 20 {
			return bad("the title of a group may have up to 200 characters.")
		}
	}
	return nil
}

// JSON writes a layout as it is stored.
func (l Layout) JSON() ([]byte, error) { return json.Marshal(l) }

// Beside gives this layout with places for all nodes of a content that it or another
// has: what only the other has stands where it did there, or right of that when
// something stands there now. Nodes that neither has are left out.
func (l Layout) Beside(c Content, other Layout) Layout {
	out := Layout{Nodes: map[NodeID]Position{}, Notes: l.Notes, Groups: l.Groups}
	for _, n := range c.Nodes {
		if p, ok := l.Nodes[n.ID]; ok {
			out.Nodes[n.ID] = p
		}
	}
	for _, n := range c.Nodes {
		p, ok := other.Nodes[n.ID]
		if _, has := out.Nodes[n.ID]; has || !ok {
			continue
		}
		for range len(c.Nodes) { // each step passes one box
			next, hit := p.X, false
			for _, q := range out.Nodes {
				if math.Abs(p.X-q.X) < BoxWidth+boxGap && math.Abs(p.Y-q.Y) < BoxHeight+boxGap/2 {
					next, hit = max(next, q.X+BoxWidth+boxGap), true
				}
			}
			if !hit {
				break
			}
			p.X = next
		}
		out.Nodes[n.ID] = p
	}
	return out
}
