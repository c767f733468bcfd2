package flow

import "slices"

// Sizes of the drawing, in canvas units. The canvas in the browser uses the same.
const (
	BoxWidth  = 220.0
	BoxHeight = 60.0
	rowGap    = 64.0
	boxGap    = 40.0
)

// Drawing is a flow as boxes and lines, for pages that draw without script.
type Drawing struct {
	Boxes         []Box
	Lines         []Wire
	Width, Height float64
}

// Box is one node.
type Box struct {
	ID          NodeID
	Title, Type string
	Icon        string
	Category    string
	X, Y        float64
}

// Wire is one edge, from the bottom of a box to the top of another.
type Wire struct {
	From, To       NodeID
	Port           string
	X1, Y1, X2, Y2 float64
}

// Draw places a flow's boxes: where the layout has them, else below each other by
// how far they are from the start. The top left corner is at 0, 0.
func Draw(c Content, l Layout, cat Catalog) Drawing {
	at := place(c, cat)
	whole := len(c.Nodes) > 0
	for _, n := range c.Nodes {
		if _, ok := l.Nodes[n.ID]; !ok {
			whole = false
		}
	}
	if whole {
		at = l.Nodes
	}
	return drawn(c, at, cat)
}

func drawn(c Content, at map[NodeID]Position, cat Catalog) Drawing {
	var d Drawing
	var minX, minY float64
	for i, n := range c.Nodes {
		p := at[n.ID]
		if i == 0 || p.X < minX {
			minX = p.X
		}
		if i == 0 || p.Y < minY {
			minY = p.Y
		}
	}
	where := map[NodeID]int{}
	for _, n := range c.Nodes {
		b := Box{ID: n.ID, Title: n.Title(), Type: n.Type, Icon: "circle-help", X: at[n.ID].X - minX, Y: at[n.ID].Y - minY}
		if spec, ok := cat.Spec(n.Type); ok {
			b.Type, b.Icon, b.Category = spec.Title, spec.Icon, spec.Category
		}
		d.Width, d.Height = max(d.Width, b.X+BoxWidth), max(d.Height, b.Y+BoxHeight)
		where[n.ID] = len(d.Boxes)
		d.Boxes = append(d.Boxes, b)
	}
	for _, e := range c.Edges {
		from, port := e.Split()
		i, ok1 := where[from]
		j, ok2 := where[e.To]
		if !ok1 || !ok2 {
			continue
		}
		a, b := d.Boxes[i], d.Boxes[j]
		d.Lines = append(d.Lines, Wire{From: from, To: e.To, Port: port, X1: a.X + BoxWidth/2, Y1: a.Y + BoxHeight, X2: b.X + BoxWidth/2, Y2: b.Y})
	}
	return d
}

// place gives each node a row by its longest way from the start, and within the
// row a place below what leads to it, ports from left to right.
func place(c Content, cat Catalog) map[NodeID]Position {
	order := Order(c)
	row, parents := map[NodeID]int{}, map[NodeID][]NodeID{}
	for _, id := range order {
		for _, to := range ways(c, id, cat) {
			if slices.Index(order, to) > slices.Index(order, id) {
				row[to] = max(row[to], row[id]+1)
				parents[to] = append(parents[to], id)
			}
		}
	}
	rows := map[int][]NodeID{}
	deepest := 0
	for _, id := range order {
		rows[row[id]] = append(rows[row[id]], id)
		deepest = max(deepest, row[id])
	}
	at := map[NodeID]Position{}
	for r := 0; r <= deepest; r++ {
		next := 0.0
		for i, id := range rows[r] {
			want := 0.0
			for _, p := range parents[id] {
				want += at[p].X
			}
			if n := len(parents[id]); n > 0 {
				want /= float64(n)
			}
			if i > 0 {
				want = max(want, next)
			}
			at[id] = Position{X: want, Y: float64(r) * (BoxHeight + rowGap)}
			next = want + BoxWidth + boxGap
		}
	}
	return at
}

// ways lists what a node leads to, in the order of its ports.
func ways(c Content, id NodeID, cat Catalog) []NodeID {
	n, _ := c.Find(id)
	spec, _ := cat.Spec(n.Type)
	var out []NodeID
	for _, p := range append(PortsOf(n, spec), Port{Name: ErrorPort}) {
		for _, e := range c.Edges {
			if from, port := e.Split(); from == id && port == p.Name && !slices.Contains(out, e.To) {
				out = append(out, e.To)
			}
		}
	}
	return out
}
